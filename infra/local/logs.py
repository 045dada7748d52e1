"""Read the ends of the logs, and follow them over a rotation."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

BLOCK = 65536


def last(path: Path, lines: int) -> str:
    """The last lines of a file, read from its end; empty if there is no such file."""
    if lines < 1:
        return ""
    data = b""
    try:
        with path.open("rb") as file:
            position = file.seek(0, 2)
            while position > 0 and data.count(b"\n") <= lines:
                step = min(BLOCK, position)
                position = file.seek(position - step)
                data = file.read(step) + data
                file.seek(position)
    except OSError:
        return ""
    return "\n".join(data.decode("utf-8", "replace").splitlines()[-lines:])


def read(paths: dict[str, Path], lines: int, follow: bool) -> Iterator[tuple[str, str]]:
    """(name, line) pairs: the last lines of each file, then what is added while following."""
    tails = {name: Tail(path) for name, path in paths.items()}
    for name, path in paths.items():
        for line in last(path, lines).splitlines():
            yield name, line
    while follow:
        quiet = True
        for name, tail in tails.items():
            for line in tail.new_lines():
                quiet = False
                yield name, line
        if quiet:
            time.sleep(0.2)


class Tail:
    """What is added to a file from now on, also after it was rotated or before it exists."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._partial = ""
        self._open(at_end=True)

    def new_lines(self) -> list[str]:
        """The whole lines that were added since the last call."""
        text = self._partial + (self._file.read() if self._file else "")
        if self._replaced():
            self._open(at_end=False)
            text += self._file.read() if self._file else ""
        *whole, self._partial = text.split("\n")
        return whole

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()

    def _open(self, *, at_end: bool) -> None:
        self.close()
        try:
            self._file = self._path.open(encoding="utf-8", errors="replace", newline="\n")
        except OSError:
            self._file = None
        if self._file and at_end:
            self._file.seek(0, 2)

    def _replaced(self) -> bool:
        try:
            now = self._path.stat()
        except OSError:
            return False
        if self._file is None:
            return True
        mine = os.fstat(self._file.fileno())
        return (now.st_ino, now.st_dev) != (mine.st_ino, mine.st_dev) or now.st_size < self._file.tell()
