"""Earlier attempts at a lab, as the learner's own machine writes them down: a claim, for seeing where people are stuck.

Each line holds the digest of the line before it, the first one that of the workspace's id. So what was edited,
cut out or copied from elsewhere does not fit, and is not read.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from checker.collect.reading import Unreadable, read_plain
from checker.result import LabResult, Past
from checker.workspace import Workspace

ATTEMPTS = Path(".checker", "attempts.jsonl")
MOST_LINES = 500
LONGEST_LINE = 8 << 10
LARGEST = MOST_LINES * LONGEST_LINE
PATIENCE = 1.0
"""Seconds to wait for another `checker grade` that is writing; then the attempt stays unrecorded."""


def record(workspace: Workspace, result: LabResult) -> None:
    """Append the attempt that ended with `result`; where that cannot be done, nothing happens."""
    with suppress(OSError, ValueError), _locked(workspace.path) as descriptor:
        lines = list(_chain(os.read(descriptor, LARGEST + 1), workspace))
        if len(lines) >= MOST_LINES:
            return
        number = lines[-1][1].number + 1 if lines else 1
        said = {
            "number": number,
            "graded": result.graded.isoformat(),
            "earned": result.earned,
            "possible": result.possible,
            "outcomes": {check.name: check.outcome for check in result.checks},
            "previous": _digest(lines[-1][0] if lines else _root(workspace)),
        }
        line = json.dumps(said, separators=(",", ":")).encode()
        if len(line) > LONGEST_LINE:
            return
        # What a power cut or an editor left behind the last good line is gone with this.
        end = sum(len(each) + 1 for each, _ in lines)
        os.ftruncate(descriptor, end)
        os.pwrite(descriptor, line + b"\n", end)


def read(workspace: Workspace) -> tuple[Past, ...]:
    """Return the attempts that fit together, oldest first: up to the first line that does not."""
    try:
        content = read_plain(workspace.path / ATTEMPTS, workspace.path, LARGEST)
    except (OSError, Unreadable):
        return ()
    return tuple(past for _, past in _chain(content, workspace))


def _chain(content: bytes, workspace: Workspace) -> Iterator[tuple[bytes, Past]]:
    """Yield each line with what it says, as long as lines are whole, in order, and name the line before them."""
    before = _root(workspace)
    lines = content.split(b"\n")
    # Behind the last line's end there is nothing, or a line that was cut off.
    for number, line in enumerate(lines[:-1][:MOST_LINES], start=1):
        try:
            if len(line) > LONGEST_LINE:
                return
            said = json.loads(line)
            if said.pop("previous") != _digest(before):
                return
            past = Past.model_validate(said)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, ValidationError):
            return
        if past.number != number or past.graded.tzinfo is None or not _sensible(past):
            return
        yield line, past
        before = line


def _sensible(past: Past) -> bool:
    return 0 <= past.earned <= past.possible <= 1000 and all(each.isidentifier() for each in past.outcomes)


def _root(workspace: Workspace) -> bytes:
    return workspace.identity.workspace_id.encode("utf-8", "replace")


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


@contextmanager
def _locked(root: Path) -> Iterator[int]:
    """Open the file for one writer at a time; raises OSError where that cannot be."""
    path = root / ATTEMPTS
    if path.parent.is_symlink():
        raise OSError("the folder is a link")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("no plain file")
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.02)
        yield descriptor
    finally:
        os.close(descriptor)
