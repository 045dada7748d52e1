"""A cohort's marks in nbgrader's gradebook, through its own API: formgrader and `nbgrader export` show them.

Each lab is the assignment of its name; its checks are the cells of a notebook `checker` beside the lab's own
notebook, whose manually graded cells stay as they are. Only automatic scores are ever written: manual scores,
comments of people, extra credit, due dates and names that are there already belong to the instructor.

nbgrader gives a notebook that was not handed in as a file an automatic score of zero, so run `nbgrader autograde`
first and this afterwards; run once more, it puts the scores right.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checker.errors import CheckerError
from checker.report.ledger import Entry, Ledger
from checker.result import CheckResult, LabResult
from checker.text import clean

NOTEBOOK = "checker"
COURSE_ID = "default_course"
TOLERANCE = 1e-9


def write_gradebook(ledger: Ledger, path: Path) -> int:
    """Write each verdict that counts into the gradebook at `path`, made if need be; return how many it were.

    What was refused or ended in an error leaves the scores that are there as they are, and so does a check
    that could not be decided. What a cell may give is the same for all, so that a check that was skipped gets the
    share of the others: it costs nothing.

    Raises:
        CheckerError: the file is no gradebook, is one of another nbgrader, or cannot be written.
    """
    written = 0
    with _told(path), _opened(path) as book:
        for learner, entries in ledger.learners():
            for entry in entries:
                if entry.marks is not None and entry.row.result is not None:
                    _write(book, ledger, clean(learner, 128), entry, entry.row.result)
                    written += 1
    return written


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with warnings.catch_warnings(), _alembic_on_path():
        # nbgrader uses names of SQLAlchemy that are going away.
        warnings.simplefilter("ignore")
        from nbgrader.api import Course, Gradebook

        with Gradebook(f"sqlite:///{path.absolute()}", course_id="") as book:
            # A gradebook belongs to one course, whose name is in the instructor's configuration and not in ours.
            known = [course.id for course in book.db.query(Course).all()]
            book.course_id = known[0] if len(known) == 1 else COURSE_ID
            book.check_course(book.course_id)
            yield book


@contextlib.contextmanager
def _alembic_on_path() -> Iterator[None]:
    """nbgrader calls `alembic` by its name when it makes a gradebook."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Put what SQLite says through SQLAlchemy into words."""
    if path.is_file() and path.stat().st_size:
        _must_be_a_gradebook(path)
    try:
        yield
    except CheckerError:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("sqlalchemy", "sqlite3", "nbgrader"):
            raise
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        mend = "close what holds it, or mend its permissions"
        raise CheckerError(
            f"{path} cannot be written: {reason}",
            expected="a gradebook of this nbgrader, in a folder that you can write",
            next_step="run `nbgrader db upgrade`" if "no such column" in reason else mend,
        ) from error


