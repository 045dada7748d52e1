"""Marks that count in a cohort: what a verdict earned, less what handing in late costs, weighed by lab."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError

from checker.course import Lab, LatePolicy
from checker.declarations import Model
from checker.errors import CheckerError
from checker.result import Row

COHORT_FILE = "cohort.json"
LARGEST_COHORT = 16 << 20
END_OF_DAY = time(23, 59, 59)
DAY = timedelta(days=1)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write one as in `Europe/Berlin` or `UTC`") from error
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]
CourseDate = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1))]


class Extension(Model):
    """More time for one learner in one lab: until the end of the day `until`."""

    learner: str
    day: int
    until: CourseDate


class CohortSettings(Model):
    """What `cohort.json` in a cohort's folder says. Without `starts` nothing is ever late.

    `learners_are` tells what the names of the submissions are in a learning platform. `reveal` says how much
    a learner's own page tells of each check: the messages too, the outcomes only, or the marks only.
    """

    version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=200)]
    starts: CourseDate | None = None
    timezone: TimeZone = "UTC"
    learners_are: Literal["login", "email", "number"] = "login"
    reveal: Literal["messages", "outcomes", "marks"] = "messages"
    extensions: tuple[Extension, ...] = ()


def read_settings(folder: Path) -> CohortSettings:
    """Return the settings of the cohort in `folder`; those of a folder without any are the defaults.

    Raises:
        CheckerError: the file cannot be read, or says something that is not allowed.
    """
    path = folder / COHORT_FILE
    try:
        if path.stat().st_size > LARGEST_COHORT:
            raise ValueError("it is far too large")
        return CohortSettings.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return CohortSettings(name=folder.absolute().name[:200] or "cohort")
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(step) for step in each['loc']) or 'file'}: {each['msg']}"
            for each in error.errors(include_url=False, include_input=False)[:5]
        )
        reason = wrong
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or "unknown"
    raise CheckerError(
        f"{path} cannot be used: {reason}",
        expected="the settings of a cohort, as `checker cohort init` writes them",
        next_step="mend the named fields",
    )


def due(settings: CohortSettings, day: int, lab: Lab | None, learner: str | None = None) -> datetime | None:
    """Return when a lab is due, with the learner's extension if there is one; None without a date of start.

    It is at 23:59:59 in the cohort's time zone, `lab.due` days after the start, or as many as its `day`.
    """
    if settings.starts is None:
        return None
    last = settings.starts + timedelta(days=day if lab is None or lab.due is None else lab.due)
    # The last entry of the table wins, so that an extension can be extended.
    for each in settings.extensions:
        if (each.learner, each.day) == (learner, day):
            last = each.until
    return datetime.combine(last, END_OF_DAY, ZoneInfo(settings.timezone))


def share_lost(policy: LatePolicy, received: datetime, due: datetime | None) -> float:
    """Return the share of the marks, from 0 to 1, that handing in at `received` costs."""
    if due is None:
        return 0.0
    zoned = received if received.tzinfo else received.replace(tzinfo=UTC)
    late = zoned.replace(microsecond=0) - due.astimezone(UTC)
    if late <= timedelta(minutes=policy.grace_minutes):
        return 0.0
    return min(policy.at_most, policy.lost_per_day * math.ceil(late / DAY))


@dataclass(frozen=True)
class Marks:
    """The marks of one lab: `raw` as the checks gave them, of `possible`; the share `lost` for being late.

    While `open`, a check could not be decided: it is the environment's turn, and the marks are not final.
    """

    raw: float
    possible: float
    lost: float = 0.0
    open: bool = False

    @property
    def final(self) -> float:
        """What counts."""
        return self.raw * (1 - self.lost)


def marks_of(row: Row, lab: Lab | None, policy: LatePolicy, settings: CohortSettings) -> Marks | None:
    """Return the marks of `row`, or None where it has none: refused, an error, or a lab that was skipped."""
    result = row.result
    if row.status != "graded" or result is None or result.outcome == "skipped":
        return None
    lost = share_lost(policy, row.received, due(settings, row.day, lab, row.learner))
    return Marks(result.earned, result.possible, lost, result.outcome == "error")


def total(weighed: Iterable[tuple[float, Marks | None]]) -> float | None:
    """Return the weighted mean, from 0 to 1, of labs given as weight and marks; no marks count as none earned.

    Labs that are still open must be left out by the caller. None where nothing has any weight.
    """
    earned = possible = 0.0
    for weight, marks in weighed:
        possible += weight
        if marks is not None and marks.possible:
            earned += weight * marks.final / marks.possible
    return earned / possible if possible else None


def make_settings(
    folder: Path, *, name: str | None = None, starts: date | None = None, timezone: str | None = None
) -> CohortSettings:
    """Write `cohort.json` into `folder`, or change what is told in the one that is there, and return it.

    Raises:
        CheckerError: the file that is there cannot be used, what is told is not allowed, or nothing can be written.
    """
    told = {"name": name, "starts": starts, "timezone": timezone}
    try:
        settings = CohortSettings.model_validate(
            read_settings(folder).model_dump() | {key: value for key, value in told.items() if value is not None}
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / COHORT_FILE).write_text(settings.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except ValidationError as error:
        wrong = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors()[:3])
        raise CheckerError(f"the cohort cannot be set up so: {wrong}", expected="as `--help` shows") from error
    except OSError as error:
        raise CheckerError(f"{folder} cannot be written: {error.strerror}", expected="a folder of yours") from error
    return settings
