"""The folder of a cohort -> submissions: nbgrader's `submitted/STUDENT/ASSIGNMENT`, or a folder of archives."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from checker.course import Course, Lab
from checker.enrolment import SUBMITTED, UNENROLLED
from checker.errors import CheckerError, Unavailable, UsageError
from checker.text import clean

TIMESTAMP = "timestamp.txt"
LONGEST_TIMESTAMP = 100


@dataclass(frozen=True)
class Submission:
    """One archive, or what should be one: then `problem` says what is wrong, and what to do is `next_step`.

    `source` is its path in the cohort's folder; `received` when it was handed in, as whoever took it wrote down.
    A problem that is not the learner's has the `outcome` error.
    """

    learner: str
    lab: str
    path: Path
    source: str
    received: datetime
    problem: str = ""
    next_step: str = ""
    outcome: Literal["refused", "error"] = "refused"


def discover(folder: Path, course: Course) -> Iterator[Submission]:
    """Yield the submissions in `folder`, sorted by learner and lab.

    Raises:
        UsageError: there is no such folder, or nothing in it that could be a submission.
    """
    root = folder / SUBMITTED if (folder / SUBMITTED).is_dir() else folder
    if not root.is_dir():
        raise UsageError(
            f"{folder} is no folder",
            expected="a folder with submitted/STUDENT/ASSIGNMENT in it, or with archives of `checker submit`",
            next_step="name the folder of the cohort",
        )
    archives = sorted(path for path in root.iterdir() if path.suffix == ".zip" and not path.name.startswith("."))
    students = sorted(path for path in root.iterdir() if path.is_dir() and _is_student(path, root == folder))
    if not archives and not students:
        raise UsageError(
            f"{root} holds no submission",
            expected="STUDENT/ASSIGNMENT folders as nbgrader collects them, or archives of `checker submit`",
            next_step="run `nbgrader collect`, or put the archives there",
        )
    yield from _flat(archives, folder)
    labs = {lab.name: lab for lab in course.ready}
    for student in students:
        try:
            places = sorted(each for each in student.iterdir() if not each.name.startswith("."))
        except OSError as error:
            yield _closed(student, folder, error)
            continue
        for place in places:
            yield _collected(student.name, place, folder, labs)


def _closed(student: Path, folder: Path, error: OSError) -> Submission:
    """A student's folder that nobody can look into."""
    problem, next_step = f"the folder cannot be read: {error.strerror}", "mend its permissions, then grade again"
    source = os.path.relpath(student, folder)
    return Submission(student.name, "unknown", student, source, _changed(student), problem, next_step, "error")


def _is_student(path: Path, is_cohort: bool) -> bool:
    """Whether a folder is a student's; beside the cohort's own files, only those with a lab's name in them are."""
    if path.name.startswith(".") or path.is_symlink():
        return False
    return not is_cohort or any(re.match(r"day\d\d-", each.name) for each in path.iterdir())


def _collected(student: str, place: Path, folder: Path, labs: dict[str, Lab]) -> Submission:
    """What nbgrader collected of one student for one assignment."""

    def said(path: Path, problem: str = "", next_step: str = "") -> Submission:
        source = os.path.relpath(path, folder)
        return Submission(student, place.name, path, source, _received(place, path), problem, next_step)

    if place.name not in labs:
        near = ", ".join(list(labs)[:3])
        return said(place, f"there is no lab `{clean(place.name, 80)}`", f"name the assignment as the lab: {near} ...")
    try:
        found = sorted(place.rglob("*.zip")) if place.is_dir() and not place.is_symlink() else []
    except (OSError, RecursionError):
        return said(place, "its folders cannot be looked through, or are too deep", "hand in the archive alone")
    if len(found) == 1:
        linked = found[0].is_symlink()
        return said(
            found[0],
            "the archive is a link to somewhere else" if linked else "",
            "hand in the file itself" if linked else "",
        )
    number = labs[place.name].day
    if not found:
        return said(place, "there is no archive in it", f"run `checker submit {number}` and hand in the file it writes")
    names = ", ".join(clean(path.name, 60) for path in found[:3])
    return said(place, f"there are {len(found)} archives in it: {names}", "leave only the one that counts")


def _received(place: Path, path: Path) -> datetime:
    """Return when it was handed in: what nbgrader wrote down, or else the file's own time."""
    try:
        # Not a pipe: whoever opens one waits.
        descriptor = os.open(place / TIMESTAMP, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, encoding="ascii") as file:
            text = file.read(LONGEST_TIMESTAMP).strip().removesuffix(" UTC")
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except (OSError, ValueError):
        return _changed(path)


def _changed(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)


def _flat(archives: list[Path], folder: Path) -> Iterator[Submission]:
    """What lies in one folder: whose it is stands in the archives."""
    from checker.submission import whose

    claimed: dict[tuple[str, str], list[Path]] = {}
    for path in archives:
        try:
            learner, lab = whose(path)
            # Without an enrolment, the name of the file is all that tells them apart.
            claimed.setdefault((path.name.split(".")[0] if learner == UNENROLLED else learner, lab), []).append(path)
        except CheckerError as error:
            learner = clean(path.name.split(".")[0], 80)
            source = os.path.relpath(path, folder)
            ours = isinstance(error, Unavailable)
            outcome: Literal["refused", "error"] = "error" if ours else "refused"
            yield Submission(learner, "unknown", path, source, _changed(path), error.found, error.next_step, outcome)
    for (learner, lab), paths in sorted(claimed.items()):
        names = ", ".join(clean(path.name, 60) for path in paths[:3])
        problem = f"{len(paths)} archives say that they are {learner}'s: {names}" if len(paths) > 1 else ""
        for path in paths:
            source = os.path.relpath(path, folder)
            yield Submission(learner, lab, path, source, _changed(path), problem, "leave only the one that counts")
