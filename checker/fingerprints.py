"""What two honest learners never share: ids that are drawn at random, and what was made from a world of one's own."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

from checker.evidence import Evidence
from checker.evidence.mlflow import Run
from checker.result import Fingerprint

LEAST_MODEL = 4 << 10
LEAST_DATA = 10_000
LEAST_NUMBERS = 2
DIGITS = 4
MOST = 500


Found = tuple[str, str, bool | None]


def fingerprints(evidence: Evidence, models: Path | None = None) -> tuple[Fingerprint, ...]:
    """Return those of one submission, bounded in number; `models` holds the files of logged models by id.

    What an honest learner could also have by chance is left out: empty or small files, models that answer always
    the same, metrics that are round numbers.
    """
    found = {
        (kind, value): fits
        for kind, value, fits in (
            ("workspace", evidence.workspace.workspace_id, None),
            *_mlflow(evidence, models),
            *_dvc(evidence),
            *_pipeline(evidence),
            *_kfp(evidence),
        )
    }
    return tuple(Fingerprint(kind=kind, value=value, fits=fits) for (kind, value), fits in list(found.items())[:MOST])


def _mlflow(evidence: Evidence, folder: Path | None) -> Iterator[Found]:
    known = {digest for table in evidence.proofs.tables for digest in table.digests} if evidence.proofs else set()
    telling = set(_telling_models(evidence))
    for experiment in evidence.mlflow.experiments if evidence.mlflow else ():
        fits = {run.run_id: _fits(run, known) for run in experiment.runs}
        for run in experiment.runs:
            yield "run", run.run_id, fits[run.run_id]
            numbers = sorted((name, value) for name, value in run.metrics.items() if _is_telling(value))
            if len({value for _, value in numbers}) >= LEAST_NUMBERS:
                yield "metrics", hashlib.sha256(repr(numbers).encode()).hexdigest(), fits[run.run_id]
        for model in experiment.models:
            mine = fits.get(model.source_run_id)
            yield "model", model.model_id, mine
            if model.model_id in telling and folder and (sha256 := _largest(folder / model.model_id)):
                yield "model file", sha256, mine


def _fits(run: Run, known: set[str]) -> bool | None:
    """Whether a run names data of the learner's own world; None where it names none, or nothing is known of it."""
    return any(each.digest in known for each in run.datasets) if run.datasets and known else None


def _is_telling(value: float) -> bool:
    return math.isfinite(value) and round(value, DIGITS) != value


def _telling_models(evidence: Evidence) -> Iterator[str]:
    """Yield the models that were asked and tell rows apart."""
    for score in evidence.proofs.scores if evidence.proofs else ():
        if score.tp + score.fp and score.tn + score.fn:
            yield score.model_id


def _largest(place: Path) -> str | None:
    """Return the digest of the largest file of a model, unless it is too small to be telling."""
    files = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else []
    largest = max(files, key=lambda path: path.stat().st_size, default=None)
    if largest is None or largest.stat().st_size < LEAST_MODEL:
        return None
    with largest.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _dvc(evidence: Evidence) -> Iterator[Found]:
    given = set(evidence.fixtures.values())
    for each in evidence.dvc.objects if evidence.dvc else ():
        if each.size >= LEAST_DATA:
            yield "data", each.sha256, each.sha256 in given


def _pipeline(evidence: Evidence) -> Iterator[Found]:
    """Yield the sums of the lock file of what a pipeline makes otherwise from other data."""
    runs = evidence.proofs.pipelines if evidence.proofs else ()
    if not evidence.pipeline or not runs:
        return
    first, *others = ({path: md5 for stage in run.stages for path, md5 in stage.outs.items()} for run in runs)
    elsewhere = [outs for outs, run in zip(others, runs[1:], strict=True) if run.tables and not run.params]
    for link in (link for stage in evidence.pipeline.stages for link in stage.outs if link.kind == "output"):
        if link.locked and any(outs.get(link.path) not in (None, first.get(link.path)) for outs in elsewhere):
            yield "output", link.locked, link.locked == first.get(link.path)


def _kfp(evidence: Evidence) -> Iterator[Found]:
    """Yield the sums of the recorded run of what a compiled pipeline makes otherwise from other data."""
    runs = evidence.proofs.kfp if evidence.proofs else ()
    if not evidence.kfp or not evidence.kfp.run or not runs:
        return
    ir = evidence.kfp.pipeline
    first, *others = ({(task.task, key): each.sha256 for task in run.tasks for key, each in task.artifacts.items()}
                      for run in runs)  # fmt: skip
    elsewhere = [sums for sums, run in zip(others, runs[1:], strict=True) if run.table]
    for (task, key), made in first.items():
        left = evidence.kfp.run.tasks.get(ir.component(ir.task(task)).folder)
        recorded = left.artifacts[key].sha256 if left and key in left.artifacts else None
        if recorded and any(sums.get((task, key)) not in (None, made) for sums in elsewhere):
            yield "output", recorded, recorded == made
