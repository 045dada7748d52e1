"""Load logged models and ask them for predictions. The labels are not here: the grader keeps them.

Each model answers in a cell of its own, under its own time limit, so that one that hangs or ends the process
costs no other its answer.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from checker.tasks.cells import Cells, Silent, Work
from checker.tasks.sklearn_models import LARGEST_MLMODEL, Plan, plan

MLFLOW = ("mlflow.pyfunc.model", "mlflow.sklearn")
LARGEST_PREDICTIONS, LONGEST_PROBLEM = 1 << 20, 500
KEPT_BACK = "it gives no answer there; its words are kept back, since they may quote rows that nobody is to see"


def run(request: dict[str, Any], cells: Cells) -> dict[str, Any]:
    """Return for each model and table its predictions as a text of 0 and 1, or the reason why there are none.

    `request`: `models` maps ids to folders of the payload with an MLmodel; `tables`, and `hidden` if there are any,
    name files in its folders `tables` and `hidden` without the target, as numpy stores arrays; `seconds` is what one
    model may take.
    Answer: id -> table -> {"predictions": "0100..."} or {"problem": text}.
    """
    return {model_id: _answers(request, cells, folder) for model_id, folder in request["models"].items()}


def _answers(request: dict[str, Any], cells: Cells, folder: str) -> dict[str, Any]:
    shown, hidden = request["tables"], request.get("hidden", [])
    known = plan(cells.read(f"{folder}/MLmodel", LARGEST_MLMODEL + 1))

    def ask(folders: Sequence[str], names: list[str]) -> dict[str, Any]:
        arguments = {"known": known and asdict(known), "tables": names}
        parts = {"model": folder} | {f"tables/{each}": each for each in folders}
        work = Work("checker.tasks.score:predict", arguments, () if known else MLFLOW)
        answer, _ = cells.run(work, parts, request["seconds"])
        return _kept(answer, names)

    try:
        answers = ask(("tables", "hidden"), [*shown, *hidden])
        if hidden and any("problem" in answers[name] for name in shown):
            # Its words may quote what is hidden, so it is asked again where that is not.
            answers |= ask(("tables",), shown)
    except Silent as silence:
        return {name: {"problem": f"it {silence}"} for name in (*shown, *hidden)}
    return answers | {name: {"problem": KEPT_BACK} for name in hidden if "problem" in answers[name]}


def _kept(answer: Any, tables: list[str]) -> dict[str, Any]:
    """Return of an answer, which may be anything of any size, what it should be."""
    answers = dict[str, Any](answer) if isinstance(answer, dict) else {}
    return {name: _kept_of_one(answers if "problem" in answers else answers.get(name)) for name in tables}


def _kept_of_one(answer: Any) -> dict[str, str]:
    for name, longest in (("predictions", LARGEST_PREDICTIONS), ("problem", LONGEST_PROBLEM)):
        if isinstance(answer, dict) and isinstance(answer.get(name), str):
            return {name: answer[name][:longest]}
    return {"problem": "it gave no predictions"}


def predict(known: dict[str, Any] | None, tables: list[str]) -> dict[str, Any]:
    """In a cell: let the model answer for each table, as `run` returns it, or say one `problem`."""
    import numpy as np
    import pandas as pd

    folder = Path("model").absolute()
    files = {path.stem: path for path in Path("tables").glob("*/*.npz")}
    frames = {name: pd.DataFrame(dict(np.load(files[name]))) for name in tables}
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
