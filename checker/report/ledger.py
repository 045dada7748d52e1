"""A cohort's rows with the marks that count: what all reports are written from, one learner at a time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from checker.course import Course, Lab
from checker.marks import CohortSettings, Marks, due, marks_of, total
from checker.result import Row
from checker.store import LabSeen, Store


@dataclass(frozen=True)
class Entry:
    """One learner in one lab: the row that counts, its marks if it has any, and what else was handed in."""

    row: Row
    marks: Marks | None
    attempts: int = 1
    newer: Row | None = None

    @property
    def costs_nothing(self) -> bool:
        """Whether nothing was decided yet, and it is not the learner's turn."""
        return self.marks.open if self.marks else self.row.status != "refused"


@dataclass(frozen=True)
class Ledger:
    """The rows of `store` as `course` and `settings` count them, `now` being when the report is made.

    `roster` are those who should be in it, whether they handed anything in or not.
    """

    store: Store
    course: Course
    settings: CohortSettings
    now: datetime
    roster: tuple[str, ...] = ()

    @classmethod
    def of(cls, store: Store, course: Course, settings: CohortSettings, roster: Iterable[str] = ()) -> Ledger:
        """Return the ledger as of this moment."""
        return cls(store, course, settings, datetime.now(UTC), tuple(roster))

    @cached_property
    def labs(self) -> list[LabSeen]:
        """The labs that somebody handed in, by day."""
        return self.store.labs()

    @cached_property
    def known(self) -> dict[str, Lab]:
        """The labs of the course by name."""
        return {lab.name: lab for lab in self.course.labs}

    def learners(self) -> Iterator[tuple[str, list[Entry]]]:
        """Yield each learner with an entry for each lab that they handed in; no more than one learner is held."""
        seen = ((each.row.learner, each) for each in self.store.standings())
        # Both are sorted, so that each learner comes once.
        both = heapq.merge(seen, ((learner, None) for learner in sorted(self.roster)), key=lambda pair: pair[0])
        for learner, mine in itertools.groupby(both, key=lambda pair: pair[0]):
            yield (
                learner,
                [Entry(each.row, self.marks(each.row), each.attempts, each.newer) for _, each in mine if each],
            )

    def marks(self, row: Row) -> Marks | None:
        """The marks of `row`, or None where it has none."""
        return marks_of(row, self.known.get(row.lab), self.course.marks.late, self.settings)

    def scaled(self, entry: Entry) -> float | None:
        """The marks that count, out of those of the lab's column, which are the same for all.

        Whoever had no cluster could earn fewer, which costs nothing; None where there are no marks.
        """
        marks, lab = entry.marks, (entry.row.day, entry.row.lab)
        column = next((seen.possible for seen in self.labs if (seen.day, seen.lab) == lab), None)
        if marks is None or not marks.possible or column is None:
            return marks.final if marks else None
        return marks.final * column / marks.possible

    def due(self, day: int, lab: str, learner: str | None = None) -> datetime | None:
        """When a lab is due."""
        return due(self.settings, day, self.known.get(lab), learner)

    def total(self, learner: str, entries: list[Entry]) -> float | None:
        """The weighted share of all marks, from 0 to 1.

        What was refused counts as nothing earned, and so does what is missing once it is due; an error, a
        verdict that is still open and a lab that was skipped are left out.
        """
        mine = {(each.row.day, each.row.lab): each for each in entries}
        weighed = []
        for seen in self.labs:
            entry = mine.get((seen.day, seen.lab))
            lab = self.known.get(seen.lab)
            if entry is None:
                last = self.due(seen.day, seen.lab, learner)
                left_out = last is not None and self.now <= last
            else:
                left_out = entry.costs_nothing
            if not left_out:
                weighed.append((lab.weight if lab else 1.0, entry.marks if entry else None))
        return total(weighed)
