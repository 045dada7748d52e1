"""Read files of a workspace without following links, waiting on pipes, or leaving the workspace."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

HIDDEN = {".git", ".dvc", ".checker", ".venv", ".ipynb_checkpoints", "__pycache__"}
MOST_FILES = 20_000
CHUNK = 1 << 20


class Unreadable(Exception):
    """A path that is there and cannot be read as a plain file; the message completes `this file ...`."""


def open_plain(path: Path, root: Path) -> BinaryIO:
    """Open a regular file below `root` for reading bytes.

    Raises:
        FileNotFoundError: nothing is there.
        Unreadable: a link, a pipe, a device, a folder, or a file behind a link out of `root`.
    """
    if path.parent.resolve() != root.resolve() / path.parent.relative_to(root):
        raise Unreadable("lies behind a link")
    return open_file(path)


def open_file(path: Path | str, folder: int | None = None) -> BinaryIO:
    """Open a regular file for reading bytes, in the folder that the descriptor `folder` stands for if there is one.

    Only the last part of `path` is known to be no link; raises as `open_plain`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        # A link that is not followed is `too many links` to Linux.
        reason = "is a link" if error.errno == errno.ELOOP else f"cannot be opened: {error.strerror}"
        raise Unreadable(reason) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable("is no plain file")
    return os.fdopen(descriptor, "rb")


def read_plain(path: Path, root: Path, largest: int) -> bytes:
    """Return the bytes of a regular file below `root`.

    Raises:
        FileNotFoundError: nothing is there.
        Unreadable: as `open_plain`, or more than `largest` bytes.
    """
    with open_plain(path, root) as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise Unreadable(f"has {size} bytes, more than the {largest} that are read")
        return file.read(largest)


def digest(path: Path, root: Path, algorithm: str) -> str:
    """Return the hexadecimal digest of a regular file below `root`; raises as `open_plain`."""
    with open_plain(path, root) as file:
        return hashlib.file_digest(file, algorithm).hexdigest()  # type: ignore[arg-type]


def walk(root: Path, hidden: frozenset[str] | set[str] = frozenset(HIDDEN)) -> Iterator[str]:
    """Yield the relative POSIX paths of everything below `root` that is no folder, sorted, links unfollowed.

    Folders named in `hidden` are left out, and what comes after 20,000 paths.
    """
    count = 0
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in hidden)
        for name in sorted(files):
            count += 1
            if count > MOST_FILES:
                return
            yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")  # noqa: PTH118


def matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern for paths that any of the globs matches; `**/` crosses folders, `*` does not."""
    translated = []
    for pattern in patterns:
        parts = re.split(r"(\*\*/|\*\*|\*)", pattern)
        wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
        translated.append("".join(wild.get(part, re.escape(part)) for part in parts))
    return re.compile("|".join(f"(?:{each})" for each in translated) or r"(?!)", re.DOTALL)


def matching(root: Path, patterns: tuple[str, ...]) -> Iterator[str]:
    """Yield the paths below `root` that one of the globs matches, sorted."""
    plain = [pattern for pattern in patterns if "*" not in pattern]
    if len(plain) == len(patterns):
        yield from sorted({path for path in plain if (root / path).is_symlink() or (root / path).exists()})
        return
    pattern = matcher(patterns)
    yield from (path for path in walk(root) if pattern.fullmatch(path))
