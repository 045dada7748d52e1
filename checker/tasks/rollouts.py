"""Call a learner's controller of a rollout, future by future: each call in a cell of its own, on what the last left.

The platform has a stand-in there, the command `infra` on the path, which turns nothing but numbers in a file. What is
written into the log of predictions between two calls comes from outside, and the controller cannot change it.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from checker.tasks import stand_in
from checker.tasks.cells import Cells, Late, Silent, Work
from checker.tasks.luggage import Files, left_of, pack, parts_of

LARGEST_LEFT = 8 << 20
LARGEST_STATE, LARGEST_RECORD, LARGEST_LINE = 64 << 10, 1 << 20, 2000
MOST_LATE = 2
OWN = ".platform"
STATE = f"{OWN}/state.json"
PROGRAM = f"{OWN}/stand_in.py"
LOG, LABELS, JOURNAL, DECISIONS = "predictions.jsonl", "labels.csv", "journal.jsonl", "decisions.jsonl"
GIVEN = ("rollout.yaml", "where.yaml", LOG, LABELS)
"""What is put into the folder anew at each call, whatever the last one left of it."""


def run(request: dict[str, Any], cells: Cells) -> dict[str, Any]:
    """Return {"futures": {name: [told, ...]}}.

    `request`: `module`, `seconds` that one call may take, and `futures`, which maps names to {"start", "state",
    "ticks"}: a folder of the payload, the state of the stand-in, and for each call {"put", "clock", "wanted"}: a folder
    with `log`, the new lines, and other files, the time, and where the call should lead. A future ends with a call that
    leads elsewhere; when that is one of the first `gates` futures, no other is tried.
    `told`: {"status", "printed", "said", "lines", "state"} or {"problem": words}.
    """
    parts = parts_of(cells)
    controller = _Controller(request, cells, parts)
    futures: dict[str, list[dict[str, Any]]] = {}
    for name in request["futures"]:
        future = request["futures"][name]
        futures[name] = controller.follow(future)
        if len(futures) <= request["gates"] and not _led(futures[name], future):
            break
    return {"futures": futures}


class _Controller:
    """The futures of one controller."""

    def __init__(self, request: dict[str, Any], cells: Cells, parts: dict[str, Files]) -> None:
        self.request, self.cells, self.parts = request, cells, parts
        self.program = Path(stand_in.__file__).read_bytes()
        self.late = 0

    def follow(self, future: dict[str, Any]) -> list[dict[str, Any]]:
        """Call the controller as long as it leads where it should."""
        start = self.parts[future["start"]]
        files = self.parts.get("common", {}) | start
        files.pop(DECISIONS, None)
        given = {path: start[path] for path in GIVEN if path in start}
        state, told = future["state"], list[dict[str, Any]]()
        for tick in future["ticks"]:
            if self.late >= MOST_LATE:
                told.append({"problem": f"was not tried, since {self.late} calls before did not end in time"})
                break
            new = dict(self.parts[tick["put"]])
            given[LOG] += new.pop("log", b"")
            given |= new
            state = state | {"clock": tick["clock"], "calls": []}
            answer, files = self._call(files | given | {STATE: json.dumps(state).encode(), PROGRAM: self.program})
            told.append(answer)
            if "problem" in answer or _standing(answer["state"], future) != tick["wanted"]:
                break
            state = answer["state"]
        return told

    def _call(self, files: Files) -> tuple[dict[str, Any], Files]:
        before = len(_lines(files.get(DECISIONS, b"")))
        work = Work("checker.tasks.rollouts:execute", {"module": self.request["module"]})
        try:
            with tempfile.TemporaryFile() as payload:
                pack(payload, files, [])
                cell = dataclasses.replace(self.cells, payload=payload.fileno())
                status, left = cell.run(work, {"": "work"}, self.request["seconds"], _left)
        except Silent as silence:
            self.late += isinstance(silence, Late)
            return {"problem": str(silence)}, files
        if "too_much" in left:
            return {"problem": "left more than a call may: " + left["too_much"]}, files
        kept = {path.removeprefix("./"): base64.b64decode(each) for path, each in left["files"].items()}
        state = _state(kept.get(STATE, b""))
        if state is None:
            return {"problem": "left no state of the platform behind: the folder `.platform` is not yours"}, kept
        lines = _lines(kept.get(DECISIONS, b""))
        answer = {
            # Learner code may have answered in the place of `execute`.
            "status": status if type(status) is int else None,
            "printed": left["printed"],
            "said": lines[-1][:LARGEST_LINE].decode("utf-8", "replace") if lines else "",
            "lines": len(lines) - before,
            "state": state,
        }
        return answer, kept


def _left(folder: Path) -> dict[str, Any]:
    # What is large is known outside, and is not taken back.
    for name in (LOG, LABELS):
        with contextlib.suppress(OSError):
            (folder / name).unlink()
    return left_of(folder, ["."], LARGEST_LEFT)


def _lines(record: bytes) -> list[bytes]:
    return [line for line in record[-LARGEST_RECORD:].splitlines() if line.strip()]


def _state(content: bytes) -> dict[str, Any] | None:
    """Return the state of the stand-in; the learner's code may have written anything there."""
    try:
        state = json.loads(content[:LARGEST_STATE])
    except (ValueError, RecursionError):
        return None
    whole = (
        isinstance(state, dict) and isinstance(state.get("weights"), dict) and isinstance(state.get("earlier"), list)
    )
    return state if whole else None


def _led(told: list[dict[str, Any]], future: dict[str, Any]) -> bool:
    """Whether a controller went the whole way of a future, each call with status 0."""
    ended = len(told) == len(future["ticks"]) and all(each.get("status") == 0 for each in told)
    return ended and _standing(told[-1]["state"], future) == future["ticks"][-1]["wanted"]


def _standing(state: dict[str, Any], future: dict[str, Any]) -> str:
    """Where the rollout stands; the grader judges by itself, and this is only to know whether to go on."""
    weights = {name: share for name, share in state["weights"].items() if share}
    champion, candidate, shadow = str(future["champion"]), str(future["candidate"]), state.get("shadow")
    if weights == {champion: stand_in.ALL}:
        return "champion" if shadow is None else "shadow" if str(shadow) == candidate else ""
    if weights == {candidate: stand_in.ALL}:
        return "candidate"
    here = (step for step in future["steps"] if weights == {champion: stand_in.ALL - int(step), candidate: int(step)})
    return next(here, "")


def execute(module: str) -> int:
    """In a cell: call the controller, as a scheduler would, with a stand-in for the platform on its path."""
    from checker.tasks.command import keep_printed, run_python

    here = Path.cwd()
    words = f'exec "{sys.executable}" -I -S "{here / PROGRAM}" "{here / STATE}" "{here / JOURNAL}" "$@"'
    command = here / OWN / "infra"
    command.write_text(f"#!/bin/sh\n{words}\n", encoding="utf-8")
    command.chmod(0o755)
    os.environ["PATH"] = f"{here / OWN}{os.pathsep}{os.environ.get('PATH', '')}"
    keep_printed()
    return run_python(["-m", module])
