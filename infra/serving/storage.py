"""Fetch a model for KServe through MLflow, so that no pod that serves holds a key to the store.

KServe's storage initializer in our words: the ClusterStorageContainer `mlflow` runs it before a server starts.

    python -m infra.serving.storage models:/card-fraud/3 /mnt/models
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

SCHEME = "models:/"
DRAFT = ".fetching"


def fetch(uri: str, folder: Path) -> None:
    """Lay the model's files directly into the folder; what an attempt before left there goes first."""
    for each in folder.iterdir():
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    from mlflow.artifacts import download_artifacts

    draft = folder / DRAFT
    draft.mkdir()
    fetched = Path(download_artifacts(artifact_uri=uri, dst_path=str(draft)))
    for each in fetched.iterdir():
        each.replace(folder / each.name)
    shutil.rmtree(draft)


def main(words: list[str]) -> int:
    """Fetch one model; the exit status."""
    match words:
        case [uri, folder] if uri.startswith(SCHEME):
            print(f"fetching {uri}", flush=True)
            fetch(uri, Path(folder))
            return 0
        case [uri, _]:
            # KServe shows the last lines in the status of the InferenceService.
            print(
                f"Found:    storageUri: {uri}\n"
                f"Expected: a model of the registry, as MLflow names it: {SCHEME}NAME/VERSION\n"
                "Next:     change storageUri, and apply the manifest again",
                file=sys.stderr,
            )
            return 2
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
