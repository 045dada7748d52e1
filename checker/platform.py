"""Where the platform keeps its state and at which addresses its services answer.

`infra up` writes what this module reads: one JSON file in the platform's home. An address in the
process environment wins over the file, so that a learner may point a lab at a server of their own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

HOME_VARIABLE = "MLOPS_LABS_HOME"


def home() -> Path:
    """The one folder that holds everything outside the clone: `$MLOPS_LABS_HOME` or the user's data folder."""
    if told := os.environ.get(HOME_VARIABLE):
        return Path(told).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("mlops-labs")


def environment_file() -> Path:
    """The file in which `infra up` leaves the environment that the labs read."""
    return home() / "platform.json"


def write_environment(variables: dict[str, str]) -> None:
    """Replace the platform's environment at once, so that no reader sees half of it."""
    path = environment_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(variables, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    draft.replace(path)


def environment() -> dict[str, str]:
    """What the running platform gives its labs, overlaid with the same variables of this process.

    Returns an empty dict while no platform was ever started. A damaged file counts as none.
    """
    try:
        stored = json.loads(environment_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stored = {}
    if not isinstance(stored, dict):
        stored = {}
    variables = {str(name): str(value) for name, value in stored.items()}
    return variables | {name: os.environ[name] for name in ("MLFLOW_TRACKING_URI",) if os.environ.get(name)}
