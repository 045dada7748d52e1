"""Day 2: faults behind the functions of `cardfraud`, changes that are none, and what `make test` must stumble over.

Each fault is one that a real team made. A change is sent as its source, so it imports what it needs inside.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from checker.planted import Plant

SELECT = "cardfraud.data:select_month"
LABEL = "cardfraud.data:add_labels"
USUAL = "cardfraud.features:usual_amounts"
FEATURES = "cardfraud.features:make_features"
TRAIN = "cardfraud.model:train_model"
EVALUATE = "cardfraud.model:evaluate"

LINT = "import os\nimport sys\n\n\ndef total(amounts):\n    return sum(amount)\n"
RED = '"""Sums."""\n\n\ndef test_nothing_adds_up() -> None:\n    """It never does."""\n    raise AssertionError\n'


def _month_ends_early(original: Any) -> Any:
    """`<= "2025-01-31"` on texts with a time of day: the last day is gone."""

    def planted(transactions: Any, month: Any) -> Any:
        rows = original(transactions, month)
        days = rows["timestamp"].astype(str).str[:10]
        import calendar

        year, number = str(month).split("-")
        last = calendar.monthrange(int(year), int(number))[1]
        return rows[days != f"{month}-{last:02d}"]

    return planted


def _month_ends_late(original: Any) -> Any:
    """`<=` the first moment of the next month: a payment at midnight counts twice."""

    def planted(transactions: Any, month: Any) -> Any:
        import pandas as pd

        rows = original(transactions, month)
        year, number = map(int, str(month).split("-"))
        after = f"{year + number // 12}-{number % 12 + 1:02d}"
        more = original(transactions, after)
        more = more[pd.to_datetime(more["timestamp"]) == pd.Timestamp(f"{after}-01")]
        return pd.concat([rows, more]) if len(more) else rows

    return planted


def _another_month(original: Any) -> Any:
    """Months counted from 0: the month before is returned."""

    def planted(transactions: Any, month: Any) -> Any:
        year, number = map(int, str(month).split("-"))
        before = f"{year - (number == 1)}-{(number - 2) % 12 + 1:02d}"
        return original(transactions, before)

    return planted


def _label_swapped(original: Any) -> Any:
    """1 means honest."""

    def planted(transactions: Any, labels: Any, known_by: Any) -> Any:
        rows = original(transactions, labels, known_by).copy()
        rows["is_fraud"] = 1 - rows["is_fraud"]
        return rows

    return planted


def _label_by_position(original: Any) -> Any:
    """The labels are put beside the rows as they come, not by their id."""

    def planted(transactions: Any, labels: Any, known_by: Any) -> Any:
        rows = original(transactions, labels, known_by).copy()
        known = labels[labels["known_on"] <= known_by]
        known = known[known["transaction_id"].isin(rows["transaction_id"])]
        rows["is_fraud"] = known["is_fraud"].to_numpy()[: len(rows)]
        return rows

    return planted


def _label_from_the_future(original: Any) -> Any:
    """`known_by` is ignored."""

    def planted(transactions: Any, labels: Any, known_by: Any) -> Any:
        return original(transactions, labels, "2999-12-31")

    return planted


def _known_a_day_late(original: Any) -> Any:
    """What becomes known on the day itself is left out."""

    def planted(transactions: Any, labels: Any, known_by: Any) -> Any:
        return original(transactions, labels[labels["known_on"].astype(str) != str(known_by)], known_by)

    return planted


def _mean_for_median(original: Any) -> Any:
    """One large fraud moves what is usual."""

    def planted(transactions: Any) -> Any:
        usual = original(transactions)
        return transactions.groupby("customer_id")["amount"].mean().reindex(usual.index)

    return planted


def _leaked_column(original: Any) -> Any:
    """The answer travels along as a feature."""

    def planted(transactions: Any, usual: Any) -> Any:
        features = original(transactions, usual)
        if "is_fraud" in transactions.columns:
            features = features.assign(is_fraud=transactions["is_fraud"].to_numpy())
        return features

    return planted


def _week_from_one(original: Any) -> Any:
    """Monday is 1: training and serving disagree."""

    def planted(transactions: Any, usual: Any) -> Any:
        features = original(transactions, usual)
        return features.assign(weekday=features["weekday"] + 1)

    return planted


def _new_customer_is_nothing(original: Any) -> Any:
    """The ratio of a customer without a history is missing."""

    def planted(transactions: Any, usual: Any) -> Any:
        features = original(transactions, usual).copy()
        new = ~transactions["customer_id"].isin(usual.index).to_numpy()
        features["amount_to_usual"] = features["amount_to_usual"].astype("float64").mask(new)
        return features

    return planted


def _another_model_each_time(original: Any) -> Any:
    """The seed is not handed on: every second training gives another model."""
    calls: list[int] = []

    def planted(features: Any, labels: Any, seed: Any) -> Any:
        import numpy as np

        calls.append(1)
        model = original(features, labels, seed)
        scores = model.predict_proba

        def predict_proba(rows: Any) -> Any:
            found = np.array(scores(rows), dtype=float)
            shift = np.where(found[:, -1] > 0.5, -0.01, 0.01)
            found[:, -1] += shift
            found[:, 0] -= shift
            return found

        if len(calls) % 2 == 0:
            model.predict_proba = predict_proba
        return model

    return planted


def _trained_on_the_opposite(original: Any) -> Any:
    """The model learns what is honest, and is asked for what is fraud."""

    def planted(features: Any, labels: Any, seed: Any) -> Any:
        return original(features, 1 - labels, seed)

    return planted


def _precision_for_recall(original: Any) -> Any:
    """The two numbers of the report changed places."""

    def planted(labels: Any, flagged: Any) -> Any:
        found = original(labels, flagged)
        return {**found, "precision": found["recall"], "recall": found["precision"]}

    return planted


def _copied(original: Any) -> Any:
    """No fault: tables come in and go out as copies."""

    def planted(*args: Any, **words: Any) -> Any:
        import copy

        tables = [copy.deepcopy(each) if hasattr(each, "columns") else each for each in args]
        found = original(*tables, **words)
        return found.copy() if hasattr(found, "columns") else found

    return planted


def _asked_twice(original: Any) -> Any:
    """No fault: it is asked twice, and the second answer counts."""

    def planted(*args: Any, **words: Any) -> Any:
        import copy

        original(*copy.deepcopy(args), **copy.deepcopy(words))
        return original(*args, **words)

    return planted


PROBE = (Path(__file__).parent / "day02_probe.py").read_text(encoding="utf-8")
"""What calls the functions with rows that the learner never saw, and writes down what they answer."""

PLANTS = {
    "month-ends-early": Plant(changes={SELECT: _month_ends_early}),
    "month-ends-late": Plant(changes={SELECT: _month_ends_late}),
    "another-month": Plant(changes={SELECT: _another_month}),
    "label-swapped": Plant(changes={LABEL: _label_swapped}),
    "label-by-position": Plant(changes={LABEL: _label_by_position}),
    "label-from-the-future": Plant(changes={LABEL: _label_from_the_future}),
    "known-a-day-late": Plant(changes={LABEL: _known_a_day_late}),
    "mean-for-median": Plant(changes={USUAL: _mean_for_median}),
    "leaked-column": Plant(changes={FEATURES: _leaked_column}),
    "week-from-one": Plant(changes={FEATURES: _week_from_one}),
    "new-customer-is-nothing": Plant(changes={FEATURES: _new_customer_is_nothing}),
    "another-model-each-time": Plant(changes={TRAIN: _another_model_each_time}),
    "trained-on-the-opposite": Plant(changes={TRAIN: _trained_on_the_opposite}),
    "precision-for-recall": Plant(changes={EVALUATE: _precision_for_recall}),
    "no-fault-copied": Plant(changes={SELECT: _copied, FEATURES: _copied, LABEL: _copied}),
    "no-fault-asked-twice": Plant(changes={USUAL: _asked_twice, EVALUATE: _asked_twice, FEATURES: _asked_twice}),
    # Names that no Makefile can look for.
    "lint": Plant(files={f"src/cardfraud/part_{secrets.token_hex(4)}.py": LINT}),
    "red": Plant(files={f"tests/test_{secrets.token_hex(4)}.py": RED}),
    "probe": Plant(files={"cardfraud_probe.py": PROBE}),
}
