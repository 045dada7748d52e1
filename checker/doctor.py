"""Look at the machine and say what is missing, with the command that mends it."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from checker import platform
from checker.errors import CheckerError, Unavailable
from checker.jail import Jail, Limits

NEEDED_SPACE = 2 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. A `problem` must be mended, a `note` may stay."""

    level: Literal["ok", "note", "problem"]
    name: str
    found: str
    next_step: str = ""


def diagnose() -> Iterator[Finding]:
    """Yield what was found, cheapest first."""
    version = ".".join(map(str, sys.version_info[:3]))
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding(
        "ok" if supported else "problem",
        "Python",
        version,
        "use Python 3.11, 3.12 or 3.13, then `make setup`",
    )
    yield _program("git", "problem", "the labs from day 2 on use it")
    yield _program("make", "problem", "day 2 uses it")
    yield _jail()
    yield from _course()
    yield from _home()
    yield _mlflow()


def _program(name: str, level: Literal["note", "problem"], why: str) -> Finding:
    path = shutil.which(name)
    return Finding("ok", name, path) if path else Finding(level, name, f"not found; {why}", "run `sh infra/system.sh`")


def _jail() -> Finding:
    """Put a program into the jail that really tries to break out."""
    from checker.jail import can_confine

    if not can_confine():
        found = "no jail on this machine: your own work is graded in a plain child process, other people's cannot be"
        return Finding("note", "jail", found, "run `sh infra/system.sh`; on Linux it needs user namespaces")
    try:
        escapes = break_out()
    except CheckerError as error:
        return Finding("problem", "jail", error.found, error.next_step)
    if escapes:
        return Finding("problem", "jail", f"a program in it could {', '.join(escapes)}", "do not grade others here")
    return Finding("ok", "jail", "bubblewrap; a program that tried to break out could not")


def break_out(*, confined: bool = True) -> list[str]:
    """Return the ways in which a task reached what it must not, in words.

    Raises:
        Unavailable: the jail could not be built, or the program in it gave no answer.
    """
    with tempfile.TemporaryDirectory(prefix="checker-probe-") as folder, socket.create_server(("127.0.0.1", 0)) as ear:
        shown, secret = Path(folder, "shown"), Path(folder, "secret")
        shown.mkdir()
        secret.write_text("hidden", encoding="utf-8")
        request = {"secret": str(secret), "port": ear.getsockname()[1]}
        with Jail(confined=confined) as jail:
            # The second finds what the first one left.
            for _ in range(2):
                answer = jail.run("probe", request, shown, Limits(seconds=60))
    if not isinstance(answer.value, list):
        raise Unavailable(f"the jail gave no answer: {answer.problem}", expected="one", next_step="report this line")
    return [str(each) for each in answer.value]


def _course() -> Iterator[Finding]:
    from checker.course import course_root, load_course
    from checker.workspace import workspaces

    try:
        root = course_root()
        course = load_course(root)
    except CheckerError as error:
        yield Finding("problem", "course", error.found, error.next_step)
        return
    unbuilt = [lab.name for lab in course.ready if not (root / "labs" / lab.name / "lab.ipynb").is_file()]
    if unbuilt:
        yield Finding("problem", "course", f"not built: {', '.join(unbuilt)}", "run `checker build`")
    else:
        yield Finding("ok", "course", f"{len(course.ready)} days ready, {len(course.labs)} planned in all")
    folder = workspaces(root)
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(existing).free
    level: Literal["ok", "note"] = "ok" if free >= NEEDED_SPACE else "note"
    yield Finding(level, "disk", f"{free / 2**30:.1f} GiB free for {folder}", "free some space; 2 GiB are enough")


def _home() -> Iterator[Finding]:
    from checker.keys import grader_key

    try:
        grader_key()
        yield Finding("ok", "home", str(platform.home()))
    except CheckerError as error:
        yield Finding("problem", "home", error.found, error.next_step)


def _mlflow() -> Finding:
    address = platform.environment().get("MLFLOW_TRACKING_URI", "")
    if not address:
        return Finding("note", "platform", "not running", "run `infra up`")
    from checker.collect.mlflow import MlflowServer

    try:
        with MlflowServer(address) as server:
            server.call("experiments/search", {"max_results": 1})
    except CheckerError as error:
        return Finding("problem", "platform", error.found, error.next_step)
    return Finding("ok", "platform", f"MLflow answers at {address}")
