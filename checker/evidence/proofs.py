"""What the grader recomputed itself by running what the learner wrote, apart from its own process."""

from __future__ import annotations

import re
from typing import Any, Literal

from checker.errors import Failed
from checker.evidence.base import Record
from checker.evidence.kfp import KfpRun
from checker.evidence.loops import LoopModel, LoopRun
from checker.evidence.rollouts import RolloutCall
from checker.evidence.services import EndpointScores, ServiceRun
from checker.text import clean

SLOW = re.compile(" not (answer|end) within | seconds of CPU time")


class NotebookRun(Record):
    """One case of a notebook's re-execution: the JSON it wrote as `output`, or the `problem` in words.

    For each parameter that named a table: how many `rows` it had, and the numbers (from 0) of its `positives`; in a
    twin, those that are positive by their features, whatever label stood beside them.
    """

    notebook: str
    case: str
    output: Any = None
    rows: dict[str, int] = {}
    positives: dict[str, tuple[int, ...]] = {}
    problem: str | None = None


class Score(Record):
    """What a logged model answers on one table, measured by the grader. `problem` in words when it does not.

    `tp`, `fp`, `fn`, `tn` count rows; `f1` is 2 tp / (2 tp + fp + fn), 0 where nothing is found.
    `answers` is a digest of all predictions in order: two models with the same one answer alike.
    """

    model_id: str
    table: str
    rows: int = 0
    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0
    answers: str = ""
    problem: str | None = None

    @property
    def precision(self) -> float:
        """The share of alarms that are fraud; 0 without alarms."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 0.0

    @property
    def recall(self) -> float:
        """The share of fraud that is found; 0 without fraud."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / total if total else 0.0


class TableDigest(Record):
    """A table of the learner's world, and the digests that MLflow gives it in the ways it is commonly logged."""

    table: str
    rows: int
    digests: tuple[str, ...] = ()


class CommandRun(Record):
    """One case of a command's re-execution: its exit `status` and the end of what it printed, or the `problem`.

    `outputs` are the declared texts that it wrote, as far as it did, `inputs` the tables that lay there, both by path;
    `spoilt` has for those that were delivered with faults the numbers of the rows, from 0, by the kind of dirt.
    """

    command: str
    case: str
    status: int | None = None
    printed: str = ""
    outputs: dict[str, str] = {}
    inputs: dict[str, str] = {}
    spoilt: dict[str, dict[str, tuple[int, ...]]] = {}
    problem: str | None = None


class StageRun(Record):
    """One stage in one case of a pipeline's reproduction.

    `ran` says that what it depends on is not what it was in the first case, so that it had to run; `outs` are the MD5
    sums, as DVC counts them, of the declared outputs that it wrote. In the first case, `agrees` says for those of
    them that the lock file knows whether it tells the same: byte for byte, or in a text but for the last digits of
    numbers; None where that cannot be told.
    """

    stage: str
    ran: bool = True
    status: int | None = None
    printed: str = ""
    outs: dict[str, str] = {}
    agrees: dict[str, bool | None] = {}
    problem: str | None = None


class PipelineRun(Record):
    """One case of a pipeline's reproduction: its stages in order, as far as they came.

    `params` are the parameters that were changed; `outputs` the declared texts that were written, by path; `tables`
    those of the world that lay there, with the declared columns: in the first case what the lab began with, in the
    others what was put in its place.
    """

    case: str
    params: dict[str, int | float | str | bool] = {}
    stages: tuple[StageRun, ...] = ()
    outputs: dict[str, str] = {}
    tables: dict[str, str] = {}
    problem: str | None = None

    def stage(self, name: str) -> StageRun | None:
        """Return what became of the stage, or None where it was not reached."""
        return next((each for each in self.stages if each.stage == name), None)

    @property
    def ran(self) -> tuple[str, ...]:
        """The stages that had to run."""
        return tuple(each.stage for each in self.stages if each.ran)


class DriftFigure(Record):
    """What a method says of a column, by the grader's own statistics: of the month `name` against the reference.

    `of` says which data that were: those that a report is to speak of (`asked`), these with reference and current
    exchanged (`swapped`), the delivery that was `replaced`, another month that has a report (`other`), or a month that
    learners have not seen (`case`). There are two values where numbers may have been declared as categories.
    """

    of: Literal["asked", "swapped", "replaced", "other", "case"]
    name: str
    column: str
    method: str
    values: tuple[float, ...] = ()


class Summary(Record):
    """A column in a few figures; `distinct` is how many different values it has, which a sketch estimates."""

    column: str
    rows: int
    missing: int = 0
    least: float | None = None
    most: float | None = None
    mean: float | None = None
    distinct: float | None = None


class ProfileRead(Record):
    """A profile of whylogs, read back: what it says (`found`) and what is `true` of the files it is to speak of.

    `problem` completes `the file ...`, where nothing could be read.
    """

    path: str
    found: tuple[Summary, ...] = ()
    true: tuple[Summary, ...] = ()
    problem: str | None = None


