"""One `infra` at a time may change a home."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from infra.profile import Progress
from infra.trouble import Trouble

PATIENCE = 240.0


@contextlib.contextmanager
def locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock, for which another `infra` may have to be waited."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.waiting("Waiting for another `infra` that is at work here")
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout as error:
            raise Trouble(
                found=f"another `infra` has been at work for {PATIENCE:.0f} s",
                expected="one at a time",
                next_step="wait for it or stop it with Ctrl-C in its terminal, then try again",
            ) from error
    try:
        yield
    finally:
        lock.release()
