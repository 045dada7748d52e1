"""Reproduce a learner's pipeline: each stage in a cell of its own that holds what the stage declares and no more.

What a stage wrote comes out of its cell before the next one begins, and is hashed here. Learner code never sees a
file that another stage keeps for itself.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import posixpath
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

from checker.tasks.cells import Cells, Silent, Work
from checker.tasks.command import is_python, keep_printed, run_python
from checker.tasks.luggage import Files, left_of, pack, parts_of

LARGEST_KEPT = 128 << 20
LARGEST_TEXT = 512 << 10
LARGEST_TEXTS = 3 << 20
PLAIN = re.compile(r"[A-Za-z0-9_./@%+=:, -]+")
"""A command without anything that only a shell understands."""
APART = {"cp", "echo", "mkdir", "mv", "python", "python3", "rm", "touch"}
"""Commands that change nothing for the shell that they are run by."""


def run(request: dict[str, Any], cells: Cells) -> dict[str, Any]:
    """Return for each case {"stages": [...], "outputs": {path: text}}; a stage is told as `_stage` tells it.

    `request`: `seconds` is what one stage may take, `outputs` are paths, `sums` maps outputs to the MD5 sums that
    somebody else found for them, and `cases` maps names to {"data", "again", "stages"}: `data` is a folder of the
    payload whose files lie over those in `common`; a stage has `name`, `commands`, `wdir`, `deps`, `outs` and `own`, a
    folder with the files that it gets besides. Stages come in an order in which they can be run. When one of the first
    case fails, no other case is tried. A stage for which nothing changed is not run once more, unless `again`.
    """
    parts = parts_of(cells)
    done: dict[str, tuple[dict[str, Any], Files]] = {}
    first: dict[str, str] = {}
    answers: dict[str, Any] = {}
    kept, whole = 0, True
    for number, (name, case) in enumerate(request["cases"].items()):
        if not whole:
            break
        files = parts.get("common", {}) | parts.get(case["data"], {})
        stages: list[dict[str, Any]] = []
        for stage in case["stages"]:
            given = {path: each for path, each in files.items() if any(_inside(path, dep) for dep in stage["deps"])}
            given |= parts.get(stage["own"], {})
            key = _key(stage, given)
            if not number:
                first[stage["name"]] = key
            if key in done and not case["again"]:
                told, written = done[key]
            else:
                told, written = _stage(stage, given, cells, request["seconds"])
                kept += sum(map(len, written.values()))
                if kept > LARGEST_KEPT:
                    told = {"problem": f"all outputs together are more than {LARGEST_KEPT >> 20} MiB", "status": None}
                done.setdefault(key, (told, written))
            files |= written
            stages.append(told | {"name": stage["name"], "ran": key != first.get(stage["name"])})
            sound = told["status"] == 0 and told["outs"].keys() == {*stage["outs"]}
            if not sound:
                whole = number > 0
                break
        answers[name] = {"stages": stages, "outputs": _texts(files, request["outputs"])}
        if not number:
            sums = {path: md5 for stage in stages for path, md5 in stage.get("outs", {}).items()}
            other = [path for path, md5 in sums.items() if md5 != request["sums"].get(path)]
            answers[name]["others"] = _texts(files, [path for path in files if any(_inside(path, o) for o in other)])
    return answers


def _inside(path: str, folder: str) -> bool:
    return folder in (".", path) or path.startswith(f"{folder}/")


def _key(stage: Mapping[str, Any], given: Files) -> str:
    """Return a name for all that a stage depends on."""
    sums = {path: hashlib.sha256(content).hexdigest() for path, content in sorted(given.items())}
    told = [stage["name"], stage["commands"], stage["wdir"], stage["outs"], sums]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _texts(files: Files, paths: Iterable[str]) -> dict[str, str]:
    """Return those of the files that are short texts."""
    texts: dict[str, str] = {}
    left = LARGEST_TEXTS
    for path in paths:
        content = files.get(path, b"\xff")
        if len(content) <= min(LARGEST_TEXT, left):
            with contextlib.suppress(UnicodeDecodeError):
                texts[path] = content.decode("utf-8")
                left -= len(content)
    return texts


def _stage(stage: Mapping[str, Any], given: Files, cells: Cells, seconds: float) -> tuple[dict[str, Any], Files]:
    """Run a stage; return {"status", "printed", "outs": {path: MD5}} or {"problem": words}, and what it wrote."""
    outs = stage["outs"]
    folders = {stage["wdir"], *(posixpath.dirname(path) for path in outs)}
    with tempfile.TemporaryFile() as payload:
        pack(payload, given, folders)
        place = dataclasses.replace(cells, payload=payload.fileno())
        work = Work("checker.tasks.pipeline:execute", {"commands": stage["commands"], "wdir": stage["wdir"]})
        try:
            status, left = place.run(work, {"": "work"}, seconds, lambda folder: left_of(folder, outs))
        except Silent as silence:
            return {"problem": f"it {silence}", "status": None}, {}
    if type(status) is not int:
        # Learner code answered in the place of `execute`.
        return {"problem": "it gave no status", "status": None}, {}
    told = {"status": status, "printed": left["printed"], "outs": {}}
    if "too_much" in left:
        return {"problem": left["too_much"], "status": None}, {}
    written = {path: base64.b64decode(content) for path, content in left["files"].items()}
    for path in outs:
        if path in written:
            told["outs"][path] = _md5(written[path])
        elif path in left["folders"]:
            inside = {name.removeprefix(f"{path}/"): each for name, each in written.items() if _inside(name, path)}
            listing = [{"md5": _md5(inside[name]), "relpath": name} for name in sorted(inside)]
            told["outs"][path] = _md5(json.dumps(listing, sort_keys=True).encode()) + ".dir"
    return told, written


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def execute(commands: list[str], wdir: str) -> int:
    """In a cell: run the commands one after the other, and return the status of the first that fails, or 0."""
    keep_printed()
    os.chdir(wdir)
    for command in (part for each in commands for part in _parts_of(each)):
        if PLAIN.fullmatch(command) and is_python(words := _words(command)):
            # In a fork, since it may end its process as it likes.
            if (child := os.fork()) == 0:
                os._exit(run_python(words[1:]))
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        else:
            status = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, check=False).returncode  # noqa: S602
        if status:
            return status
    return 0


def _parts_of(command: str) -> list[str]:
    """Return the commands that `&&` joins, where a shell of its own for each makes no difference."""
    parts = [part.strip() for part in command.split("&&")]
    apart = all(PLAIN.fullmatch(part) and part.split()[0] in APART for part in parts)
    return parts if apart else [command]


def _words(command: str) -> list[str]:
    first, *others = command.split()
    return ["python" if first == "python3" else first, *others]
