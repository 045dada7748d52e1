"""What two honest learners never share: ids that are drawn at random, and what was made from a world of one's own."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

from checker.evidence import Evidence
from checker.result import Fingerprint

LEAST_MODEL = 4 << 10
LEAST_DATA = 10_000
LEAST_NUMBERS = 2
DIGITS = 4
MOST = 500


def fingerprints(evidence: Evidence, models: Path | None = None) -> tuple[Fingerprint, ...]:
    """Return those of one submission, bounded in number; `models` holds the files of logged models by id.

    What an honest learner could also have by chance is left out: empty or small files, models that answer always
    the same, metrics that are round numbers.
    """
    found = dict.fromkeys(
        [
            ("workspace", evidence.workspace.workspace_id),
            *_mlflow(evidence),
            *_models(evidence, models),
            *_dvc(evidence),
        ]
    )
    return tuple(Fingerprint(kind=kind, value=value) for kind, value in list(found)[:MOST])


def _mlflow(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for experiment in evidence.mlflow.experiments if evidence.mlflow else ():
        for run in experiment.runs:
            yield "run", run.run_id
            telling = sorted((name, value) for name, value in run.metrics.items() if _is_telling(value))
            if len({value for _, value in telling}) >= LEAST_NUMBERS:
                yield "metrics", hashlib.sha256(repr(telling).encode()).hexdigest()
        for model in experiment.models:
            yield "model", model.model_id


def _is_telling(value: float) -> bool:
    return math.isfinite(value) and round(value, DIGITS) != value


def _models(evidence: Evidence, folder: Path | None) -> Iterator[tuple[str, str]]:
    """Yield the digest of the largest file of each model that was asked and tells rows apart."""
    scores = evidence.proofs.scores if evidence.proofs else ()
    for model_id in dict.fromkeys(each.model_id for each in scores if each.tp + each.fp and each.tn + each.fn):
        place = folder / model_id if folder else None
        files = [path for path in place.rglob("*") if path.is_file()] if place and place.is_dir() else []
        largest = max(files, key=lambda path: path.stat().st_size, default=None)
        if largest is not None and largest.stat().st_size >= LEAST_MODEL:
            with largest.open("rb") as file:
                yield "model file", hashlib.file_digest(file, "sha256").hexdigest()


def _dvc(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for each in evidence.dvc.objects if evidence.dvc else ():
        if each.size >= LEAST_DATA:
            yield "data", each.sha256
