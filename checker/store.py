"""The results of a cohort in one SQLite file: every attempt that was ever graded, never changed, never deleted.

Each row is committed before `add` returns, so that a kill or a power cut loses nothing that was reported.
One coordinator at a time may add rows; any number of readers may look on meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from checker.database import explained, open_database, transaction
from checker.errors import CheckerError, Unavailable, UsageError
from checker.result import Fingerprint, Row
from checker.text import plural

if TYPE_CHECKING:
    from filelock import BaseFileLock

RESULTS_FILE = "results.db"
# How much an attempt weighs when it is chosen whose marks count. A verdict with a check that could not be
# decided gives way to one that is whole, even an older one: an error costs nothing.
WHOLE, OPEN, REFUSED, ERROR = 3, 2, 1, 0
# Made from the rest when a row is read again.
COMPUTED: Any = {"result": {"earned", "possible", "integrity", "outcome"}}
BEST_FIRST = "ORDER BY standing DESC, received DESC, id DESC"


@dataclass(frozen=True)
class Standing:
    """Where a learner stands in a lab: the row that counts, of how many, and the newest where another one counts."""

    row: Row
    attempts: int
    newer: Row | None = None


@dataclass(frozen=True)
class Holder:
    """Somebody in whose submission of `lab` a fingerprint occurs; `received` is when it first did."""

    learner: str
    lab: str
    received: datetime


@dataclass(frozen=True)
class Shared:
    """A fingerprint that occurs for several learners, the earliest first. A finding, and not a verdict."""

    fingerprint: Fingerprint
    holders: tuple[Holder, ...]


@dataclass(frozen=True)
class Copy:
    """Pieces of state of one kind in the submission of `learner` that only fit in the world of `owner`."""

    learner: str
    lab: str
    owner: str
    kind: str
    count: int
    example: str
    received: datetime

    def __str__(self) -> str:
        """As a sentence that completes the learner's name."""
        what = plural(self.count, f"{self.kind} file" if self.kind == "data" else self.kind.removesuffix("s"))
        return f"holds {what} ({self.example[:16]}) that is {self.owner}'s: it fits in no other world"


@dataclass(frozen=True)
class LabSeen:
    """A lab that somebody handed in.

    `possible` are the most marks that anybody could earn in it, as the checker of the newest verdict has it: with a
    cluster there are more. None while there is no verdict.
    """

    day: int
    lab: str
    possible: float | None


