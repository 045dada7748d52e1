"""From the folders in which learners hand in to the grader's own: what came when is written down by who takes it.

A learner owns their folder, so its times and whatever else lies in it are claims. An archive is taken as it is, whole,
under the name of the learner whose folder it is and of the lab that it says; the time is that of the taking.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from checker.archive import LARGEST_ARCHIVE
from checker.discovery import TIMESTAMP
from checker.enrolment import ENROLMENTS, SUBMITTED
from checker.errors import CheckerError
from checker.submission import whose
from infra.cohort import names
from infra.files import write_private
from infra.trouble import Trouble

SEEN = ".collected.json"
MOST = 200
"""So many files of one learner are looked at."""
ARCHIVE = "submission.zip"
CHUNK = 1 << 20

Say = Callable[[str], None]


@dataclass(frozen=True)
class Collection:
    """Whose folders in `drop` are looked at, and the `cohort`'s folder to which archives of these `labs` are taken."""

    drop: Path
    cohort: Path
    roster: tuple[str, ...]
    labs: frozenset[str]
    say: Say

    def collect(self, now: datetime) -> int:
        """Take what is new; return how many archives that were.

        Raises:
            Trouble: a folder cannot be used.
        """
        owners = names.distinct(self.roster)
        folders = {self.drop / name.removeprefix(names.PREFIX): learner for name, learner in owners.items()}
        submitted, enrolled = self.cohort / SUBMITTED, self.cohort / ENROLMENTS
        try:
            for folder in (*folders, submitted, enrolled):
                _make(folder)
            for learner in self.roster:
                # The grader looks only at the names.
                (enrolled / f"{learner}.json").touch(mode=0o640)
            seen = _read(submitted / SEEN)
            taken = 0
            for folder, learner in folders.items():
                taken += self._one(folder, learner, seen, now)
                write_private(submitted / SEEN, json.dumps(seen))
        except OSError as error:
            raise Trouble(
                found=f"{error.filename or self.drop}: {error.strerror or error}",
                expected="folders that can be written, with free space",
                next_step="look at the volumes, then collect again; what was taken stays",
            ) from error
        return taken

    def _one(self, folder: Path, learner: str, seen: dict[str, list[int]], now: datetime) -> int:
        """Take what is new of one learner."""
        submitted = self.cohort / SUBMITTED
        draft, taken = submitted / f".taking-{folder.name}", 0
        for path, state in _archives(folder, learner, self.say):
            key = f"{folder.name}/{path.name}"
            if seen.get(key) == state:
                continue
            called = repr(path.name[:80])
            try:
                if not _copy(path, draft):
                    self.say(f"{learner}: {called} is no plain file of at most {LARGEST_ARCHIVE >> 20} MiB")
                elif (lab := _lab(draft)) not in self.labs:
                    self.say(f"{learner}: {called} is not the archive of a lab")
                else:
                    place = submitted / learner / lab
                    _make(place)
                    # First the time: an archive is never there with that of an older one.
                    write_private(place / TIMESTAMP, now.strftime("%Y-%m-%d %H:%M:%S.%f UTC\n"))
                    draft.replace(place / ARCHIVE)
                    taken += 1
                    self.say(f"{learner}: took {lab}")
            except FileNotFoundError:
                # Replaced or removed by the learner in this moment; seen the next time.
                continue
            finally:
                draft.unlink(missing_ok=True)
            seen[key] = state
        return taken


def _archives(folder: Path, learner: str, say: Say) -> Iterator[tuple[Path, list[int]]]:
    """What may be an archive, the oldest first, so that of two of one lab the newer one stays."""
    found: list[tuple[int, str, int]] = []
    try:
        entries = os.scandir(folder)
    except OSError as error:
        # The folder is the learner's, and so is the right to shut it.
        say(f"{learner}: the folder cannot be read: {error.strerror}")
        return
    with entries:
        for entry in entries:
            if entry.name.endswith(".zip") and not entry.name.startswith("."):
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime_ns, entry.name, status.st_size))
            if len(found) > MOST:
                say(f"{learner}: more than {MOST} files; only some are looked at")
                break
    for changed, name, size in sorted(found)[-MOST:]:
        yield folder / name, [size, changed]


def _copy(path: Path, draft: Path) -> bool:
    """Copy a plain file that is not too large; a link, a pipe or a device is not even opened for reading."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_ARCHIVE:
            return False
        left = LARGEST_ARCHIVE
        with draft.open("wb") as target:
            while chunk := os.read(descriptor, min(CHUNK, left)):
                target.write(chunk)
                left -= len(chunk)
            target.flush()
            os.fsync(target.fileno())
        # It grew while it was read.
        return left > 0
    finally:
        os.close(descriptor)


def _lab(archive: Path) -> str:
    try:
        return whose(archive)[1]
    except CheckerError:
        return ""


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)


def _read(path: Path) -> dict[str, list[int]]:
    """What was taken before. A damaged file counts as none: then all is taken again, with the time of now."""
    try:
        stored = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        kept = path.with_name(f"{SEEN}.damaged")
        with suppress(OSError):
            shutil.copy(path, kept)
        raise Trouble(
            found=f"{path} is damaged: {error}",
            expected="the list of what was taken, which says that nothing is taken twice",
            next_step="put a backup in its place; without the file, everything counts as handed in now",
        ) from error
    return stored if isinstance(stored, dict) else {}
