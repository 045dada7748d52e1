"""Score logged models on tables whose labels the models never see."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.collect.mlflow import MlflowServer, fetch_model
from checker.declarations import ModelProof
from checker.evidence import Evidence
from checker.evidence.mlflow import Experiment, LoggedModel, Mlflow
from checker.evidence.proofs import Score, TableDigest
from checker.jail import PATIENCE, Answer, Jail, Limits
from checker.recipes import make_table
from checker.text import clean
from checker.workspace import Carried

if TYPE_CHECKING:
    from checker.world import Table

PRELOADED = ("pandas", "sklearn.ensemble", "sklearn.linear_model", "skops.io", "cloudpickle")
"""What a model is likely to need, paid for once and not by each."""
SECONDS_A_MODEL = 30
MEMORY = 4 << 30


def score(
    proof: ModelProof, evidence: Evidence, key: bytes, jail: Jail, carried: Carried | None = None
) -> tuple[list[Score], list[TableDigest]]:
    """Return a score for each of the newest models and each table, and MLflow's names of the tables.

    The models' files come from MLflow, or are those that a submission `carried`.

    Raises:
        Unavailable: MLflow stopped answering.
    """
    mlflow = evidence.mlflow
    if mlflow is None or not _anything(proof, mlflow):
        return [], []
    seed = evidence.workspace.seed
    tables = {name: make_table(recipe, seed, key) for name, recipe in proof.tables.items()}
    named = {name: make_table(recipe, seed) for name, recipe in proof.named.items()}
    shown = {name: table for name, table in tables.items() if not proof.tables[name].holdout}
    known = [_digests(name, table, proof) for name, table in (shown | named).items()]
    models = candidates(proof, mlflow)
    if not models:
        return [], known
    with tempfile.TemporaryDirectory(prefix="checker-score-") as scratch:
        if carried:
            folders, broken = _copy(carried, models, Path(scratch))
        else:
            folders, broken = _fetch(mlflow.address, models, Path(scratch))
        answer = _ask(proof, tables, folders, Path(scratch), jail)
    scores = []
    truths = {name: "".join(map(str, table[proof.target].tolist())) for name, table in tables.items()}
    for model in models:
        for name, truth in truths.items():
            problem = broken.get(model.model_id) or answer.problem
            value = None if problem else _part(_part(answer.value, model.model_id), name)
            scores.append(_score(model.model_id, name, truth, value, problem))
    return scores, known


def _anything(proof: ModelProof, mlflow: Mlflow) -> bool:
    """Whether anybody did anything there."""
    runs = any(each.runs for each in mlflow.experiments if each.name == proof.experiment)
    return runs or any(each.versions for each in mlflow.registered if each.name == proof.registered)


def candidates(proof: ModelProof, mlflow: Mlflow) -> list[LoggedModel]:
    """Return the models that are scored: whole, and of a finished run or behind a version; aliases first, then new."""
    if proof.experiment:
        found = [
            each
            for experiment in mlflow.experiments
            if experiment.name == proof.experiment
            for each in _of_runs(experiment)
        ]
    else:
        models = [
            each.model
            for registered in mlflow.registered
            if registered.name == proof.registered
            for each in registered.versions
        ]
        found = list({each.model_id: each for each in models if each and each.ready}.values())
    return found[: proof.at_most]


def _of_runs(experiment: Experiment) -> list[LoggedModel]:
    runs = {run.run_id: run for run in experiment.runs if run.status == "FINISHED"}
    named = {each for run in runs.values() for each in run.model_ids}
    return [each for each in experiment.models if each.ready and (each.model_id in named or each.source_run_id in runs)]


def _digests(name: str, table: Table, proof: ModelProof) -> TableDigest:
    from checker.prove.digests import mlflow_digests

    columns = {each: table[each] for each in table.columns}
    return TableDigest(table=name, rows=len(table), digests=mlflow_digests(columns, proof.target))


def _fetch(address: str, models: Iterable[LoggedModel], folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Copy the models into `folder`; return where each is, and what is wrong with those that are nowhere."""
    folders, broken = {}, {}
    with MlflowServer(address) as server:
        for number, model in enumerate(models):
            target = folder / f"model-{number}"
            try:
                fetch_model(server, model, target)
                folders[model.model_id] = target.name
            except ValueError as error:
                broken[model.model_id] = str(error)
    return folders, broken


def _copy(carried: Carried, models: Iterable[LoggedModel], folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """As `_fetch`, for models that came with a submission."""
    folders, broken = {}, {}
    for number, model in enumerate(models):
        if (carried.models / model.model_id).is_dir():
            target = shutil.copytree(carried.models / model.model_id, folder / f"model-{number}")
            folders[model.model_id] = target.name
        else:
            broken[model.model_id] = "its files are not in the submission"
    return folders, broken


def _ask(proof: ModelProof, tables: Mapping[str, Table], models: dict[str, str], folder: Path, jail: Jail) -> Answer:
    """Let the models predict, without the labels, in a process of their own."""
    if not models:
        return Answer(problem="it has no files")
    import numpy as np

    places: dict[str, list[str]] = {"tables": [], "hidden": []}
    for name, table in tables.items():
        place = "hidden" if proof.tables[name].holdout else "tables"
        places[place].append(name)
        (folder / place).mkdir(exist_ok=True)
        columns = {key: column for key, column in table.items() if key != proof.target}
        np.savez(folder / place / f"{name}.npz", allow_pickle=False, **columns)
    each = min(SECONDS_A_MODEL, proof.seconds)
    request = {"models": models, "seconds": PATIENCE * each} | places
    return jail.run("score", request, folder, Limits(PATIENCE * proof.seconds, each, MEMORY), PRELOADED)


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _score(model_id: str, table: str, truth: str, answer: Any, problem: str | None) -> Score:
    """Compare predictions with the truth, both as texts of 0 and 1; the answer may be anything."""
    predictions = _part(answer, "predictions")
    if problem is None and (not isinstance(predictions, str) or len(predictions) != len(truth)):
        said = _part(answer, "problem")
        problem = said if isinstance(said, str) else "it gave no predictions"
    if problem is None and set(predictions) - {"0", "1"}:
        problem = "it answers with something else than 0 and 1"
    if problem is not None:
        return Score(model_id=model_id, table=table, problem=clean(problem))
    tp, fp, fn, tn = _count(truth, predictions)
    answers = hashlib.sha256(predictions.encode()).hexdigest()[:16]
    return Score(model_id=model_id, table=table, rows=len(truth), tp=tp, fp=fp, fn=fn, tn=tn, answers=answers)


def _count(truth: str, predictions: str) -> tuple[int, int, int, int]:
    """Return how many rows are true and false positives, false and true negatives; the texts are binary numbers."""
    true, said = int(truth, 2), int(predictions, 2)
    tp, positives, alarms = (true & said).bit_count(), true.bit_count(), said.bit_count()
    return tp, alarms - tp, positives - tp, len(truth) - positives - alarms + tp
