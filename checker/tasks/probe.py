"""Try to break out of the jail, for `checker doctor`: every way that succeeds is named."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CLONE_NEWNS = 0x00020000
MOST_PROCESSES = 3
"""bubblewrap's first process, this one, and one that is just ending."""


def run(request: dict[str, Any]) -> list[str]:
    """Return what could be done and must not, in words; empty when the jail holds.

    `request`: `secret` is a file of the grader's, `folder` one that may be read only, `port` one on which
    the caller listens.
    """
    return list(_escapes(request))


def _escapes(request: dict[str, Any]) -> Iterator[str]:
    with contextlib.suppress(OSError):
        Path(request["secret"]).read_bytes()
        yield "read a file of the grader's"
    for folder in ("/", "/etc", "/usr", str(Path(__file__).parent), request["folder"]):
        path = Path(folder, f".probe-{os.getpid()}")
        with contextlib.suppress(OSError):
            path.write_text("x", encoding="utf-8")
            path.unlink()
            yield f"write into {folder}"
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", request["port"]), timeout=2):
        yield "connect to a port of this machine"
    processes = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    if len(processes) > MOST_PROCESSES:
        yield f"see {len(processes)} processes"
    with contextlib.suppress(OSError):
        os.setuid(0)
        yield "become root"
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) == 0:
        yield "make mounts"
