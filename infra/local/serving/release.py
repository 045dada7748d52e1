"""One release as a process: `python -m infra.local.serving.release HOME NAME NUMBER`.

It fetches the model, once, as the storage initializer of KServe does, and then serves the application with uvicorn on
the release's Unix socket. The application learns from its environment what it serves: MODEL_URI (a local folder),
MODEL_NAME, MODEL_VERSION, RELEASE and PREDICTION_LOG.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from infra.deployments import Registered
from infra.local.layout import Layout, Settings
from infra.local.serving.router import socket
from infra.local.serving.store import Store

# MLflow's own server for a model: /invocations, /ping, /health. A unit test guards the two names.
MODEL_APP = "mlflow.pyfunc.scoring_server.app:app"
MODEL_VARIABLE = "__pyfunc_model_path__"


def main(home: str, name: str, number: str) -> int:
    """Serve until stopped."""
    layout = Layout(Path(home))
    settings, store = Settings.load(layout), Store(layout)
    deployment = store.read(name)
    if settings is None or deployment is None:
        print(f"the record of {name} is missing or damaged; `infra undeploy {name}`, then deploy it anew", flush=True)
        return 1
    release, folder = deployment.release(int(number)), store.folder(name, int(number))
    variables = {"RELEASE": number, "PREDICTION_LOG": str(store.folder(name) / "predictions.jsonl")}
    if release.model:
        model = fetch(release.model, folder)
        variables |= {
            "MODEL_URI": str(model),
            "MODEL_NAME": release.model.name,
            "MODEL_VERSION": release.model.version,
            MODEL_VARIABLE: str(model),
        }
    os.environ.update(variables)
    code = folder / "code"
    os.chdir(code)
    sys.path.insert(0, str(code))

    import uvicorn

    uvicorn.run(
        release.app or MODEL_APP,
        uds=str(socket(settings, name, int(number))),
        timeout_graceful_shutdown=5,
    )
    return 0


def fetch(model: Registered, folder: Path) -> Path:
    """The model's folder, fetched from the registry where it is not there yet."""
    target = folder / "model"
    if not target.exists():
        from mlflow.artifacts import download_artifacts

        print(f"fetching {model}", flush=True)
        draft = folder / "fetching"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        Path(download_artifacts(artifact_uri=str(model), dst_path=str(draft))).replace(target)
        shutil.rmtree(draft, ignore_errors=True)
    return target


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
