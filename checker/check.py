"""How a check is written: `@check`, `expect`, `award`, `fail`, `suspect`, `tampered`.

    @check(points=2)
    def three_runs(lab):
        \"\"\"Experiment `day08-baseline` holds at least three finished runs.\"\"\"
        runs = lab.mlflow.runs("day08-baseline", status="FINISHED")
        expect(len(runs) >= 3, found=f"{len(runs)} finished runs", expected="3 or more",
               next_step="run the training cell again with another `max_depth`")
        return runs

The docstring is what the learner reads; `needs` hands on what the needed checks returned, in order. A check with
`profile="kind"` is skipped where the evidence was not collected on a cluster, and costs nothing there.
"""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from checker.errors import Failed
from checker.profiles import PROFILES, Profile, covers

DEFAULT_SECONDS = 20.0


@dataclass(frozen=True, eq=False)
class Check:
    """A plain function over the evidence with its marks. Compares by identity: two checks are never equal.

    It can be made on `profile` alone, or where that one's possibilities are; with `overlay`, on that one of it.
    """

    function: Callable[..., Any]
    points: float
    needs: tuple[Check, ...] = ()
    seconds: float = DEFAULT_SECONDS
    profile: Profile = "local"
    overlay: str = ""

    def possible_on(self, profile: Profile, overlay: str) -> bool:
        """Whether it can be made on what was collected there."""
        here = covers(profile, self.profile) and (not self.overlay or overlay == self.overlay)
        return here and all(each.possible_on(profile, overlay) for each in self.needs)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def description(self) -> str:
        """The first paragraph of the docstring on one line: the sentence that the learner reads."""
        return " ".join(inspect.cleandoc(self.function.__doc__ or "").split("\n\n")[0].split())


def check(
    *,
    points: float,
    needs: Check | tuple[Check, ...] = (),
    seconds: float = DEFAULT_SECONDS,
    profile: Profile = "local",
    overlay: str = "",
) -> Callable[[Callable[..., Any]], Check]:
    """Make a function a check worth `points` that may run for `seconds`, on evidence of this profile.

    Raises:
        TypeError, ValueError: no docstring, no marks, a need that is no check or can be made in fewer places, or a
            profile that there is not; found at import.
    """
    needed = (needs,) if isinstance(needs, Check) else tuple(needs)
    if points <= 0:
        raise ValueError("a check is worth more than 0 points")
    if not all(isinstance(each, Check) for each in needed):
        raise TypeError("`needs` names checks, not plain functions")
    if profile not in PROFILES or (overlay and profile == "local"):
        raise ValueError(f"a profile is one of {', '.join(PROFILES)}, and an overlay is one of a cluster")
    if not all(each.possible_on(profile, overlay) for each in needed):
        raise ValueError("a check that needs one for a cluster is for a cluster too: give it that profile and overlay")

    def mark(function: Callable[..., Any]) -> Check:
        made = Check(function, points, needed, seconds, profile, overlay)
        if not made.description:
            raise ValueError(f"check {function.__name__} has no docstring: it is what the learner reads")
        return made

    return mark


@dataclass
class Attempt:
    """What a running check said so far: partial marks, messages and doubts about integrity."""

    points: float
    earned: float = 0.0
    partial: bool = False
    failures: list[Failed] = field(default_factory=list)
    doubts: list[tuple[Literal["suspect", "tampered"], str]] = field(default_factory=list)

    def add(self, points: float) -> None:
        """Count partial marks; more than the check is worth is a fault of the check."""
        if points <= 0 or self.earned + points > self.points + 1e-9:
            raise ValueError(f"partial marks of {self.earned + points:g} out of {self.points:g}")
        self.earned += points


_attempt: contextvars.ContextVar[Attempt] = contextvars.ContextVar("attempt")


def begin(attempt: Attempt) -> None:
    """Make `attempt` the one that `expect` and its like speak to, in this context."""
    _attempt.set(attempt)


def expect(condition: object, *, found: str, expected: str, next_step: str, points: float | None = None) -> None:
    """Go on if `condition` holds, else fail with what was found, what was expected and what to do next.

    With `points`, it is a part of the check: its marks are earned or lost, and the check goes on.
    """
    if points is not None:
        attempt = _attempt.get()
        attempt.partial = True
        if condition:
            attempt.add(points)
        else:
            attempt.failures.append(Failed(found, expected=expected, next_step=next_step))
    elif not condition:
        fail(found=found, expected=expected, next_step=next_step)


def award(points: float) -> None:
    """Give partial marks that stay even if the check fails later."""
    attempt = _attempt.get()
    attempt.partial = True
    attempt.add(points)


def fail(*, found: str, expected: str, next_step: str) -> NoReturn:
    """Fail the running check."""
    raise Failed(found, expected=expected, next_step=next_step)


def suspect(reason: str) -> None:
    """Note that something may be dishonest; it costs no marks by itself and an instructor looks at it."""
    _attempt.get().doubts.append(("suspect", reason))


def tampered(reason: str) -> None:
    """Note that something was provably forged; it costs no marks by itself."""
    _attempt.get().doubts.append(("tampered", reason))
