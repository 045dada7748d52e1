"""Load logged models and ask them for predictions. The labels are not here: the grader keeps them.

Each model answers in a cell of its own, under its own time limit, so that one that hangs or ends the process
costs no other its answer.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from checker.tasks.cells import Cells, Silent, Work
from checker.tasks.sklearn_models import Plan, plan

MLFLOW = ("mlflow.pyfunc.model", "mlflow.sklearn")


def run(request: dict[str, Any], cells: Cells) -> dict[str, Any]:
    """Return for each model and table its predictions as a text of 0 and 1, or the reason why there are none.

    `request`: `models` maps ids to folders of the payload with an MLmodel, `tables` names files in its folder
    `tables` without the target, as numpy stores arrays, `seconds` is what one model may take.
    Answer: id -> table -> {"predictions": "0100..."} or {"problem": text}.
    """
    answers: dict[str, Any] = {}
    for model_id, folder in request["models"].items():
        known = plan(cells.read(f"{folder}/MLmodel"))
        arguments = {"known": known and asdict(known), "tables": request["tables"]}
        parts = {"model": folder, "tables": "tables"}
        work = Work("checker.tasks.score:predict", arguments, () if known else MLFLOW)
        try:
            answer, _ = cells.run(work, parts, request["seconds"])
        except Silent as silence:
            answer = {"problem": f"it {silence}"}
        if not isinstance(answer, dict):
            answer = {"problem": "it gave no predictions"}
        answers[model_id] = dict.fromkeys(request["tables"], answer) if "problem" in answer else answer
    return answers


def predict(known: dict[str, Any] | None, tables: list[str]) -> dict[str, Any]:
    """In a cell: let the model answer for each table, as `run` returns it, or say one `problem`."""
    import numpy as np
    import pandas as pd

    folder = Path("model").absolute()
    frames = {name: pd.DataFrame(dict(np.load(f"tables/{name}.npz"))) for name in tables}
    if known is not None:
        # What does not work this way is asked again by MLflow, whose words the learner knows.
        with contextlib.suppress(Exception):
            plan = Plan(**known)
            model, columns = plan.load(folder), list(plan.columns)
            return {name: {"predictions": _digits(model.predict(each[columns]), each)} for name, each in frames.items()}
    try:
        model = _import_mlflow().load_model(str(folder))
    except BaseException as error:
        return {"problem": f"it cannot be loaded: {type(error).__name__}: {error}"[:500]}
    return {name: _predict(model, table) for name, table in frames.items()}


def _import_mlflow() -> Any:
    for name in MLFLOW:
        importlib.import_module(name)
    pyfunc = sys.modules["mlflow.pyfunc"]
    # It only warns, and lists every installed package for it, once in each fork: more work than all the rest.
    vars(pyfunc)["warn_dependency_requirement_mismatches"] = lambda *_, **__: None
    return pyfunc


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
