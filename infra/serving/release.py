"""One release: fetch its model and serve its application, in a process of this machine or in a pod.

A pod does both by itself, in this order, told by its arguments; what else the application learns from its environment
(MODEL_URI, MODEL_NAME, MODEL_VERSION, RELEASE and PREDICTION_LOG) stands in the pod already:

    python -m infra.serving.release fetch ARCHIVE FOLDER [MODEL VERSION]
    python -m infra.serving.release serve APP FOLDER PORT
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any

from infra.deployments import Registered

# MLflow's own server for a model: /invocations, /ping, /health. A unit test guards the two names.
MODEL_APP = "mlflow.pyfunc.scoring_server.app:app"
MODEL_VARIABLE = "__pyfunc_model_path__"
CODE, MODEL = "code", "model"
GRACE = 5


def variables(number: int, model: Registered | None, folder: str, log: str) -> dict[str, str]:
    """What an application learns from its environment; `folder` holds the model."""
    told = {"RELEASE": str(number), "PREDICTION_LOG": log}
    if model:
        told |= {
            "MODEL_URI": f"{folder}/{MODEL}",
            "MODEL_NAME": model.name,
            "MODEL_VERSION": model.version,
            MODEL_VARIABLE: f"{folder}/{MODEL}",
        }
    return told


def fetch(model: Registered, folder: Path) -> Path:
    """The model's folder, fetched from the registry where it is not there yet."""
    target = folder / MODEL
    if not target.exists():
        from mlflow.artifacts import download_artifacts

        print(f"fetching {model}", flush=True)
        draft = folder / "fetching"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        Path(download_artifacts(artifact_uri=str(model), dst_path=str(draft))).replace(target)
        shutil.rmtree(draft, ignore_errors=True)
    return target


def unpack(archive: Path, folder: Path) -> Path:
    """The code, anew from its archive: a container that starts again must not find what it left behind."""
    target = folder / CODE
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    with tarfile.open(archive, "r:gz") as packed:
        packed.extractall(target, filter="data")
    return target


def serve(app: str | None, code: Path, **where: Any) -> None:
    """Serve an application, or the model alone, until stopped; `where` is what uvicorn listens on."""
    os.chdir(code)
    sys.path.insert(0, str(code))

    import uvicorn

    uvicorn.run(app or MODEL_APP, timeout_graceful_shutdown=GRACE, **where)


def main(words: list[str]) -> int:
    """Do one of the two; the exit status."""
    match words:
        case ["fetch", archive, folder]:
            unpack(Path(archive), Path(folder))
        case ["fetch", archive, folder, name, version]:
            unpack(Path(archive), Path(folder))
            fetch(Registered(name, version), Path(folder))
        case ["serve", app, code, port]:
            # The pod's own network: who may come in is said by the namespace's policies.
            serve(app, Path(code), host="0.0.0.0", port=int(port))  # noqa: S104
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
