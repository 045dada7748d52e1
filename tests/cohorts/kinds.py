"""A kind of submission: how it is made, and what must become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.cohorts.day03 import Bench
from tests.cohorts.desk import Desk

KINDS: dict[str, "Kind"] = {}


@dataclass(frozen=True)
class Kind:
    """`donor` names the kind of which a classmate's archive is at hand while it is made."""

    name: str
    family: str
    day: int
    make: Callable[[Desk], object]
    status: str = "graded"
    marks: tuple[float, float] | None = None
    words: str = ""
    donor: str | None = None
    shares: bool = False


def kind(family: str, *, day: int = 3, marks: Any = None, **options: Any) -> Callable[[Any], Any]:
    """Make a function of a desk a kind, named as the function with its day before it."""

    def register(make: Callable[[Desk], object]) -> Callable[[Desk], object]:
        name = f"day {day}: {make.__name__.replace('_', ' ')}"
        span = (marks, marks) if isinstance(marks, int | float) else marks
        KINDS[name] = Kind(name, family, day, make, marks=span, **options)
        return make

    return register


def done(family: str, **options: Any) -> Callable[[Any], Any]:
    """Make a function of a bench a kind of day 3: the workspace is started, worked in, frozen and handed in."""

    def register(work: Callable[[Bench], object]) -> Callable[[Bench], object]:
        def make(desk: Desk) -> None:
            with desk.started() as made:
                work(Bench(made.path))
                desk.hand_in(made)

        make.__name__ = work.__name__
        kind(family, **options)(make)
        return work

    return register
