"""The one exception of this package whose text is written for the person at the terminal."""

from __future__ import annotations


class Trouble(Exception):
    """Something outside this program stands in the way; it says what, and what to do next."""

    def __init__(self, *, found: str, expected: str, next_step: str, details: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.next_step = next_step
        self.details = details

    def __str__(self) -> str:
        """Lay out the three parts, below the details where there are any."""
        lines = [self.details.rstrip(), ""] if self.details else []
        lines += [f"Found:    {self.found}", f"Expected: {self.expected}", f"Next:     {self.next_step}"]
        return "\n".join(lines)