def _must_be_a_gradebook(path: Path) -> None:
    """nbgrader would add its tables to any database."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error as error:
        tables, reason = set(), f": {error}"
    else:
        reason = ""
    if not {"alembic_version", "submitted_assignment"} <= tables:
        raise CheckerError(
            f"{path} is no gradebook of nbgrader{reason}",
            expected="the file `gradebook.db` of an nbgrader course, or the name of a new one",
            next_step="name another file with `--gradebook`",
        )


def _write(book: Any, ledger: Ledger, student: str, entry: Entry, result: LabResult) -> None:
    """Write one verdict and commit it."""
    from nbgrader.api import MissingEntry

    due = ledger.due(entry.row.day, entry.row.lab)
    cells = _cells(book, entry.row.lab, due, result)
    try:
        book.find_student(student)
    except MissingEntry:
        book.add_student(student)
    try:
        submission = book.find_submission(entry.row.lab, student)
    except MissingEntry:
        submission = book.add_submission(entry.row.lab, student)
    submission.timestamp = _utc(entry.row.received)
    extended = ledger.due(entry.row.day, entry.row.lab, entry.row.learner)
    if due is not None and extended is not None and extended != due:
        submission.extension = extended - due
    notebook, grades, comments = _parts(book, submission, cells)
    for check in result.checks:
        cell, solution = cells[check.name]
        _score(grades[cell.id], check, result)
        comments[solution.id].auto_comment = _comment(check) or None
    asked = {cell.id for cell, _ in cells.values()}
    for grade in notebook.grades:
        if grade.cell_id not in asked:
            grade.auto_score = 0.0
    book.db.flush()
    # The share is lost of what counts, with what a person changed by hand.
    score = sum(_counted(grade) for grade in notebook.grades)
    notebook.late_submission_penalty = entry.marks.lost * score if entry.marks else 0.0
    book.db.commit()


def _cells(book: Any, lab: str, due: datetime | None, result: LabResult) -> dict[str, tuple[Any, Any]]:
    """Return the grade cell and the solution cell of each check, made where they are not there.

    nbgrader shows a grade that has a source cell too, and keeps comments with solution cells. The cell of a check
    that the lab no longer has stays, with what a person wrote there, and gives nothing.
    """
    from nbgrader.api import MissingEntry

    try:
        assignment = book.find_assignment(lab)
    except MissingEntry:
        assignment = book.add_assignment(lab, course_id=book.course_id)
    if assignment.duedate is None and due is not None:
        assignment.duedate = _utc(due)
    try:
        notebook = book.find_notebook(NOTEBOOK, lab)
    except MissingEntry:
        notebook = book.add_notebook(NOTEBOOK, lab)
    grade = {cell.name: cell for cell in notebook.grade_cells}
    solution = {cell.name: cell for cell in notebook.solution_cells}
    source = {cell.name: cell for cell in notebook.source_cells}
    where = (NOTEBOOK, lab)
    for name in grade.keys() - {check.name for check in result.checks}:
        grade[name].max_score = 0.0
    for check in result.checks:
        name = check.name
        if name not in grade:
            grade[name] = book.add_grade_cell(name, *where, max_score=check.points, cell_type="code")
        grade[name].max_score = check.points
        if name not in solution:
            solution[name] = book.add_solution_cell(name, *where)
        if name not in source:
            source[name] = book.add_source_cell(name, *where, cell_type="code", locked=True)
        source[name].source = "# " + clean(check.description, 2000)
    return {check.name: (grade[check.name], solution[check.name]) for check in result.checks}


def _parts(book: Any, submission: Any, cells: dict[str, tuple[Any, Any]]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return the submitted notebook with its grades and comments by the id of their cell, whole.

    A submission that nbgrader made before there were checks, or before one was added, lacks some.
    """
    from nbgrader.api import Comment, Grade, SubmittedNotebook

    found = [each for each in submission.notebooks if each.name == NOTEBOOK]
    if found:
        notebook = found[0]
    else:
        notebook = SubmittedNotebook(notebook=book.find_notebook(NOTEBOOK, submission.name), assignment=submission)
        book.db.add(notebook)
    grades = {each.cell_id: each for each in notebook.grades}
    comments = {each.cell_id: each for each in notebook.comments}
    for grade_cell, solution_cell in cells.values():
        if grade_cell.id not in grades:
            grades[grade_cell.id] = Grade(cell_id=grade_cell.id, notebook=notebook)
        if solution_cell.id not in comments:
            comments[solution_cell.id] = Comment(cell_id=solution_cell.id, notebook=notebook)
    book.db.add_all([*grades.values(), *comments.values()])
    return notebook, grades, comments


def _score(grade: Any, check: CheckResult, result: LabResult) -> None:
    """Set the automatic score. One that changed under a manual score asks for a look, as nbgrader itself has it."""
    skipped = check.outcome == "skipped"
    earned = check.points * result.earned / result.possible if skipped and result.possible else check.earned
    if check.outcome == "error" or (skipped and result.outcome == "error"):
        grade.needs_manual_grade = grade.manual_score is None and grade.auto_score is None
        return
    changed = grade.auto_score is None or abs(grade.auto_score - earned) > TOLERANCE
    grade.auto_score = earned
    if grade.manual_score is None:
        grade.needs_manual_grade = False
    elif changed:
        grade.needs_manual_grade = True


def _counted(grade: Any) -> float:
    chosen = grade.auto_score if grade.manual_score is None else grade.manual_score
    return float(chosen or 0.0) + float(grade.extra_credit or 0.0) * (chosen is not None)


def _comment(check: CheckResult) -> str:
    """Return what a learner reads of a check, as text."""
    return "\n".join(
        "\n".join(f"{name}: {words}" for name, words in parts if words)
        for parts in (
            (("found", each.found), ("expected", each.expected), ("next", each.next_step)) for each in check.messages
        )
    )


def _utc(moment: datetime) -> datetime:
    """Return the moment as nbgrader keeps it: UTC, without a zone."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)
