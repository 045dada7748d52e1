"""MLflow's files in the S3-compatible store, by way of MLflow alone: scheme `store`, for `--artifacts-destination`.

MLflow's own S3 repository hands its clients addresses of the store, to fetch files there by themselves; nobody outside
of the cluster reaches it, and a client would try for minutes. This one does the same work and offers no address.
https://mlflow.org/docs/latest/plugins.html
"""

from __future__ import annotations

from typing import Any

from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository


class StoreArtifactRepository(ArtifactRepository):  # type: ignore[misc]
    """`store://BUCKET/PATH` is what `s3://BUCKET/PATH` is to MLflow's own."""

    def __init__(self, artifact_uri: str, *arguments: Any, **named: Any) -> None:
        super().__init__(artifact_uri, *arguments, **named)
        self._store = S3ArtifactRepository("s3://" + artifact_uri.partition("://")[2], *arguments, **named)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Keep a file."""
        self._store.log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Keep what lies in a folder."""
        self._store.log_artifacts(local_dir, artifact_path)

    def list_artifacts(self, path: str | None = None) -> Any:
        """Return what lies below a path."""
        return self._store.list_artifacts(path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete what lies below a path."""
        self._store.delete_artifacts(artifact_path)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        self._store._download_file(remote_file_path, local_path)