class Proofs(Record):
    """Everything that was recomputed for a lab."""

    notebooks: tuple[NotebookRun, ...] = ()
    scores: tuple[Score, ...] = ()
    tables: tuple[TableDigest, ...] = ()
    commands: tuple[CommandRun, ...] = ()
    pipelines: tuple[PipelineRun, ...] = ()
    kfp: tuple[KfpRun, ...] = ()
    services: tuple[ServiceRun, ...] = ()
    endpoint_scores: tuple[EndpointScores, ...] = ()
    drift: tuple[DriftFigure, ...] = ()
    profiles: tuple[ProfileRead, ...] = ()
    loops: tuple[LoopRun, ...] = ()
    loop_models: tuple[LoopModel, ...] = ()
    rollouts: tuple[RolloutCall, ...] = ()

    def notebook(self, path: str, case: str) -> NotebookRun:
        """Return the re-execution of `path` in `case`; the check fails when the notebook did not run through."""
        run = next((each for each in self.notebooks if (each.notebook, each.case) == (path, case)), None)
        if run is None:
            raise LookupError(f"no proof of {path!r} in case {case!r}")
        if run.problem:
            slow = SLOW.search(run.problem)
            mend = f"restart the kernel of `{path}`, run all cells, and mend the first that fails"
            raise Failed(
                f"`{path}`, run again from a clean kernel (case `{case}`): {run.problem}",
                expected="a notebook that runs from top to bottom in a fresh process and writes its output",
                next_step=f"make the work in `{path}` smaller: fewer trees, settings or folds" if slow else mend,
            )
        return run

    def command(self, name: str, case: str) -> CommandRun:
        """Return the re-execution of the command `name` in `case`; the check fails when it did not come to an end."""
        run = self.find_command(name, case)
        if run.problem:
            slow = SLOW.search(run.problem)
            raise Failed(
                f"the command `{name}`, run again in a copy of your files (case `{case}`): {run.problem}",
                expected="a command that comes to its end in a fresh folder",
                next_step="make what it does smaller" if slow else "run it in a fresh clone of your work, and mend it",
            )
        return run

    def find_command(self, name: str, case: str) -> CommandRun:
        """Return the re-execution of the command `name` in `case`, whatever came of it."""
        run = next((each for each in self.commands if (each.command, each.case) == (name, case)), None)
        if run is None:
            raise LookupError(f"no proof of the command {name!r} in case {case!r}")
        return run

    def pipeline(self, case: str) -> PipelineRun:
        """Return the reproduction of the pipeline in `case`; the check fails when it did not come to an end."""
        run = next((each for each in self.pipelines if each.case == case), None)
        if run is None:
            raise LookupError(f"no proof of the pipeline in case {case!r}")
        if run.problem:
            changed = " and ".join(f"`{key}: {value}`" for key, value in run.params.items())
            when = (
                f" with {clean(changed, 120)}"
                if changed
                else " with other data"
                if run.tables and run is not self.pipelines[0]
                else ""
            )
            raise Failed(
                f"the pipeline, run again{when}, each stage by itself: {run.problem}",
                expected="stages that run to their end in a folder that holds what they declare, and write all outputs",
                next_step="declare in `dvc.yaml` what the stage reads and writes, then `dvc repro`",
            )
        return run

    def kfp_run(self, case: str) -> KfpRun:
        """Return the execution of the compiled pipeline in `case`; the check fails when it did not come to an end."""
        run = next((each for each in self.kfp if each.case == case), None)
        if run is None:
            raise LookupError(f"no proof of the compiled pipeline in case {case!r}")
        if run.problem:
            changed = " and ".join(f"`{key}={value}`" for key, value in run.arguments.items())
            elsewhere = ("other data",) if run.table and run is not self.kfp[0] else ()
            when = " and ".join((*elsewhere, *((clean(changed, 120),) if changed else ())))
            raise Failed(
                f"the compiled pipeline, run again{when and f' with {when}'}, each task by itself: {run.problem}",
                expected="tasks that run to their end with nothing but the values and artifacts that are wired to them",
                next_step="make the work of that task smaller: fewer trees, less depth"
                if SLOW.search(run.problem)
                else "mend the component, compile the pipeline and run it again",
            )
        return run

    def service(self, name: str, start: str) -> ServiceRun:
        """Return what the service `name` answered when it was started as `start`."""
        run = next((each for each in self.services if (each.service, each.start) == (name, start)), None)
        if run is None:
            raise LookupError(f"no proof of the service {name!r} started as {start!r}")
        return run

    def loop(self, name: str, chain: str, step: int) -> LoopRun:
        """Return what one call of the loop `name` did."""
        run = next((each for each in self.loops if (each.loop, each.chain, each.step) == (name, chain, step)), None)
        if run is None:
            raise LookupError(f"no proof of the loop {name!r} in chain {chain!r}, step {step}")
        return run

    def loop_model(self, name: str, chain: str, step: int) -> LoopModel | None:
        """Return how good the champion is that a call of the loop made, or None where it made none."""
        asked = (name, chain, step)
        return next((each for each in self.loop_models if (each.loop, each.chain, each.step) == asked), None)

    def rollout(self, future: str) -> tuple[RolloutCall, ...]:
        """Return the calls of the controller in that future, in order."""
        calls = tuple(each for each in self.rollouts if each.future == future)
        if not calls:
            raise LookupError(f"no proof of a rollout in the future {future!r}")
        return calls

    def scores_of(self, endpoint: str) -> EndpointScores:
        """Return what the registered model says of the rows that a live endpoint was asked about."""
        found = next((each for each in self.endpoint_scores if each.endpoint == endpoint), None)
        return found or EndpointScores(endpoint=endpoint)

    def score(self, model_id: str, table: str) -> Score | None:
        """Return what the model scored on `table`, or None when it was not asked."""
        return next((each for each in self.scores if (each.model_id, each.table) == (model_id, table)), None)

    def digests(self, table: str) -> tuple[str, ...]:
        """Return what MLflow may call `table`, made from the learner's seed; no held-out table has any."""
        return next((each.digests for each in self.tables if each.table == table), ())
