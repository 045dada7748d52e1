"""The SQLite file behind the store: opened, known or made, and what SQLite says put into words."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from checker.errors import CheckerError, Unavailable

# "mlab": tells our files from others that are SQLite too.
APPLICATION = 0x6D6C6162
SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE run (id INTEGER PRIMARY KEY, scope TEXT NOT NULL, started REAL NOT NULL, finished REAL);
CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (id),
    learner TEXT NOT NULL,
    day INTEGER NOT NULL,
    lab TEXT NOT NULL,
    digest TEXT NOT NULL,
    version TEXT NOT NULL,
    received REAL NOT NULL,
    status TEXT NOT NULL,
    standing INTEGER NOT NULL,
    integrity TEXT NOT NULL,
    possible REAL,
    row TEXT NOT NULL,
    UNIQUE (run, learner, lab, digest)
);
CREATE INDEX attempt_standing ON attempt (learner, day, lab, standing, received);
CREATE TABLE fingerprint (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    learner TEXT NOT NULL,
    lab TEXT NOT NULL,
    received REAL NOT NULL,
    fits INTEGER,
    PRIMARY KEY (kind, value, learner, lab)
) WITHOUT ROWID;
"""
SECONDS_TO_WAIT = 30
KEPT = "nothing that was finished is lost"


def open_database(path: Path, *, reading: bool) -> sqlite3.Connection:
    """Open the results in `path`; make them where there is no file, unless only `reading`.

    Every statement is a transaction of its own, and a commit is on the disk when it returns.

    Raises:
        CheckerError: the file is damaged, or is no store of results, or a newer checker made it.
        Unavailable: it cannot be read or written.
    """
    with explained(path):
        db = _connect_to_read(path) if reading else sqlite3.connect(path, timeout=SECONDS_TO_WAIT, isolation_level=None)
    try:
        with explained(path):
            db.execute("PRAGMA synchronous = FULL")
            _check_or_make(db, path, reading)
    except BaseException:
        db.close()
        raise
    return db


def _connect_to_read(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    db = sqlite3.connect(address, timeout=SECONDS_TO_WAIT, isolation_level=None, uri=True)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        db.close()
        # In a folder that cannot be written there is no place for the write-ahead log's index; but where there
        # is no log, nobody is writing either, and the file can be read as it lies there.
        no_place = isinstance(error, sqlite3.OperationalError) and not path.with_name(f"{path.name}-wal").exists()
        if not no_place:
            raise
        db = sqlite3.connect(f"{address}&immutable=1", isolation_level=None, uri=True)
    return db


def _check_or_make(db: sqlite3.Connection, path: Path, reading: bool) -> None:
    application, version, tables = (
        db.execute(sql).fetchone()[0]
        for sql in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if (application, version) == (APPLICATION, SCHEMA_VERSION):
        return
    if tables or reading:
        newer = application == APPLICATION and version > SCHEMA_VERSION
        raise CheckerError(
            f"{path} is {'from a newer checker' if newer else 'no store of results'}",
            expected=f"results as this checker keeps them (version {SCHEMA_VERSION})",
            next_step="update the checker" if newer else "name the folder of a cohort, or move that file away",
        )
    db.execute("PRAGMA journal_mode = WAL")
    with transaction(db):
        # Of two that make it at once, the second finds it made.
        if not db.execute("PRAGMA user_version").fetchone()[0]:
            for statement in SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # A full disk ends a transaction by itself.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says about `path` into words. What was committed before is safe in each of these cases."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(path, error) from error


def _explain(path: Path, error: sqlite3.Error) -> CheckerError:
    # The lowest byte is the kind of error, the rest its details.
    kind = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if kind in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return Unavailable(
            f"{path} cannot grow: {error}",
            expected="a disk that works and has free space",
            next_step=f"make some room and start again; {KEPT}",
        )
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable(
            f"{path} is locked by another program",
            expected="a file that nobody else holds",
            next_step=f"close the other program and start again; {KEPT}",
        )
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return Unavailable(
            f"{path} cannot be opened or written: {error}",
            expected="a file in a folder that you can write",
            next_step="mend its permissions",
        )
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return CheckerError(
            f"{path} is damaged or no store of results: {error}",
            expected="the file as the checker wrote it",
            next_step="put a backup in its place; or move it away and grade anew",
        )
    return CheckerError(f"{path} does not answer: {error}", next_step="report this line to the course")
