"""How the checks of a cohort behave: counted as the rows come, so that memory grows with the checks alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from checker.report.ledger import Entry
from checker.result import CheckResult

# Below so many verdicts a correlation says more about chance than about the check.
ENOUGH = 20
FULL = 1e-9


@dataclass
class Together:
    """The correlation of two quantities, from a stream of pairs, by Welford's method."""

    n: int = 0
    mean_x: float = 0.0
    mean_y: float = 0.0
    xx: float = 0.0
    yy: float = 0.0
    xy: float = 0.0

    def add(self, x: float, y: float) -> None:
        """Take in one pair."""
        self.n += 1
        from_x, from_y = x - self.mean_x, y - self.mean_y
        self.mean_x += from_x / self.n
        self.mean_y += from_y / self.n
        self.xx += from_x * (x - self.mean_x)
        self.yy += from_y * (y - self.mean_y)
        self.xy += from_x * (y - self.mean_y)

    @property
    def correlation(self) -> float | None:
        """From -1 to 1; None where one of the two never changes."""
        if min(self.xx, self.yy) <= FULL:
            return None
        return self.xy / math.sqrt(self.xx * self.yy)


@dataclass
class CheckFigures:
    """One check over the cohort: `n` verdicts that decided it, with how many got full marks, failed or waited.

    `stuck` learners failed it in the attempt that counts, after `tries` earlier attempts of theirs in which it
    had failed too, as their own machines recorded; `behind` is how often another check waited for it.
    """

    day: int
    lab: str
    name: str
    description: str
    n: int = 0
    full: int = 0
    stuck: int = 0
    tries: int = 0
    behind: int = 0
    undecided: int = 0
    against_rest: Together = field(default_factory=Together)

    @property
    def difficulty(self) -> float | None:
        """The share of full marks, from 0 (nobody) to 1 (everybody)."""
        return self.full / self.n if self.n else None

    @property
    def discrimination(self) -> float | None:
        """How far its marks go with those of the lab's other checks: the corrected item-total correlation.

        None while there are too few verdicts, or where all are alike.
        """
        return self.against_rest.correlation if self.enough else None

    @property
    def enough(self) -> bool:
        """Whether there are enough verdicts to tell how far the check discriminates."""
        return self.against_rest.n >= ENOUGH


class Figures:
    """The figures of all checks, in the order of the course."""

    def __init__(self) -> None:
        self._checks: dict[tuple[int, str, str], CheckFigures] = {}

    def add(self, entry: Entry) -> None:
        """Take in the verdict that counts for one learner in one lab; what has none is passed over."""
        result = entry.row.result
        if entry.marks is None or result is None:
            return
        for check in result.checks:
            figures = self._of(entry, check)
            if check.outcome == "error":
                figures.undecided += 1
            if check.outcome in ("error", "skipped"):
                continue
            figures.n += 1
            figures.full += check.earned >= check.points - FULL
            if not entry.marks.open:
                # As a share, since there is more to earn for some than for others.
                rest = result.possible - check.points
                figures.against_rest.add(check.earned, (result.earned - check.earned) / rest if rest > FULL else 0.0)
            if check.outcome == "failed":
                figures.stuck += 1
                figures.tries += sum(past.outcomes.get(check.name) == "failed" for past in entry.row.past)
        for check in result.checks:
            root = self._checks.get((entry.row.day, entry.row.lab, check.blocked_by or ""))
            if root is not None:
                root.behind += 1

    def _of(self, entry: Entry, check: CheckResult) -> CheckFigures:
        key = (entry.row.day, entry.row.lab, check.name)
        if key not in self._checks:
            self._checks[key] = CheckFigures(*key, check.description)
        return self._checks[key]

    def checks(self) -> list[CheckFigures]:
        """All checks, day by day, in the order in which they were met."""
        return sorted(self._checks.values(), key=lambda each: (each.day, each.lab))

    def stuck(self, at_most: int = 10) -> list[CheckFigures]:
        """The checks at which most learners fail now, the worst first."""
        some = [each for each in self._checks.values() if each.stuck]
        return sorted(some, key=lambda each: (-each.stuck, -each.behind, each.day))[:at_most]
