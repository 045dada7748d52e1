"""Run a learner's own command, once for each case, each in a cell of its own with a copy of what it needs.

`python -m MODULE ...` is run in the fork itself, so that what the zygote has imported is there already; anything
else is a new process.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checker.tasks.cells import Cells, Late, Silent, Work, in_turn

LARGEST_OUTPUT = 1 << 20
LARGEST_PRINTED = 4 << 10
PRINTED = "printed"
PLAN = ".plan"
"""A folder that is gone before anything of the learner's runs."""


def run(request: dict[str, Any], cells: Cells) -> dict[str, Any]:
    """Return for each case {"status", "printed", "outputs"}, or {"problem": words}.

    `request`: `seconds` is what one case may take, `outputs` are paths, `environment` is set besides, `common` is the
    folder of the payload with what all cases have, and `cases` maps names to {"folder", "command"}; the folder holds
    what is the case's own, and in `.plan` the changes of functions. Cases are done in the order given; when the first
    does not succeed, or several did not end in time, the others are not tried.
    """
    first, *others = request["cases"]
    answers = in_turn({first: request["cases"][first]}, lambda case: _case(request, case, cells))
    if answers[first].get("status") != 0:
        untried = {"problem": "it was not tried, since the first run did not succeed"}
        return answers | dict.fromkeys(others, untried)
    return answers | in_turn(
        {name: request["cases"][name] for name in others}, lambda case: _case(request, case, cells)
    )


def _case(request: dict[str, Any], case: dict[str, Any], cells: Cells) -> dict[str, Any]:
    outputs = request["outputs"]
    arguments = {"command": case["command"], "environment": request["environment"]}
    try:
        status, left = cells.run(
            Work("checker.tasks.command:execute", arguments),
            {"": request["common"], ".": case["folder"]},
            request["seconds"],
            lambda place: {
                "printed": _printed(place.parent / PRINTED),
                "outputs": {path: text for path in outputs if (text := _text(place / path)) is not None},
            },
        )
    except Late:
        raise
    except Silent as silence:
        return {"problem": f"it {silence}"}
    # Learner code may have answered in the place of `execute`.
    return {"status": status if type(status) is int else None, **left}


def _text(path: Path) -> str | None:
    """Return a plain short text; None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            content = file.read(LARGEST_OUTPUT + 1)
        return content.decode("utf-8") if len(content) <= LARGEST_OUTPUT else None
    except (OSError, UnicodeDecodeError):
        return None


def _printed(path: Path) -> str:
    """Return the end of what was printed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            file.seek(max(0, os.fstat(descriptor).st_size - LARGEST_PRINTED))
            return file.read(LARGEST_PRINTED).decode("utf-8", "replace")
    except OSError:
        return ""


def execute(command: list[str], environment: dict[str, str]) -> int:
    """In a cell: run the command in the current folder and return its exit status."""
    os.environ.update(environment)
    plan = Path(PLAN, "changes.json")
    changes = json.loads(plan.read_text(encoding="utf-8")) if plan.is_file() else {}
    shutil.rmtree(PLAN, ignore_errors=True)
    keep_printed()
    if not is_python(command):
        return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    from checker.tasks.overlay import install

    install(changes)
    del plan, changes
    return run_python(command[1:])


def keep_printed() -> None:
    """Let what is printed from now on go to a file beside the current folder."""
    printed = os.open(Path("..", PRINTED), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(printed, descriptor)
    os.close(printed)


def is_python(command: list[str]) -> bool:
    """Whether it is `python -m MODULE ...` or `python SCRIPT.py ...`, which needs no new process."""
    if command[:1] != ["python"] or len(command) < 2:
        return False
    if command[1] == "-m":
        return len(command) > 2
    return command[1].endswith(".py") and not command[1].startswith("-")


def run_python(words: list[str]) -> int:
    """As `python WORDS` does for a command that `is_python`: run it, show how it failed, and return the status."""
    module = words[0] == "-m"
    name, arguments = (words[1], words[2:]) if module else (words[0], words[1:])
    sys.argv = [name, *arguments]
    if plugins := sys.modules.get("checker.tasks.plugins"):
        plugins.excuse()
    sys.path.insert(0, str(Path.cwd() if module else Path(name).absolute().parent))

    def run() -> None:
        if module:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        elif Path(name).is_file():
            runpy.run_path(name, run_name="__main__")
        else:
            raise SystemExit(f"python: can't open file '{name}': No such file or directory")

    return status_of(run)


def status_of(run: Callable[[], object]) -> int:
    """Call `run` as the whole of a program: show how it failed, and return the exit status."""
    status: Any = 0
    try:
        run()
    except SystemExit as end:
        status = end.code
        if status is not None and not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return int(status or 0) & 0xFF
