"""Load logged models and ask them for predictions. The labels are not here: the grader keeps them.

The libraries are imported once; each model answers from a fork of that, under its own time limit, so
that one that hangs or ends the process costs no other its answer.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
from pathlib import Path
from typing import Any

from checker.tasks import forks
from checker.tasks.sklearn_models import Plan, plan

PRELOADED = ("skops.io", "cloudpickle", "sklearn.ensemble", "sklearn.pipeline", "sklearn.tree", "sklearn.linear_model")
MLFLOW = ("mlflow.pyfunc.model", "mlflow.sklearn")


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Return for each model and table its predictions as a text of 0 and 1, or the reason why there are none.

    `request`: `models` maps ids to folders with an MLmodel, `tables` names to CSV files without the
    target, `seconds` is what one model may take.
    Answer: id -> table -> {"predictions": "0100..."} or {"problem": text}.
    """
    import pandas as pd

    models = request["models"]
    plans = {model_id: plan(Path(folder)) for model_id, folder in models.items()}
    for name in PRELOADED:
        importlib.import_module(name)
    if None in plans.values():
        _import_mlflow()
    tables = {name: pd.read_csv(path) for name, path in request["tables"].items()}
    answers: dict[str, Any] = {}
    for model_id, folder in models.items():
        answer = _fork(folder, plans[model_id], tables, request["seconds"])
        answers[model_id] = dict.fromkeys(tables, answer) if "problem" in answer else answer
    return answers


def _import_mlflow() -> Any:
    for name in MLFLOW:
        importlib.import_module(name)
    pyfunc = sys.modules["mlflow.pyfunc"]
    # It only warns, and lists every installed package for it, once in each fork: more work than all the rest.
    vars(pyfunc)["warn_dependency_requirement_mismatches"] = lambda *_, **__: None
    return pyfunc


def _fork(folder: str, known: Plan | None, tables: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Let one model answer in a fork, and return what it said or one `problem`."""
    try:
        answer = forks.ask(lambda: _answer(folder, known, tables), seconds)
    except forks.Silent as silence:
        return {"problem": f"it {silence}"}
    return answer if isinstance(answer, dict) else {"problem": "it gave no predictions"}


def _answer(folder: str, known: Plan | None, tables: dict[str, Any]) -> dict[str, Any]:
    if known is not None:
        # What does not work this way is asked again by MLflow, whose words the learner knows.
        with contextlib.suppress(Exception):
            model = known.load()
            columns = list(known.columns)
            return {
                name: {"predictions": _digits(model.predict(table[columns]), table)} for name, table in tables.items()
            }
    try:
        model = _import_mlflow().load_model(folder)
    except BaseException as error:
        return {"problem": f"it cannot be loaded: {type(error).__name__}: {error}"[:500]}
    return {name: _predict(model, table) for name, table in tables.items()}


def _predict(model: Any, table: Any) -> dict[str, Any]:
    try:
        return {"predictions": _digits(_ask(model, table), table)}
    except Count as error:
        return {"problem": str(error)}
    except BaseException as error:
        return {"problem": f"it does not predict: {type(error).__name__}: {error}"[:500]}


class Count(ValueError):
    """Another number of predictions than rows."""


def _digits(predictions: Any, table: Any) -> str:
    """Return predictions as a text of 0 and 1.

    Raises:
        ValueError: they are something else, or not one for each row.
    """
    values = predictions.to_numpy() if hasattr(predictions, "to_numpy") else predictions
    flat = getattr(values, "ravel", lambda: values)()
    flat = flat.tolist() if hasattr(flat, "tolist") else list(flat)
    if len(flat) != len(table):
        raise Count(f"it gives {len(flat)} predictions for {len(table)} rows")
    return "".join(map(_digit, flat))


def _ask(model: Any, table: Any) -> Any:
    """Ask with the columns as they were read; with all as floats where the signature wants no whole numbers."""
    from mlflow.exceptions import MlflowException

    try:
        return model.predict(table)
    except MlflowException:
        floats = table.astype("float64")
        with contextlib.suppress(MlflowException):
            return model.predict(floats)
        raise


def _digit(value: Any) -> str:
    """Return 0 or 1 as text, also for 1.0 and True.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, str):
        raise ValueError(f"it answers with texts such as {value[:20]!r}, and not with 0 or 1")
    if value in (0, 1):
        return "1" if value else "0"
    number = float(value)
    shown = "NaN" if math.isnan(number) else f"{number:.4g}"
    raise ValueError(f"it answers with {shown}, and not with 0 or 1 alone")
