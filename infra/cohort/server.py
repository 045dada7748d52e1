"""What a learner's pod runs: the platform of the local profile, then JupyterHub's server in its place.

The learner is enrolled by the file that the cohort's namespace brings, and terminals know the platform.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from checker import platform
from checker.enrolment import enrol, enrolled
from checker.errors import CheckerError

ENROLMENT = Path("/etc/mlops-labs/enrolment.json")
PATIENCE = 240.0
"""Shorter than the hub waits: a learner whose platform does not start shall see it in a terminal."""
PROGRAM = "jupyterhub-singleuser"
UP = (sys.executable, "-P", "-m", "infra", "up", "--profile", "local", "--no-jupyter")


def main(words: list[str]) -> None:
    """Prepare, then become the server; nothing that goes wrong before keeps the learner from it."""
    try:
        if ENROLMENT.exists() and enrolled() is None:
            enrol(ENROLMENT)
    except CheckerError as error:
        print(f"not enrolled: {error.found}", file=sys.stderr, flush=True)
    try:
        subprocess.run(UP, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"the platform did not start: {error}; try `infra up --no-jupyter`", file=sys.stderr, flush=True)
    variables = {name: value for name, value in platform.environment().items() if name not in os.environ}
    os.execvpe(PROGRAM, [PROGRAM, *words], {**os.environ, **variables})  # noqa: S606 - the server takes this place


if __name__ == "__main__":
    main(sys.argv[1:])
