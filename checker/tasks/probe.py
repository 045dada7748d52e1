"""Try to break out of the jail, for `checker doctor`: every way that succeeds is named."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checker.tasks.cells import Cells, Work

CLONE_NEWNS = 0x00020000
SECONDS = 30
MOST_PROCESSES = 8
"""bubblewrap's first process, the jail's own with those of a cell, and one that is just ending."""


def run(request: dict[str, Any], cells: Cells) -> list[str]:
    """Return what could be done and must not, in words; empty when the jail holds.

    `request`: `secret` is a file of the grader's, `port` one on which the caller listens.
    """
    found, _ = cells.run(Work("checker.tasks.probe:escapes", request | {"walled": cells.walled}), {}, SECONDS)
    return list(found)


def escapes(secret: str, port: int, walled: bool) -> list[str]:
    """In a cell: try everything."""
    return list(_escapes(secret, port, walled))


def _escapes(secret: str, port: int, walled: bool) -> Iterator[str]:
    with contextlib.suppress(OSError):
        Path(secret).read_bytes()
        yield "read a file of the grader's"
    for folder in ("/", "/etc", "/usr", "/dev", str(Path(__file__).parent)):
        path = Path(folder, f".probe-{os.getpid()}")
        with contextlib.suppress(OSError):
            path.write_text("x", encoding="utf-8")
            path.unlink()
            yield f"write into {folder}"
    for folder in ("/tmp", "/dev/shm"):  # noqa: S108 - the jail's own
        path = Path(folder, f".probe-{port}")
        if path.exists():
            yield f"leave a file in {folder} for the next"
        with contextlib.suppress(OSError):
            path.write_text("x", encoding="utf-8")
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        yield "connect to a port of this machine"
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            # The first one is bubblewrap, which knows nothing.
            if process.name.isdigit() and int(process.name) not in (1, _own_number()):
                (process / "mem").open("rb").close()
                yield "read the memory of another process"
                break
    with contextlib.suppress(OSError):
        os.kill(os.getppid(), 0)
        # A confined jail whose cells have no walls is there for one task: nobody else loses by its end.
        if os.getppid() > 1 and (walled or os.getuid() == 0):
            yield "send signals to the grader's process"
    if sum(path.name.isdigit() for path in Path("/proc").iterdir()) > MOST_PROCESSES:
        yield "see the processes of this machine"
    with contextlib.suppress(OSError):
        os.setuid(0)
        yield "become root"
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) == 0:
        yield "make mounts"


def _own_number() -> int:
    """The number of this process in /proc, which need not be the one that it has for itself."""
    return int(Path("/proc/self").readlink().name)
