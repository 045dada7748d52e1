"""The container of a submission: a zip of texts and blobs, the blobs named by their SHA-256.

The reader trusts nothing. It takes an archive only if it lies byte for byte as the writer lays it: members one
after the other from the first byte to the last, names from a small set, no links, modes, comments, extras or
encryption. What a learner's file is called stands in the manifest alone and is never the name of a member.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import secrets
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from checker.collect.reading import CHUNK, Unreadable, open_file
from checker.errors import CheckerError, Unavailable
from checker.text import clean, plural

MANIFEST, MLFLOW, ENDPOINTS, KUBERNETES = "manifest.json", "mlflow.json", "endpoints.json", "kubernetes.json"
TEXTS = (MANIFEST, MLFLOW, ENDPOINTS, KUBERNETES)
LARGEST_TEXT = 8 << 20
LARGEST_TOTAL = 256 << 20
LARGEST_ARCHIVE = LARGEST_TOTAL + len(TEXTS) * LARGEST_TEXT + (16 << 20)
MOST_FILES = 20_000
HIGHEST_RATIO = 100
RATIO_MATTERS_FROM = 1 << 20

NAME = re.compile(r"manifest\.json|mlflow\.json|endpoints\.json|kubernetes\.json|blobs/[0-9a-f]{64}")
LONGEST_NAME = 70
LOCAL = struct.Struct("<4s5H3L2H")
END = struct.Struct("<4s4H2LH")
CENTRAL_SIZE = 46
END_OF_ZIP64 = b"PK\x06\x07"
END_OF_ZIP64_SIZE = 20
MODE = 0o100600 << 16
EPOCH = (1980, 1, 1, 0, 0, 0)
AS_WRITTEN = "the file as `checker submit` wrote it"
AGAIN = "run `checker submit` again and hand in that file, unchanged"
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, RuntimeError, OverflowError)
"""What the zip library may raise at broken bytes, encryption (`RuntimeError`) and impossible places included."""

Source = Callable[[], BinaryIO]


class Refused(CheckerError):
    """The submission itself cannot be graded: broken, hostile, or too large."""

    exit_status = 1

    def __init__(self, found: str, *, expected: str = AS_WRITTEN, next_step: str = AGAIN) -> None:
        super().__init__(found, expected=expected, next_step=next_step)


class Archive:
    """An archive whose structure was checked; made by `open_archive`. `blobs` tells SHA-256 -> size in bytes."""

    def __init__(self, opened: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> None:
        self._opened = opened
        self._members = members
        self.blobs = {
            name.removeprefix("blobs/"): info.file_size for name, info in members.items() if name not in TEXTS
        }

    def text(self, name: str) -> bytes | None:
        """Return the manifest, MLflow's records those of endpoints or those of a cluster; None where there are none."""
        info = self._members.get(name)
        return None if info is None else b"".join(self._read(info))

    def read(self, sha256: str) -> Iterator[bytes]:
        """Yield the bytes of a blob piece by piece; the last step raises `Refused` if they are others."""
        digest = hashlib.sha256()
        for chunk in self._read(self._members[f"blobs/{sha256}"]):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != sha256:
            raise Refused(f"the blob {sha256[:12]} holds other bytes than its name says")

    def _read(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        left = info.file_size
        try:
            with self._opened.open(info) as file:
                while chunk := file.read(CHUNK):
                    left -= len(chunk)
                    yield chunk
        except BROKEN as error:
            raise Refused(f"the archive is damaged: {clean(error, 120)}") from error
        except OSError as error:
            raise _unreadable(info.filename, error) from error
        if left:
            raise Refused(f"the member {info.filename} has another size than it says")


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive after checking its structure: nothing of it was written, and no blob was read yet.

    Raises:
        Refused: it is not what the writer writes.
        Unavailable: the file is not there or cannot be read.
    """
    with _opened(path) as file:
        count, directory = _end(file)
        try:
            opened = zipfile.ZipFile(file)
            members = _members(file, opened, count, directory)
        except BROKEN as error:
            raise Refused(f"the archive is damaged: {clean(error, 120)}") from error
        except OSError as error:
            raise _unreadable(path.name, error) from error
        with opened:
            yield Archive(opened, members)


def _opened(path: Path) -> BinaryIO:
    try:
        return open_file(path)
    except Unreadable as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno != errno.ELOOP:
            raise _unreadable(path.name, cause) from error
        raise Refused(f"the archive {error}", expected="a plain file") from error
    except OSError as error:
        raise _unreadable(path.name, error) from error


def _unreadable(name: str, error: OSError) -> Unavailable:
    return Unavailable(
        f"{clean(name, 120)} cannot be read: {error.strerror}",
        expected="a file that you may read",
        next_step="look at its permissions, and whether the disk is well",
    )


def _end(file: BinaryIO) -> tuple[int, int]:
    """Return the number of members and where the directory begins, as the very last bytes tell."""
    size = file.seek(0, os.SEEK_END)
    if size > LARGEST_ARCHIVE:
        raise Refused(f"the archive has {size} bytes", expected=f"at most {LARGEST_ARCHIVE >> 20} MiB")
    if size < END.size:
        raise Refused(f"the archive has {plural(size, 'byte')}: it is no zip file, or was cut off")
    file.seek(max(0, size - END.size - END_OF_ZIP64_SIZE))
    tail = file.read()
    mark, disk, directory_disk, here, count, length, directory, comment = END.unpack(tail[-END.size :])
    if mark != b"PK\x05\x06" or comment or disk or directory_disk or here != count:
        raise Refused("the archive is no zip file, was cut off, or has something behind its end")
    if directory + length + END.size != size or tail.startswith(END_OF_ZIP64):
        raise Refused("the archive's directory is not where it must be: it was cut off, or something was added")
    if count > MOST_FILES + len(TEXTS) or length > count * (CENTRAL_SIZE + LONGEST_NAME):
        raise Refused(f"the archive lists {plural(count, 'member')}", expected=f"at most {MOST_FILES} files")
    return count, directory


def _members(file: BinaryIO, opened: zipfile.ZipFile, count: int, directory: int) -> dict[str, zipfile.ZipInfo]:
    """Return name -> member after going through all of them, each beginning where the one before ends."""
    members: dict[str, zipfile.ZipInfo] = {}
    place = total = 0
    for info in opened.infolist():
        name = info.filename
        if not NAME.fullmatch(name) or info.orig_filename != name:
            raise Refused(f"the archive has a member called `{clean(name, 80)}`")
        if name in members:
            raise Refused(f"the archive has the member `{name}` twice")
        _plain(info)
        place = _follows(file, info, place)
        total += info.file_size if name not in TEXTS else 0
        members[name] = info
    if len(members) != count or place != directory or opened.start_dir != directory:
        raise Refused("the archive has bytes that belong to no member")
    if total > LARGEST_TOTAL:
        raise Refused(f"the archive holds {total} bytes", expected=f"at most {LARGEST_TOTAL >> 20} MiB")
    return members


def _plain(info: zipfile.ZipInfo) -> None:
    """Refuse a member that is a link, a device or a program, is encrypted, or would not stay small."""
    name = info.filename
    if info.external_attr != MODE or info.flag_bits or info.extra or info.comment or info.volume or info.internal_attr:
        raise Refused(f"the member `{name}` is no plain file")
    stored = info.compress_type == zipfile.ZIP_STORED
    if not stored and info.compress_type != zipfile.ZIP_DEFLATED:
        raise Refused(f"the member `{name}` is compressed in an unknown way")
    if name in TEXTS and info.file_size > LARGEST_TEXT:
        raise Refused(f"`{name}` has {info.file_size} bytes", expected=f"at most {LARGEST_TEXT >> 20} MiB")
    if stored and info.file_size != info.compress_size:
        raise Refused(f"the member `{name}` has another size than it says")
    if info.file_size > RATIO_MATTERS_FROM and info.file_size > HIGHEST_RATIO * info.compress_size:
        raise Refused(f"the member `{name}` would grow more than {HIGHEST_RATIO} times when it is unpacked")


def _follows(file: BinaryIO, info: zipfile.ZipInfo, place: int) -> int:
    """Return where the member ends; refuse one that does not begin at `place` or says two things of itself."""
    if info.header_offset != place:
        raise Refused(f"the member `{info.filename}` overlaps another, or something lies before it")
    file.seek(place)
    name = info.filename.encode()
    header, own_name = file.read(LOCAL.size), file.read(len(name))
    mark, _, flags, method, _, _, crc, packed, size, length, extra = LOCAL.unpack(header)
    said = (mark, flags, method, crc, packed, size, length, extra, own_name)
    if said != (b"PK\x03\x04", 0, info.compress_type, info.CRC, info.compress_size, info.file_size, len(name), 0, name):
        raise Refused(f"the member `{info.filename}` says two things of itself")
    return place + LOCAL.size + len(name) + info.compress_size


def write_archive(target: Path, texts: Mapping[str, bytes], blobs: Mapping[str, Source]) -> int:
    """Write `texts` and `blobs` (SHA-256 -> how to open it) to `target`, whole or not at all; return its size.

    The same content makes the same bytes. The folder of `target` is made where it is missing.

    Raises:
        Unavailable: it cannot be written there.
        Refused: a file changed while it was read.
    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("xb") as file:
            with zipfile.ZipFile(file, "w") as made:
                for name in sorted(texts):
                    _put(made, name, lambda name=name: io.BytesIO(texts[name]))  # type: ignore[misc]
                for sha256 in sorted(blobs):
                    if _put(made, f"blobs/{sha256}", blobs[sha256]) != sha256:
                        raise Refused(
                            "a file changed while the submission was made",
                            expected="a workspace in which nothing is running",
                            next_step="wait until your notebooks and commands have ended, then submit again",
                        )
            file.flush()
            os.fsync(file.fileno())
        size = draft.stat().st_size
        draft.replace(target)
    except OSError as error:
        raise Unavailable(
            f"{target} cannot be written: {error.strerror}",
            expected="a folder that you can write, with enough free space",
            next_step="name another folder with `--to`",
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink()
    return size


def _put(made: zipfile.ZipFile, name: str, source: Source) -> str:
    """Write one member and return the SHA-256 of its bytes."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.create_system, info.external_attr = 3, MODE
    info.compress_type = zipfile.ZIP_STORED if _swells(source) else zipfile.ZIP_DEFLATED
    digest = hashlib.sha256()
    with source() as file, made.open(info, "w") as member:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            member.write(chunk)
    return digest.hexdigest()


def _swells(source: Source) -> bool:
    """Whether a file shrinks so much that its honest member would look like a bomb."""
    packer, packed = zlib.compressobj(6, zlib.DEFLATED, -15), 0
    with source() as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size <= RATIO_MATTERS_FROM:
            return False
        while chunk := file.read(CHUNK):
            packed += len(packer.compress(chunk))
            # Most files are settled here, after a few per cent of them.
            if packed * HIGHEST_RATIO > size:
                return False
    return True
