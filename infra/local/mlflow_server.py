"""MLflow's tracking server as one process: `python -m infra.local.mlflow_server HOME`.

`mlflow server --workers 1` imports MLflow twice, in two processes one after the other, and is ready in twice
the time with almost twice the memory. So its ASGI application runs here, by the private variables with which
`mlflow server` configures it; MLflow is pinned, and a unit test guards their names.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from infra.local.layout import Layout, Settings


def server_environment(layout: Layout) -> dict[str, str]:
    """What `mlflow server` would hand to its worker."""
    return {
        "_MLFLOW_SERVER_FILE_STORE": database_uri(layout),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": layout.artifacts.as_uri(),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def database_uri(layout: Layout) -> str:
    """The SQLite database as MLflow names it."""
    return f"sqlite:///{layout.database}"


def main(home: str) -> int:
    """Open or create the database, then serve until stopped."""
    layout = Layout(Path(home))
    settings = Settings.load(layout)
    if settings is None:
        print(f"{layout.settings_file} is missing or damaged; `infra up` writes it", flush=True)
        return 1
    layout.refusal.unlink(missing_ok=True)
    os.environ.update(server_environment(layout))

    import uvicorn  # before mlflow.server, which looks whether it runs under uvicorn
    from mlflow.server.handlers import initialize_backend_stores

    try:
        # Otherwise the first request does it, and a bad database shows only then.
        initialize_backend_stores(database_uri(layout), database_uri(layout), "mlflow-artifacts:/")
    except Exception as error:  # whatever MLflow, Alembic or SQLite think of the file
        # supervisord does not keep the exit status of a start that failed, so `infra up` gets a file.
        layout.refusal.write_text(str(error), encoding="utf-8")
        print(f"MLflow cannot use the database {layout.database}: {error}", flush=True)
        return 1
    uvicorn.run(
        "mlflow.server.fastapi_app:app",
        host="127.0.0.1",
        port=settings.mlflow_port,
        timeout_graceful_shutdown=5,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
