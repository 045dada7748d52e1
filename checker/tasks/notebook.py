"""Run a notebook's code cells, in order, from a clean interpreter, once for each case, as papermill would.

The libraries are imported once; each case is a fork of that, so no case sees another.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
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
LONGEST = 2000


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
        problem = _run_cells(notebook, case)
        with contextlib.suppress(OSError):
            os.write(writing, json.dumps(problem)[:LONGEST].encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read(LONGEST)
    os.waitpid(child, 0)
    try:
        problem = json.loads(said)
    except ValueError:
        return "its process ended in the middle"
    return None if problem is None else str(problem)


def _run_cells(notebook: str, case: dict[str, Any]) -> str | None:
    """Return None when every cell ran, else which one did not and why."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    folder = Path(case["folder"])
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    cells = [
        each
        for each in json.loads((folder / notebook).read_text(encoding="utf-8"))["cells"]
        if each["cell_type"] == "code"
    ]
    steps = [(f"code cell {number}", "".join(each["source"])) for number, each in enumerate(cells, start=1)]
    tagged = [index for index, each in enumerate(cells) if "parameters" in each.get("metadata", {}).get("tags", [])]
    values = "\n".join(f"{name} = {value!r}" for name, value in case["parameters"].items())
    steps.insert(tagged[0] + 1 if tagged else 0, ("the parameters", values))
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config, colors="nocolor")
    for name, source in steps:
        result = shell.run_cell(source)
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            return f"{name} ends with {type(error).__name__}: {error}"[:500]
    return None
