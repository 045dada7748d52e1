"""Run a notebook's code cells, in order, from a clean interpreter, once for each case, as papermill would.

The libraries are imported once; each case is a fork of that, so no case sees another.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

PRELOADED = (
    "pandas",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "IPython.core.interactiveshell",
)
LONGEST = 4000


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Return for each case None, or what went wrong in words.

    `request`: `notebook` (name of the file), `cases` maps names to {"folder", "parameters"}; each
    folder holds its own copy of the notebook and what it needs.
    """
    text = Path(next(iter(request["cases"].values()))["folder"], request["notebook"]).read_text(encoding="utf-8")
    for name in PRELOADED:
        if name.split(".")[0] in text or name.startswith("IPython"):
            importlib.import_module(name)
    return {name: _fork(request["notebook"], case) for name, case in request["cases"].items()}


def _fork(notebook: str, case: dict[str, Any]) -> str | None:
    """Run one case in a fork and return its problem."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _reseed()
        try:
            problem = _run_cells(notebook, case)
        except BaseException as error:
            problem = f"it is no notebook that can be run: {type(error).__name__}: {error}"[:500]
        with contextlib.suppress(OSError):
            os.write(writing, json.dumps(problem)[:LONGEST].encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    # What the notebook left running may hold the other end open: take what is there, wait for no end.
    os.set_blocking(reading, False)
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        said = pipe.read(LONGEST) or b""
    try:
        problem = json.loads(said)
    except ValueError:
        return "its process ended in the middle" + _signal(status)
    return None if problem is None else str(problem)


def _signal(status: int) -> str:
    if not os.WIFSIGNALED(status):
        return ""
    name = signal.Signals(os.WTERMSIG(status)).name
    hint = ", perhaps for too much CPU time or memory" if name in ("SIGKILL", "SIGXCPU") else ""
    return f": it was ended by {name}{hint}"


def _reseed() -> None:
    """Give numpy's global generator, which a fork inherits, a state of its own, as a new process has."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def _run_cells(notebook: str, case: dict[str, Any]) -> str | None:
    """Return None when every cell ran, else which one did not and why."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    folder = Path(case["folder"])
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    document = json.loads((folder / notebook).read_text(encoding="utf-8"))
    cells = [each for each in document["cells"] if each["cell_type"] == "code"]
    steps = [
        (f"code cell {number}", "".join(each["source"]), _tags(each)) for number, each in enumerate(cells, start=1)
    ]
    values = "\n".join(f"{name} = {value!r}" for name, value in case["parameters"].items())
    _inject(steps, ("the parameters", values, []))
    config = Config()
    config.HistoryManager.enabled = False
    # As in a kernel: `%matplotlib inline` asks for no window.
    InteractiveShell.enable_gui = lambda self, gui=None: None
    shell = InteractiveShell.instance(config=config, colors="nocolor")
    for name, source, tags in steps:
        result = shell.run_cell(source)
        error = result.error_before_exec or result.error_in_exec
        if error is not None and "raises-exception" not in tags:
            return f"{name} ends with {type(error).__name__}: {error}"[:500]
    return None


def _inject(steps: list[tuple[str, str, list[Any]]], step: tuple[str, str, list[Any]]) -> None:
    """Put the parameters where papermill does: over those injected before, after the tagged cell, or first."""
    for tag, replaced in (("injected-parameters", 1), ("parameters", 0)):
        for index, (_, _, tags) in enumerate(steps):
            if tag in tags:
                place = index if replaced else index + 1
                steps[place : place + replaced] = [step]
                return
    steps.insert(0, step)


def _tags(cell: dict[str, Any]) -> list[Any]:
    tags = cell.get("metadata", {}).get("tags", [])
    return tags if isinstance(tags, list) else []
