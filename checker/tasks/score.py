"""Load logged models and ask them for predictions. The labels are not here: the grader keeps them.

The libraries are imported once; each model answers from a fork of that, under its own time limit, so
that one that hangs or ends the process costs no other its answer.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import select
import signal
import sys
import time
from typing import Any

LARGEST = 8 << 20
PRELOADED = ("mlflow.pyfunc.model", "mlflow.sklearn", "skops.io", "sklearn.ensemble", "sklearn.pipeline")


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Return for each model and table its predictions as a text of 0 and 1, or the reason why there are none.

    `request`: `models` maps ids to folders with an MLmodel, `tables` names to CSV files without the
    target, `seconds` is what one model may take.
    Answer: id -> table -> {"predictions": "0100..."} or {"problem": text}.
    """
    import pandas as pd

    for name in PRELOADED:
        importlib.import_module(name)
    # It only warns, and lists every installed package for it, once in each fork: more work than all the rest.
    vars(sys.modules["mlflow.pyfunc"])["warn_dependency_requirement_mismatches"] = lambda *_, **__: None
    tables = {name: pd.read_csv(path) for name, path in request["tables"].items()}
    answers: dict[str, Any] = {}
    for model_id, folder in request["models"].items():
        answer = _fork(folder, tables, request["seconds"])
        answers[model_id] = dict.fromkeys(tables, answer) if "problem" in answer else answer
    return answers


def _fork(folder: str, tables: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Let one model answer in a fork, and return what it said or one `problem`."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with contextlib.suppress(BaseException):
            content = json.dumps(_answer(folder, tables)).encode()
            while content:
                content = content[os.write(writing, content) :]
        os._exit(0)
    os.close(writing)
    said = _read(reading, time.monotonic() + seconds)
    os.close(reading)
    if said is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if said is None:
        return {"problem": f"it did not answer within {seconds:g} seconds"}
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        ended = f" by {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else ""
        return {"problem": f"its process was ended{ended} before it answered"}
    return answer


def _read(pipe: int, ends: float) -> bytes | None:
    """Return what comes through the pipe until it is closed; None when that takes too long or is too much."""
    said = bytearray()
    while len(said) <= LARGEST:
        ready, _, _ = select.select([pipe], [], [], max(0.0, ends - time.monotonic()))
        if not ready:
            return None
        chunk = os.read(pipe, 1 << 16)
        if not chunk:
            return bytes(said)
        said += chunk
    return None


def _answer(folder: str, tables: dict[str, Any]) -> dict[str, Any]:
    from mlflow import pyfunc

    try:
        model = pyfunc.load_model(folder)
    except BaseException as error:
        return {"problem": f"it cannot be loaded: {type(error).__name__}: {error}"[:500]}
    return {name: _predict(model, table) for name, table in tables.items()}


def _predict(model: Any, table: Any) -> dict[str, Any]:
    try:
        predictions = _ask(model, table)
        values = predictions.to_numpy() if hasattr(predictions, "to_numpy") else predictions
        flat = getattr(values, "ravel", lambda: values)()
        flat = flat.tolist() if hasattr(flat, "tolist") else list(flat)
        if len(flat) != len(table):
            return {"problem": f"it gives {len(flat)} predictions for {len(table)} rows"}
        return {"predictions": "".join(map(_digit, flat))}
    except BaseException as error:
        return {"problem": f"it does not predict: {type(error).__name__}: {error}"[:500]}


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
