"""What a learner's controller of a rollout did when the grader called it: call by call, from the traffic it left."""

from __future__ import annotations

from checker.evidence.base import Record
from checker.evidence.foreign import ForeignText, mapping, parse_json

SHADOW, CANDIDATE, CHAMPION, OTHER = "shadow", "candidate", "champion", "other"
"""Where a rollout stands when it is not at a step: before the first one, at its good or bad end, or nowhere."""


class Turned(Record):
    """A call of `infra` by the controller: its words, and its exit status."""

    words: str
    status: int


class RolloutCall(Record):
    """One call of the controller, the one with number `step` (from 0) of a future.

    `stood` and `stands` say where the rollout stood before and after the call: at the weight of the candidate as a
    text, such as `10`, or at one of the places above; `wanted` is where a controller that keeps to the contract leaves
    it. `traffic` is what came of it in words. `said` is the last line of the record of decisions, `lines` counts those
    that the call added. `problem` completes `it ...`.
    """

    future: str
    step: int
    stood: str = ""
    stands: str = ""
    wanted: str = ""
    traffic: str = ""
    status: int | None = None
    printed: str = ""
    said: str = ""
    lines: int = 0
    turned: tuple[Turned, ...] = ()
    problem: str | None = None

    @property
    def decision(self) -> str:
        """The word that the record has for this call; empty where there is none."""
        return self._told("decision").lower()

    @property
    def reason(self) -> str:
        """The reason that the record has for this call; empty where there is none."""
        return self._told("reason")

    def _told(self, name: str) -> str:
        try:
            value = mapping(parse_json(self.said)).get(name)
        except ForeignText:
            return ""
        return value.strip() if isinstance(value, str) else ""
