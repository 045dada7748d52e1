"""Score logged models on tables whose labels the models never see."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from checker.collect.mlflow import MlflowServer, fetch_model
from checker.course import ModelProof
from checker.evidence import Evidence
from checker.evidence.mlflow import LoggedModel
from checker.evidence.proofs import Score
from checker.jail import Limits, run_task
from checker.recipes import make_table
from checker.text import clean


def score(proof: ModelProof, evidence: Evidence, key: bytes) -> Iterator[Score]:
    """Yield a score for each of the experiment's newest models and each table.

    Raises:
        Unavailable: MLflow stopped answering.
    """
    mlflow = evidence.mlflow
    experiment = next((each for each in mlflow.experiments if each.name == proof.experiment), None) if mlflow else None
    if mlflow is None or experiment is None:
        return
    models = _candidates(proof, experiment.models, {each for run in experiment.runs for each in run.model_ids})
    if not models:
        return
    labels: dict[str, Sequence[int]] = {}
    with tempfile.TemporaryDirectory(prefix="checker-score-") as scratch:
        folder = Path(scratch)
        tables, folders, broken = {}, {}, {}
        for name, recipe in proof.tables.items():
            table = make_table(recipe, evidence.workspace.seed, key)
            labels[name] = [int(each) for each in table[proof.target]]
            tables[name] = str(folder / f"{name}.csv")
            Path(tables[name]).write_bytes(
                table.select(name for name in table.columns if name != proof.target).to_csv()
            )
        with MlflowServer(mlflow.address) as server:
            for number, model in enumerate(models):
                target = folder / f"model-{number}"
                try:
                    fetch_model(server, model, target)
                    folders[model.model_id] = str(target)
                except ValueError as error:
                    broken[model.model_id] = str(error)
        request = {"models": folders, "tables": tables}
        limits = Limits(seconds=proof.seconds, cpu_seconds=proof.seconds)
        answer = run_task("score", request, folder, limits)
    for model in models:
        for name, truth in labels.items():
            problem = broken.get(model.model_id) or answer.problem
            value = None if problem else _part(_part(answer.value, model.model_id), name)
            yield _score(model.model_id, name, truth, value, problem)


def _candidates(proof: ModelProof, models: Sequence[LoggedModel], named: set[str]) -> list[LoggedModel]:
    """The newest models that a run names as its own and that are whole."""
    return [model for model in models if model.ready and model.model_id in named][: proof.at_most]


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _score(model_id: str, table: str, truth: Sequence[int], answer: Any, problem: str | None) -> Score:
    """Compare predictions with the truth; the answer comes from learner code and may be anything."""
    predictions = _part(answer, "predictions")
    if problem is None and not isinstance(predictions, list):
        said = _part(answer, "problem")
        problem = said if isinstance(said, str) else "it gave no predictions"
    if problem is None and len(predictions) != len(truth):
        problem = f"it gave {len(predictions)} predictions for {len(truth)} rows"
    if problem is None and not all(type(each) in (int, float) and each in (0, 1) for each in predictions):
        problem = "it answers with something else than 0 and 1"
    if problem is not None:
        return Score(model_id=model_id, table=table, problem=clean(problem))
    pairs = list(zip(truth, predictions, strict=True))
    counts = {pair: pairs.count(pair) for pair in ((1, 1), (0, 1), (1, 0), (0, 0))}
    return Score(
        model_id=model_id,
        table=table,
        rows=len(pairs),
        tp=counts[1, 1],
        fp=counts[0, 1],
        fn=counts[1, 0],
        tn=counts[0, 0],
    )
