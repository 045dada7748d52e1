"""Do a lab as somebody would: its solution, a wrong answer, or another right one, in a started workspace."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checker import platform
from checker.build import solution_notebook
from checker.course import Lab
from checker.errors import CheckerError
from checker.runner import load_checks
from checker.text import clean

LONGEST = 900


def solve(lab: Lab, root: Path, workspace: Path) -> None:
    """Execute the lab's solution through papermill in `workspace`, against the running platform.

    The executed notebook takes the place of the workspace's `lab.ipynb`, as if the learner had done it.

    Raises:
        CheckerError: a cell failed; the message is the end of its output.
    """
    import nbformat

    with tempfile.TemporaryDirectory(prefix="checker-solve-") as scratch:
        source = Path(scratch, "solution.ipynb")
        nbformat.write(solution_notebook(root / "solutions" / lab.name, load_checks(lab)), source)
        options = ["--cwd", str(workspace), "--kernel", "python3", "--no-progress-bar", "--log-output"]
        run([sys.executable, "-m", "papermill", *options, str(source), str(workspace / "lab.ipynb")], workspace)


def run(command: list[str], workspace: Path, extra: dict[str, str] | None = None) -> None:
    """Run `command` in `workspace` with the platform's environment.

    Raises:
        CheckerError: it did not end with status 0, or not within `LONGEST` seconds.
    """
    tools = str(Path(sys.executable).parent)
    environment = os.environ | platform.environment() | (extra or {})
    environment["PATH"] = f"{tools}{os.pathsep}{environment.get('PATH', '')}"
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        done = subprocess.run(
            command, cwd=workspace, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=LONGEST, check=False,
        )  # fmt: skip
        ended, told = f"ended with status {done.returncode}" if done.returncode else "", done.stdout
    except subprocess.TimeoutExpired as late:
        ended, told = f"was not done after {LONGEST} seconds", late.stdout or b""
    if ended:
        raise CheckerError(
            f"{Path(command[-1]).name} {ended}: {clean(told.decode(errors='replace')[-2000:], 2000)}",
            expected="a run to the end",
            next_step="run it by hand in the workspace",
        )