class Store:
    """The results of one cohort. Use it as a context manager.

    With `reading`, nothing is made or changed, and the file must be there.

    Raises:
        UsageError: `reading`, and nothing was graded yet.
        CheckerError: the file is damaged, or is not a store of results, or is of a newer version of the checker.
        Unavailable: the file cannot be read or written, or the disk is full.
    """

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        self.path = path
        self._lock: BaseFileLock | None = None
        if reading and not path.is_file():
            raise UsageError(
                f"{path} is not there",
                expected="the results of a cohort",
                next_step=f"run `checker grade --cohort {path.parent}` first",
            )
        self._db = open_database(path, reading=reading)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let the next coordinator in."""
        self._db.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def begin(self, scope: str) -> int:
        """Return the newest unfinished run of `scope`, to be continued, or a new one.

        Raises:
            Unavailable: another coordinator is at work on this cohort.
        """
        self._be_the_only_one()
        with explained(self.path), transaction(self._db):
            found = self._one("SELECT id FROM run WHERE scope = ? AND finished IS NULL ORDER BY id DESC", _text(scope))
            if found:
                return int(found[0])
            made = self._db.execute("INSERT INTO run (scope, started) VALUES (?, ?)", (_text(scope), _now()))
            return int(made.lastrowid or 0)

    def finish(self, run: int) -> None:
        """Mark `run` as finished: the next `begin` makes a new one."""
        with explained(self.path):
            self._db.execute("UPDATE run SET finished = ? WHERE id = ?", (_now(), run))

    def done(self, run: int, learner: str, lab: str, digest: str) -> bool:
        """Whether this content of this learner has a row in `run`, whatever its status."""
        with explained(self.path):
            sql = "SELECT 1 FROM attempt WHERE run = ? AND learner = ? AND lab = ? AND digest = ?"
            return self._one(sql, run, _text(learner), _text(lab), _text(digest)) is not None

    def unchanged(self, learner: str, lab: str, digest: str, version: str) -> bool:
        """Whether the same content was decided by the same `version` of checker and course in any run.

        A row with an error, or a verdict with a check that could not be decided, decides nothing.
        """
        sql = """SELECT 1 FROM attempt WHERE learner = ? AND lab = ? AND digest = ? AND version = ?
                 AND standing IN (?, ?)"""
        with explained(self.path):
            keys = (_text(learner), _text(lab), _text(digest), _text(version))
            return self._one(sql, *keys, WHOLE, REFUSED) is not None

    def add(self, run: int, row: Row, version: str) -> bool:
        """Keep `row` for good; False where this run already has one for the same content of the same learner."""
        received = _seconds(row.received)
        learner, lab = _text(row.learner), _text(row.lab)
        result = row.result
        with explained(self.path), transaction(self._db):
            added = self._db.execute(
                """INSERT INTO attempt
                   (run, learner, day, lab, digest, version, received, status, standing, integrity, possible, row)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, learner, lab, digest) DO NOTHING""",
                (
                    run,
                    learner,
                    row.day,
                    lab,
                    _text(row.digest),
                    _text(version),
                    received,
                    row.status,
                    _standing(row),
                    result.integrity if result else "ok",
                    result.possible if result and result.outcome != "skipped" else None,
                    _json(row),
                ),
            )
            if not added.rowcount:
                return False
            self._db.executemany(
                """INSERT INTO fingerprint VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
                   SET received = min(received, excluded.received), fits = excluded.fits""",
                ((_text(each.kind), _text(each.value), learner, lab, received, each.fits) for each in row.fingerprints),
            )
        return True

    def current(self) -> Iterator[Row]:
        """Yield for each learner and lab the row whose marks count, by learner and day.

        It is the newest verdict that is whole, else the newest with a check left open, else the newest refusal,
        else the newest error; the newest is what was handed in last.
        """
        return (standing.row for standing in self.standings())

    def standings(self) -> Iterator[Standing]:
        """Yield for each learner and lab where they stand, by learner and day."""
        keys = "SELECT learner, day, lab, count(*) FROM attempt GROUP BY learner, day, lab"
        best = f"SELECT id, row, received FROM attempt WHERE learner = ? AND day = ? AND lab = ? {BEST_FIRST}"  # noqa: S608
        newer = """SELECT row FROM attempt WHERE learner = ? AND day = ? AND lab = ? AND (received, id) > (?, ?)
                   ORDER BY received DESC, id DESC"""
        for learner, day, lab, attempts in self._rows(keys):
            with explained(self.path):
                number, row, received = self._one(best, learner, day, lab) or ()
                later = self._one(newer, learner, day, lab, received, number)
            yield Standing(self._row(row), attempts, self._row(later[0]) if later else None)

    def attempts(self, learner: str, lab: str) -> Iterator[Row]:
        """Yield every row of a learner in a lab, in the order in which they were added."""
        sql = "SELECT row FROM attempt WHERE learner = ? AND lab = ? ORDER BY id"
        return (self._row(row) for (row,) in self._rows(sql, _text(learner), _text(lab)))

    def doubtful(self) -> Iterator[tuple[Row, bool]]:
        """Yield what is suspect or tampered with, by learner and day, and whether it is the content that counts.

        It is the newest verdict on each content, so that a doubt which a later checker no longer has is gone.
        """
        sql = f"""SELECT row, digest = (SELECT digest FROM attempt AS best WHERE best.learner = attempt.learner
                  AND best.day = attempt.day AND best.lab = attempt.lab {BEST_FIRST} LIMIT 1)
                  FROM attempt WHERE integrity != 'ok' AND id IN
                  (SELECT max(id) FROM attempt WHERE status = 'graded' GROUP BY learner, lab, digest)
                  ORDER BY learner, day, id"""  # noqa: S608
        return ((self._row(row), bool(counts)) for row, counts in self._rows(sql))

    def shared(self) -> Iterator[Shared]:
        """Yield each fingerprint that occurs for more than one learner, in the same lab or in different ones."""
        both = "SELECT kind, value FROM fingerprint GROUP BY kind, value HAVING min(learner) != max(learner)"
        who = "SELECT learner, lab, received FROM fingerprint WHERE kind = ? AND value = ? ORDER BY received, learner"
        for kind, value in self._rows(both):
            holders = tuple(Holder(learner, lab, _time(at)) for learner, lab, at in self._rows(who, kind, value))
            yield Shared(Fingerprint(kind=kind, value=value), holders)

    def copies(self) -> Iterator[Copy]:
        """Yield what learners hold of others', in whose own worlds it fits and in theirs it does not."""
        sql = """SELECT mine.learner, mine.lab, other.learner, mine.kind, count(*), min(mine.value), min(mine.received)
                 FROM fingerprint AS mine JOIN fingerprint AS other USING (kind, value)
                 WHERE mine.fits = 0 AND other.fits = 1 AND mine.learner != other.learner
                 GROUP BY mine.learner, mine.lab, other.learner, mine.kind"""
        for learner, lab, owner, kind, count, example, received in self._rows(sql):
            yield Copy(learner, lab, owner, kind, count, example, _time(received))

    def labs(self) -> list[LabSeen]:
        """The labs that somebody handed in, by day."""
        sql = """SELECT day, lab, (SELECT max(possible) FROM attempt AS each
                 WHERE each.lab = seen.lab AND each.day = seen.day AND version =
                 (SELECT version FROM attempt AS newest WHERE newest.lab = seen.lab AND newest.day = seen.day
                  AND possible IS NOT NULL ORDER BY id DESC LIMIT 1))
                 FROM (SELECT DISTINCT day, lab FROM attempt) AS seen ORDER BY day, lab"""
        return [LabSeen(day, lab, possible) for day, lab, possible in self._rows(sql)]

    def _row(self, text: str) -> Row:
        try:
            return Row.model_validate_json(text)
        except ValidationError as error:
            raise CheckerError(
                f"{self.path} holds a row that is none: {error.error_count()} of its fields are wrong",
                expected="rows as this checker keeps them",
                next_step="update the checker; or put a backup of the file in its place",
            ) from error

    def _rows(self, sql: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        with explained(self.path):
            # Not `yield from`: that would close the cursor of a reader who stopped early, even after the file.
            for row in self._db.execute(sql, values):  # noqa: UP028
                yield row

    def _one(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._db.execute(sql + " LIMIT 1", values).fetchone()
        return found

    def _be_the_only_one(self) -> None:
        import filelock

        if self._lock is not None:
            return
        lock = filelock.FileLock(self.path.with_name(f"{self.path.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise Unavailable(
                f"another `checker grade` is at work on {self.path.parent}",
                expected="one at a time for each cohort",
                next_step="wait until it is done, or stop it; nothing that it finished is lost",
            ) from error
        except OSError as error:
            raise Unavailable(
                f"{lock.lock_file} cannot be made: {error.strerror}",
                expected="a folder that you can write",
                next_step="mend its permissions",
            ) from error
        self._lock = lock


def _standing(row: Row) -> int:
    if row.status == "graded" and row.result is not None:
        return WHOLE if row.result.outcome in ("passed", "failed") else OPEN
    return REFUSED if row.status == "refused" else ERROR


def _json(row: Row) -> str:
    """Return `row` as JSON. The text of a strange file name may hold halves of characters, which JSON cannot."""
    try:
        return row.model_dump_json(exclude=COMPUTED)
    except ValueError:
        import json

        text = json.dumps(row.model_dump(exclude=COMPUTED), default=datetime.isoformat, ensure_ascii=False)
        return re.sub("[\ud800-\udfff]", lambda half: f"\\\\u{ord(half[0]):04x}", text)


def _text(text: str) -> str:
    """Return `text` as SQLite can hold it: halves of characters are shown as their escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _seconds(moment: datetime) -> float:
    """Return seconds since 1970; a time without a zone is taken as UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _now() -> float:
    return datetime.now(UTC).timestamp()
