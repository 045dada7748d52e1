"""Who hands in what: a cohort from a number of learners, a seed, days and a mix of families."""

import hashlib
import multiprocessing
import os
import random
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from checker.course import load_course
from checker.enrolment import KEY, enrol_all
from checker.marks import make_settings
from tests.cohorts import day01, day08, forged, honest
from tests.cohorts.desk import Desk
from tests.cohorts.expected import Expectations, Expected
from tests.cohorts.kinds import KINDS, Kind
from tests.support import ROOT

ROOMS = (honest, forged, day08, day01)
MIX = {
    "correct": 0.4, "another": 0.1, "partial": 0.15, "wrong": 0.1, "starter": 0.05,
    "cheating": 0.09, "corrupt": 0.09, "hostile": 0.02,
}  # fmt: skip
"""The share of each family; a single kind may be named in its place."""
LETTERS = ("ada", "björn", "çelik", "dmitri", "eve@example.invalid", "f.g-h+i", "günther", "ha nguyen", "İpek", "日本")


@dataclass(frozen=True)
class Task:
    """One submission that shall be made."""

    learner: str
    kind: str
    donor: str | None
    folder: Path
    root: Path


def kinds(*days: int) -> list[Kind]:
    """Return the kinds of these days, those that this machine can make."""
    root = os.geteuid() == 0
    return [each for each in KINDS.values() if each.day in days and not (root and each.name.endswith("unreadable"))]


def make_cohort(
    folder: Path,
    *,
    learners: int,
    seed: int = 0,
    days: Iterable[int] = (3,),
    mix: Mapping[str, float] | None = None,
    course: Path = ROOT,
    processes: int = 1,
) -> Expectations:
    """Make a cohort in `folder`, as `checker cohort init` does, with a submission for day 3 of each learner.

    `mix` maps families, or names of kinds, to their shares; every kind of a family gets its turn. Of day 1 and
    day 8, if they are among `days`, there is one submission of each kind, from the first learners.
    Names, keys, worlds and kinds follow from `seed`; ids of workspaces, runs and commits do not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(f"cohort {seed}".encode()).digest()
    (folder / KEY).write_bytes(key)
    (folder / KEY).chmod(0o600)
    chosen = random.Random(seed)
    names = [f"{LETTERS[number % len(LETTERS)]}{number}" for number in range(learners)]
    make_settings(folder, name="A synthetic cohort")
    enrol_all(folder, "A synthetic cohort", names)
    tasks = []
    for day in sorted(set(days), key=lambda day: day != 3):
        wanted = _spread(mix or MIX, learners, chosen) if day == 3 else kinds(day)
        tasks += _tasks(wanted, names, folder, course, chosen)
    rows = [_expected(task) for task in tasks]
    # First those of whom others copy.
    ready = [task for task in tasks if task.donor is None], [task for task in tasks if task.donor is not None]
    with ExitStack() as stack:
        spread = map
        if processes > 1:
            context = multiprocessing.get_context("spawn")
            spread = stack.enter_context(ProcessPoolExecutor(processes, mp_context=context)).map
        labs = [lab for group in ready for lab in spread(_do, group)]
    found = dict(zip([task for group in ready for task in group], labs, strict=True))
    return Expectations(folder, tuple(_in_lab(row, found[task]) for row, task in zip(rows, tasks, strict=True)))


def _spread(mix: Mapping[str, float], count: int, chosen: random.Random) -> list[Kind]:
    """Return `count` kinds in these shares, by largest remainder, in a random order."""
    total = sum(mix.values())
    shares = {name: count * share / total for name, share in mix.items()}
    counts = {name: int(share) for name, share in shares.items()}
    left = count - sum(counts.values())
    for name in sorted(shares, key=lambda name: counts[name] - shares[name])[:left]:
        counts[name] += 1
    found = []
    for name, many in counts.items():
        turn = [each for each in kinds(3) if name in (each.family, each.name)]
        found += [turn[number % len(turn)] for number in range(many)]
    chosen.shuffle(found)
    return found


def _tasks(wanted: list[Kind], names: list[str], folder: Path, course: Path, chosen: random.Random) -> list[Task]:
    pairs = list(zip(names, wanted, strict=False))
    tasks, strangers = [], list(forged.NAMES)
    for learner, each in pairs:
        donors = [name for name, other in pairs if other.name == each.donor]
        if each.donor and not donors:
            raise ValueError(f"{each.name} needs a classmate with {each.donor}")
        who = learner
        if each.family == "hostile":
            who = strangers.pop() if strangers else f"{learner}<b>"
        tasks.append(Task(who, each.name, chosen.choice(donors) if donors else None, folder, course))
    return tasks


def _expected(task: Task) -> Expected:
    each = KINDS[task.kind]
    lab = next(lab for lab in load_course(task.root).labs if lab.day == each.day)
    shares = (task.donor,) if each.shares and task.donor else ()
    return Expected(task.learner, lab.name, each.name, each.family, each.status, each.marks, each.words, shares)


def _in_lab(row: Expected, lab: str | None) -> Expected:
    return Expected(**{**vars(row), "lab": lab}) if lab else row


def _do(task: Task) -> str | None:
    """Make one submission; return the name of the assignment where it is not the lab's own."""
    course, each = load_course(task.root), KINDS[task.kind]
    lab = next(lab for lab in course.labs if lab.day == each.day)
    with tempfile.TemporaryDirectory(prefix="cohort-") as scratch:
        desk = Desk(
            learner=task.learner, lab=lab, course=course, root=task.root, key=(task.folder / KEY).read_bytes(),
            cohort=task.folder, scratch=Path(scratch),
            donor=task.folder / "submitted" / task.donor / lab.name / f"{lab.name}.zip" if task.donor else None,
        )  # fmt: skip
        # Nothing here must outlive a power cut, and waiting for the disk takes longer than all the rest.
        with mock.patch.object(os, "fsync", lambda descriptor: None):
            made = each.make(desk)
    return made if isinstance(made, str) else None
