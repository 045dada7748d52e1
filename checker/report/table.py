"""A cohort's marks as CSV, as the imports of Canvas and Moodle take it, or plain with everything in it.

Canvas (gradebook import): the columns Student, ID, SIS User ID, SIS Login ID and Section, then one for each
assignment, and a row "Points Possible" before the first student. A student is found by ID, then by the SIS
columns, so ID may stay empty. Moodle (grades, import, CSV file): a header, one column that identifies the
user, one for each item; "-" is no grade, where an empty cell of a new item would not be a number.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterator
from typing import Literal, TextIO

from checker.report.ledger import Entry, Ledger
from checker.text import clean

Layout = Literal["canvas", "moodle", "plain"]
# A spreadsheet takes what begins with one of these for a formula; some do so with their wide forms too.
FORMULA = frozenset("=+-@\t\r")
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
POINTS = "Points Possible"
MOODLE = {"login": "Username", "email": "Email address", "number": "ID number"}
PLAIN = ("learner", "day", "lab", "status", "marks", "of", "raw", "lost", "integrity", "received", "reason")


def write_table(ledger: Ledger, layout: Layout, file: TextIO) -> None:
    """Write the marks of all learners to `file`, which must be open with `newline=""`.

    The marks are what counts, after the late policy; Canvas and Moodle get them out of the most that anybody could
    earn in the lab, since a check that was skipped costs nothing. Where there are none (refused, error, still open,
    not handed in) they get no grade: whether that is a zero is for the instructor to say.
    """
    rows = {"canvas": _canvas, "moodle": _moodle, "plain": _plain}[layout](ledger)
    csv.writer(file, lineterminator="\r\n").writerows(rows)


def _canvas(ledger: Ledger) -> Iterator[list[str]]:
    labs = [(seen.day, seen.lab) for seen in ledger.labs]
    yield [*CANVAS, *(_safe(lab) for _, lab in labs)]
    yield [f"    {POINTS}", "", "", "", "", *(_number(seen.possible) for seen in ledger.labs)]
    number = ledger.settings.learners_are == "number"
    for learner, entries in ledger.learners():
        name = _safe(learner)
        # Canvas takes each row with these words for the one above.
        student = name.replace(POINTS, POINTS.lower())
        marks = _by_lab(ledger, entries)
        ids = [name, ""] if number else ["", name]
        yield [student, "", *ids, "", *(marks.get(lab, "") for lab in labs)]


def _moodle(ledger: Ledger) -> Iterator[list[str]]:
    labs = [(seen.day, seen.lab) for seen in ledger.labs]
    yield [MOODLE[ledger.settings.learners_are], *(_safe(lab) for _, lab in labs)]
    for learner, entries in ledger.learners():
        # Moodle takes a row without a user for one of the user before.
        if name := _safe(learner):
            marks = _by_lab(ledger, entries)
            yield [name, *(marks.get(lab, "-") for lab in labs)]


def _plain(ledger: Ledger) -> Iterator[list[str]]:
    yield [*PLAIN]
    for learner, entries in ledger.learners():
        for entry in entries:
            row, marks = entry.row, entry.marks
            yield [
                _safe(learner),
                str(row.day),
                _safe(row.lab),
                "open" if marks and marks.open else row.status,
                *((_number(marks.final), _number(marks.possible), _number(marks.raw)) if marks else ("", "", "")),
                _number(marks.lost) if marks else "",
                row.result.integrity if row.result else "",
                row.received.isoformat(timespec="seconds"),
                _safe(row.reason),
            ]


def _by_lab(ledger: Ledger, entries: list[Entry]) -> dict[tuple[int, str], str]:
    return {
        (each.row.day, each.row.lab): _number(ledger.scaled(each))
        for each in entries
        if each.marks and not each.costs_nothing
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{round(value, 2):.10g}"


def _safe(text: str) -> str:
    """Return `text` on one line, and never as a formula."""
    shown = clean(text).strip()
    return f"'{shown}" if unicodedata.normalize("NFKC", shown[:1]) in FORMULA else shown
