"""What is handed into the cell of one step of a pipeline, and what the step leaves behind in it."""

from __future__ import annotations

import base64
import io
import os
import re
import stat
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from checker.tasks.cells import Cells
from checker.tasks.command import LARGEST_PRINTED, PRINTED
from checker.tasks.places import open_payload

LARGEST_WRITTEN = 16 << 20
MOST_WRITTEN = 500
Files = dict[str, bytes]


def parts_of(cells: Cells) -> dict[str, Files]:
    """Return the files of the payload by the folder that they are in at the top."""
    parts: dict[str, Files] = {}
    with open_payload(cells.payload) as tar:
        for member in tar:
            folder, _, path = member.name.partition("/")
            if member.isreg() and (file := tar.extractfile(member)) is not None:
                parts.setdefault(folder, {})[path] = file.read()
    return parts


def pack(payload: Any, given: Files, folders: Iterable[str]) -> None:
    """Write a tar with the files, and with the folders; a file that would stand where a folder must is left out."""
    above = {folder.rpartition("/")[0] for folder in given} | {*folders}
    above |= {folder[: slash.start()] for folder in above for slash in re.finditer("/", folder)}
    given = {path: content for path, content in given.items() if path not in above}
    with tarfile.open(fileobj=payload, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder in sorted({each for each in folders if each not in ("", ".")}):
            member = tarfile.TarInfo(f"work/{folder}")
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
        for path, content in given.items():
            member = tarfile.TarInfo(f"work/{path}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    payload.flush()


def left_of(place: Path, outs: list[str], largest: int = LARGEST_WRITTEN) -> dict[str, Any]:
    """Return what lies at the declared outputs, and the end of what was printed; no link is followed."""
    files: dict[str, str] = {}
    folders: list[str] = []
    left = largest
    printed = _read(place.parent, [PRINTED], LARGEST_PRINTED, end=True).decode("utf-8", "replace")
    told: dict[str, Any] = {"printed": printed}
    for out in outs:
        parts = out.split("/")
        found = _list(place, parts)
        if found is None:
            continue
        if found != [parts]:
            folders.append(out)
        for each in found:
            content = _read(place, each, left + 1)
            left -= len(content)
            if left < 0 or len(files) >= MOST_WRITTEN:
                limit = f"{largest >> 20} MiB, or {MOST_WRITTEN} files"
                return told | {"too_much": f"its outputs are more than {limit}"}
            files["/".join(each)] = base64.b64encode(content).decode()
    return told | {"files": files, "folders": folders}


def _open(root: Path, parts: list[str], flags: int = 0) -> int:
    """Return a descriptor of what lies there, reached without a link. Raises OSError."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for number, part in enumerate(parts):
        kind = flags if number == len(parts) - 1 else os.O_DIRECTORY
        above = descriptor
        try:
            descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | kind, dir_fd=above)
        finally:
            os.close(above)
    return descriptor


def _list(root: Path, parts: list[str]) -> list[list[str]] | None:
    """Return the plain file itself, or the plain files in the folder; None where neither is."""
    try:
        descriptor = _open(root, parts)
    except OSError:
        return None
    try:
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISREG(kind):
            return [parts]
        if not stat.S_ISDIR(kind):
            return None
        found = []
        for folder, folders, files, inner in os.fwalk(".", dir_fd=descriptor, follow_symlinks=False):
            folders.sort()
            for name in sorted(files):
                if stat.S_ISREG(os.stat(name, dir_fd=inner, follow_symlinks=False).st_mode):
                    found.append([*parts, *folder.split("/")[1:], name])
                if len(found) > MOST_WRITTEN:
                    return found
        return found
    except (OSError, RecursionError):
        return None
    finally:
        os.close(descriptor)


def _read(root: Path, parts: list[str], largest: int, *, end: bool = False) -> bytes:
    """Return the first or the last bytes of a plain file; nothing where there is none."""
    try:
        with os.fdopen(_open(root, parts), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return b""
            if end:
                file.seek(max(0, os.fstat(file.fileno()).st_size - largest))
            return file.read(largest)
    except OSError:
        return b""
