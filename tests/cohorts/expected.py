"""What the rows of a cohort must become."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from checker.result import Row


@dataclass(frozen=True)
class Expected:
    """What one submission must become.

    `marks` are the least and the most it may earn, None without a verdict. `words` is a pattern that must occur in
    the reason, or in what the checks that did not pass found. `shares` are learners with whom something is shared.
    """

    learner: str
    lab: str
    kind: str
    family: str
    status: str
    marks: tuple[float, float] | None = None
    words: str = ""
    shares: tuple[str, ...] = ()
    integrity: str = "ok"

    @property
    def is_honest(self) -> bool:
        """Whether nothing about it may ever look dishonest, however much of it is wrong."""
        return self.family not in ("cheating", "corrupt", "hostile")

    def differences(self, row: Row) -> Iterator[str]:
        """Yield what is not so in `row`."""
        if row.status != self.status:
            yield f"is {row.status} and not {self.status}: {told(row)}"
            return
        if row.result is not None and self.marks is not None:
            least, most = self.marks
            if not least <= row.result.earned <= most:
                yield f"has {row.result.earned} marks and not {least:g} to {most:g}: {told(row)}"
            if row.result.integrity != self.integrity:
                yield f"is {row.result.integrity}: {row.result.doubts}"
        if not re.search(self.words, told(row), re.IGNORECASE):
            yield f"does not say `{self.words}` but: {told(row)}"


def told(row: Row) -> str:
    """Return why a row is not perfect, as one text."""
    checks = row.result.checks if row.result else ()
    found = [f"{each.name}: {message.found}" for each in checks for message in each.messages if not each.blocked_by]
    return "; ".join([row.reason, *found])


@dataclass(frozen=True)
class Expectations:
    """A cohort's folder and its submissions; no learner has two for one lab."""

    folder: Path
    rows: tuple[Expected, ...]

    def differences(self, rows: Iterable[Row]) -> list[str]:
        """Return in words what is not as it must be: a row that is missing, there twice, unknown, or another."""
        wanted = {(each.learner, each.lab): each for each in self.rows}
        seen: Counter[tuple[str, str]] = Counter()
        found = []
        for row in rows:
            key = (row.learner, row.lab)
            seen[key] += 1
            if key not in wanted:
                found.append(f"{key} was never handed in: {told(row)}")
            else:
                found += [f"{key} ({wanted[key].kind}) {each}" for each in wanted[key].differences(row)]
        found += [f"{key} has {count} rows" for key, count in seen.items() if count > 1]
        return found + [f"{key} ({each.kind}) has no row" for key, each in wanted.items() if key not in seen]

    def of(self, *names: str) -> list[Expected]:
        """Return the submissions of these families or kinds."""
        return [each for each in self.rows if each.family in names or each.kind in names]
