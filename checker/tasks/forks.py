"""Run learner code in a fork of a process that has paid for the imports, and take back what it says through a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

LARGEST = 8 << 20
HINTS = {
    "SIGKILL": ", perhaps for too much memory",
    "SIGXCPU": ", for too much CPU time",
    "SIGXFSZ": ", for too large a file",
}


class Silent(Exception):
    """A fork that ended, or had to be ended, without an answer; the message completes `it ...`."""


def ask(work: Callable[[], Any], seconds: float) -> Any:
    """Return what `work` returns in a fork, as JSON brings it back; the fork is killed after `seconds`.

    Learner code in the fork may answer anything: the caller must look at types.

    Raises:
        Silent: no answer, too long an answer, or none that is JSON.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(work, writing)
    os.close(writing)
    said = _read(reading, child, time.monotonic() + seconds)
    os.close(reading)
    if said is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if said is None:
        raise Silent(f"did not answer within {seconds:g} seconds")
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        raise Silent("ended its process before it answered" + _ended_by(status)) from None


def _answer(work: Callable[[], Any], pipe: int) -> None:
    """In the fork: work, write, and end at once, without exit handlers of learner code."""
    if numpy := sys.modules.get("numpy"):
        # A new process would have a random state of its own; a fork inherits its parent's.
        numpy.random.seed()
    with contextlib.suppress(BaseException):
        content = json.dumps(work()).encode()
        while content:
            content = content[os.write(pipe, content) :]
    os._exit(0)


def _read(pipe: int, child: int, ends: float) -> bytes | None:
    """Return what comes through the pipe until the child ends; None when that takes too long or is too much.

    What the child left running may hold the other end open, so the end of the child counts as well.
    """
    said = bytearray()
    gone = False
    while len(said) <= LARGEST:
        wait = 0.0 if gone else min(0.05, ends - time.monotonic())
        if wait < 0:
            return None
        ready, _, _ = select.select([pipe], [], [], wait)
        chunk = os.read(pipe, 1 << 16) if ready else b""
        said += chunk
        if (ready and not chunk) or (gone and not ready):
            return bytes(said)
        gone = gone or _has_ended(child)
    return None


def _has_ended(child: int) -> bool:
    """Whether the child has ended, without collecting its status."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _ended_by(status: int) -> str:
    if not os.WIFSIGNALED(status):
        return ""
    name = signal.Signals(os.WTERMSIG(status)).name
    return f": it was ended by {name}{HINTS.get(name, '')}"
