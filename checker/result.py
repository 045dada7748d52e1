"""The result of grading a lab: marks, and apart from them integrity."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

Outcome = Literal["passed", "failed", "blocked", "error", "skipped"]


class Model(BaseModel):
    """What all results share."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Message(Model):
    """One thing to know: what was found, what was expected, and the command or cell that comes next."""

    found: str
    expected: str = ""
    next_step: str = ""


class CheckResult(Model):
    """How one check ended. `earned` counts partial marks; `blocked_by` names the check that must pass first.

    One that is `skipped` needs a profile that was not running: its `points` count neither as earned nor as possible.
    """

    name: str
    description: str
    outcome: Outcome
    points: float
    earned: float = 0.0
    messages: tuple[Message, ...] = ()
    blocked_by: str | None = None
    seconds: float = 0.0


class Doubt(Model):
    """One reason to doubt that the work is honest."""

    level: Literal["suspect", "tampered"]
    check: str
    reason: str


class LabResult(Model):
    """The verdict on one lab. `skipped` labs need a profile that is not running and cost nothing."""

    day: int
    lab: str
    title: str
    workspace_id: str = ""
    learner: str = ""
    graded: datetime
    skipped: str | None = None
    checks: tuple[CheckResult, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def earned(self) -> float:
        """The marks that were earned."""
        return sum(each.earned for each in self.checks)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def possible(self) -> float:
        """The marks that can be earned in this lab, where its evidence was collected."""
        return sum(each.points for each in self.checks if each.outcome != "skipped")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def integrity(self) -> Literal["ok", "suspect", "tampered"]:
        """The worst doubt, or `ok`."""
        levels = {doubt.level for doubt in self.doubts}
        return "tampered" if "tampered" in levels else "suspect" if "suspect" in levels else "ok"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def outcome(self) -> Literal["passed", "failed", "error", "skipped"]:
        """`error` while any mark could not be decided, else `passed` when every check did that was not skipped."""
        outcomes = {each.outcome for each in self.checks}
        if self.skipped is not None or outcomes == {"skipped"}:
            return "skipped"
        outcomes.discard("skipped")
        if "error" in outcomes:
            return "error"
        return "passed" if outcomes == {"passed"} else "failed"


class Past(Model):
    """One earlier attempt, as the learner's own machine recorded it: a claim that earns nothing."""

    number: int
    graded: datetime
    earned: float
    possible: float
    outcomes: dict[str, Outcome] = {}


class Fingerprint(Model):
    """A piece of state that two honest learners do not share, such as the id of a run.

    `fits` tells whether it belongs to the learner's own world; None where that cannot be told.
    """

    kind: str
    value: str
    fits: bool | None = None


class Row(Model):
    """How one submission of a cohort ended: `graded` with a verdict, `refused` or `error` with a reason.

    `source` is its path in the cohort's folder, `digest` names its content; `received` is when it was handed in.
    """

    learner: str
    day: int
    lab: str
    source: str
    digest: str
    received: datetime
    status: Literal["graded", "refused", "error"]
    reason: str = ""
    result: LabResult | None = None
    fingerprints: tuple[Fingerprint, ...] = ()
    past: tuple[Past, ...] = ()
    seconds: float = 0.0


class Report(Model):
    """What `checker grade --format json` prints."""

    schema_version: Literal[1] = 1
    results: tuple[LabResult, ...] = Field(description="one for each lab that was asked for, in the order asked")

    @property
    def exit_status(self) -> int:
        """0 everything passed (or was skipped), 1 marks were lost, 3 the environment kept us from grading."""
        outcomes = {result.outcome for result in self.results}
        return 3 if "error" in outcomes else 1 if "failed" in outcomes else 0


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the report."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Report.model_json_schema(mode="serialization"),
    }
