"""Call the functions of `cardfraud` with tables that lie in `probe/`, and write `probe.json` with what they answer.

Runs beside learner code, in a copy of their files: what it writes is compared with what is right, not believed.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

MODULES = {"data": ("select_month", "add_labels"), "features": ("usual_amounts", "make_features")}
MODULES |= {"model": ("train_model", "evaluate")}
MOMENTS = ["2024-12-31T23:59:59", "2025-01-01T00:00:00", "2025-01-31T00:00:00", "2025-01-31T23:59:59"]
MOMENTS += ["2025-02-01T00:00:00", "2025-02-28T23:59:59", "2025-11-30T23:59:59", "2025-12-01T00:00:00"]
MOMENTS += ["2025-12-31T23:59:59", "2026-01-01T00:00:00"]
BOTH = ("2025-01", "2025-12")
VERDICTS = [([1, 1, 1, 0, 0], [1, 0, 0, 1, 0]), ([1, 0, 1], [0, 0, 0]), ([0, 0], [1, 0]), ([1, 0, 1], [1, 0, 1])]


def tell(name: str, work: Callable[[], Any]) -> None:
    """Write down what `work` answers, or what is wrong."""
    try:
        found[name] = {"value": work()}
    except BaseException as error:
        found[name] = {"error": f"{type(error).__name__}: {error}"[:300]}


def function(module: str, name: str) -> Any:
    """Return a function of the package."""
    return getattr(importlib.import_module(f"cardfraud.{module}"), name)


def call(module: str, name: str, *tables: Any) -> Any:
    """Call it, and note when it changed what it was given."""
    kept = [each.copy() if hasattr(each, "copy") else each for each in tables]
    answer = function(module, name)(*tables)
    for one, two in zip(kept, tables, strict=True):
        if hasattr(one, "equals") and not (one.equals(two) and list(one.keys()) == list(two.keys())):
            changed.append(name)
    return answer


def rows(table: Any) -> dict[str, Any]:
    """A table as its columns and their values."""
    return {"columns": list(map(str, table.columns)), "rows": [list(row) for row in table.astype(object).to_numpy()]}


def plain(value: Any) -> Any:
    """Numbers of numpy and pandas as Python's own."""
    return value.item() if hasattr(value, "item") else str(value)


found: dict[str, Any] = {}
changed: list[str] = []
sys.path.insert(0, "src")
payments = pd.read_csv("probe/transactions.csv")
labels = pd.read_csv("probe/labels.csv")
for part, names in MODULES.items():
    for each in names:
        tell(f"signature {each}", lambda: list(inspect.signature(function(part, each)).parameters))  # noqa: B023
few = payments.head(len(MOMENTS)).assign(timestamp=MOMENTS)
tell("moments", lambda: [call("data", "select_month", few, each)["timestamp"].tolist() for each in BOTH])
tell("month", lambda: rows(call("data", "select_month", payments, "2025-02")))
tell("labelled", lambda: rows(call("data", "add_labels", payments.iloc[::3], labels, "2025-03-15")))
usual = payments[payments["timestamp"] < "2025-02-10"].groupby("customer_id")["amount"].median()
tell("usual", lambda: {str(k): float(v) for k, v in call("features", "usual_amounts", payments.iloc[::2]).items()})
everything = payments.merge(labels, on="transaction_id").iloc[1000:3500]
tell("features", lambda: rows(call("features", "make_features", everything, usual)))


def scores() -> list[list[float]]:
    """Train on two months, twice with one seed, and score the third."""
    whole = payments.merge(labels, on="transaction_id")
    early = whole["timestamp"] < "2025-03-01"
    make = function("features", "make_features")
    learn, ask = make(whole[early], usual), make(whole[~early], usual)
    known = whole.loc[early, "is_fraud"]
    models = [call("model", "train_model", learn, known, 7) for _ in range(2)]
    return [[round(float(row[-1]), 9) for row in model.predict_proba(ask)] for model in models]


tell("scores", scores)


def verdict(one: list[int], two: list[int]) -> dict[str, float]:
    """What is said of these labels and alarms."""
    return {str(k): float(v) for k, v in call("model", "evaluate", pd.Series(one), pd.Series(two)).items()}


tell("verdicts", lambda: [verdict(*each) for each in VERDICTS])
found["changed"] = sorted(set(changed))
Path("probe.json").write_text(json.dumps(found, default=plain), encoding="utf-8")
