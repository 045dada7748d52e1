"""Run the scripts of right/ and wrong/ in forks of one process that has paid for the imports."""

import multiprocessing
import os
import runpy
import sys
import tempfile
import traceback
from pathlib import Path

from checker import platform
from checker.text import clean

HEAVY = ["mlflow.sklearn", "nbformat", "papermill", "sklearn.ensemble", "sklearn.linear_model", "sklearn.tree"]
LONGEST = 900

_context = multiprocessing.get_context("forkserver")


def run_script(script: Path, workspace: Path) -> None:
    """Run a script of wrong/ or right/ in `workspace`, with its own folder and right/ on its path.

    Raises:
        RuntimeError: it did not end with status 0; the message is the end of what it printed.
    """
    # Heard once, by the first call: the server starts with it.
    _context.set_forkserver_preload(HEAVY)
    environment = os.environ | platform.environment()
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    environment["PYTHONPATH"] = str(script.parent.parent / "right")
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.NamedTemporaryFile() as printed:
        process = _context.Process(target=_run, args=(str(script), str(workspace), environment, printed.name))
        process.start()
        process.join(LONGEST)
        if process.exitcode is None:
            process.kill()
            process.join()
        if process.exitcode != 0:
            said = clean(Path(printed.name).read_text(errors="replace")[-2000:], 2000)
            raise RuntimeError(f"{script.name} ended with status {process.exitcode}: {said}")


def _run(script: str, workspace: str, environment: dict[str, str], printed: str) -> None:
    """In the fork: become what `python SCRIPT` would be."""
    descriptor = os.open(printed, os.O_WRONLY | os.O_APPEND)
    for each in (1, 2):
        os.dup2(descriptor, each)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(workspace)
    sys.argv = [script]
    sys.path[:0] = [str(Path(script).parent), environment["PYTHONPATH"]]
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    try:
        runpy.run_path(script, run_name="__main__")
    except BaseException:
        traceback.print_exc()
        raise SystemExit(1) from None
