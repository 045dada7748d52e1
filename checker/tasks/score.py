"""Load logged models and ask them for predictions. The labels are not here: the grader keeps them."""

from __future__ import annotations

from typing import Any


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Return for each model and table the list of its predictions, or the reason why there is none.

    `request`: `models` maps ids to folders with an MLmodel, `tables` names to CSV files without the target.
    Answer: id -> table -> {"predictions": [...]} or {"problem": text}.
    """
    import pandas as pd
    from mlflow import pyfunc

    tables = {name: pd.read_csv(path) for name, path in request["tables"].items()}
    answer: dict[str, Any] = {}
    for model_id, folder in request["models"].items():
        try:
            model = pyfunc.load_model(folder)
        except Exception as error:
            problem = {"problem": f"it cannot be loaded: {type(error).__name__}: {error}"[:500]}
            answer[model_id] = dict.fromkeys(tables, problem)
            continue
        answer[model_id] = {name: _predict(model, table) for name, table in tables.items()}
    return answer


def _predict(model: Any, table: Any) -> dict[str, Any]:
    try:
        predictions = model.predict(table.copy())
        values = predictions.to_numpy() if hasattr(predictions, "to_numpy") else predictions
        return {"predictions": [float(value) for value in getattr(values, "ravel", lambda: values)()]}
    except Exception as error:
        return {"problem": f"it does not predict: {type(error).__name__}: {error}"[:500]}
