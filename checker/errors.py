"""The one exception that a person is meant to read: what was found, what was expected, what to do next."""

from __future__ import annotations


class CheckerError(Exception):
    """A problem told in three parts. `exit_status` is 2 for wrong usage, 3 for an environment that is not ready."""

    exit_status = 3

    def __init__(self, found: str, *, expected: str = "", next_step: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.next_step = next_step


class UsageError(CheckerError):
    """The person asked for something that does not exist."""

    exit_status = 2


class Unavailable(CheckerError):
    """A system could not be read, or a proof not be made: the environment's turn, never a zero for the learner."""


class Failed(CheckerError):
    """What the learner built lacks something that a check needs: the learner's turn, it costs marks."""

    exit_status = 1
