"""Run a notebook's code cells, in order, from a clean interpreter, once for each case, as papermill would.

Each case is a cell of its own, so no case can find what another was given or left.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

from checker.tasks.cells import Cells, Late, Silent, Work, in_turn

LARGEST_OUTPUT = 1 << 20


def run(request: dict[str, Any], cells: Cells) -> dict[str, Any]:
    """Return for each case {"output": text} that the notebook wrote, or {"problem": words}.

    `request`: `notebook` and `output` are names of files, `seconds` is what one case may take, `cases`
    maps names to {"folder", "parameters"}; each folder of the payload holds the notebook and what it needs.
    """
    return in_turn(request["cases"], lambda case: _case(request, case, cells))


def _case(request: dict[str, Any], case: dict[str, Any], cells: Cells) -> dict[str, Any]:
    arguments = {"notebook": request["notebook"], "parameters": case["parameters"]}
    try:
        problem, output = cells.run(
            Work("checker.tasks.notebook:run_cells", arguments),
            {"": case["folder"]},
            request["seconds"],
            lambda place: _output(place / request["output"]),
        )
    except Late:
        raise
    except Silent as silence:
        return {"problem": f"it {silence}"}
    if problem is not None:
        return {"problem": problem[:500] if isinstance(problem, str) else "it answered in the notebook's place"}
    return dict(output)


def _output(path: Path) -> dict[str, Any]:
    """Return what the notebook wrote, if it is a plain short text."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(LARGEST_OUTPUT + 1)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode) or len(content) > LARGEST_OUTPUT:
                return {"problem": "what it wrote as its output is no plain file of at most 1 MiB"}
        return {"output": content.decode("utf-8")}
    except FileNotFoundError:
        return {"problem": "it ran, but wrote nothing to the path that it was given for its output"}
    except (OSError, UnicodeDecodeError) as error:
        return {"problem": f"what it wrote as its output cannot be read: {error}"[:500]}


def run_cells(notebook: str, parameters: dict[str, Any]) -> str | None:
    """Run them in the current folder. Return None when every cell ran, else which one did not and why."""
    try:
        return _run_steps(notebook, Path.cwd(), parameters)
    except BaseException as error:
        return f"it is no notebook that can be run: {type(error).__name__}: {error}"[:500]


def _run_steps(notebook: str, folder: Path, parameters: dict[str, Any]) -> str | None:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    sys.path.insert(0, str(folder))
    document = json.loads((folder / notebook).read_text(encoding="utf-8"))
    cells = [each for each in document["cells"] if each["cell_type"] == "code"]
    steps = [
        (f"code cell {number}", "".join(each["source"]), _tags(each)) for number, each in enumerate(cells, start=1)
    ]
    values = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
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
