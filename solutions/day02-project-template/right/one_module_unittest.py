"""All code in one module that the others hand on, with real times and plain loops; unittest; a short makefile."""

from _package import commit, write

write(
    "pyproject.toml",
    '[project]\nname = "CardFraud"\nversion = "1"\nrequires-python = ">=3.11"\n'
    'dependencies = ["Pandas", "scikit_learn"]\n\n'
    '[tool.pytest.ini_options]\npythonpath = "src"\n\n[tool.setuptools.packages.find]\nwhere = ["src"]\n',
)
write(
    "makefile",
    ".RECIPEPREFIX = >\ntest:\n> @ruff check --quiet src tests && pytest -q -p no:cacheprovider\n.PHONY: test\n",
)
write("src/cardfraud/__init__.py", "")
for module, names in {
    "data": "add_labels, select_month",
    "features": "make_features, usual_amounts",
    "model": "evaluate, train_model",
}.items():
    quoted = ", ".join(f'"{name}"' for name in names.split(", "))
    write(f"src/cardfraud/{module}.py", f"from cardfraud._all import {names}\n\n__all__ = [{quoted}]\n")
write(
    "src/cardfraud/_all.py",
    """from statistics import median

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def select_month(transactions, month, *, column="timestamp"):
    moments = pd.to_datetime(transactions[column])
    start = pd.Timestamp(f"{month}-01")
    return transactions[(moments >= start) & (moments < start + pd.offsets.MonthBegin(1))].reset_index(drop=True)


def add_labels(transactions, labels, known_by):
    known = labels[labels["known_on"] <= known_by].set_index("transaction_id")["is_fraud"]
    rows = transactions[transactions["transaction_id"].isin(known.index)].copy()
    rows.insert(0, "is_fraud", [int(known[each]) for each in rows["transaction_id"]])
    return rows


def usual_amounts(transactions):
    amounts = {}
    for customer, amount in zip(transactions["customer_id"], transactions["amount"], strict=True):
        amounts.setdefault(customer, []).append(amount)
    return pd.Series({customer: median(each) for customer, each in amounts.items()}, dtype=float)


def make_features(transactions, usual):
    rows = []
    for payment in transactions.itertuples():
        moment = pd.Timestamp(payment.timestamp)
        rows.append(
            {
                "amount": payment.amount,
                "amount_to_usual": payment.amount / usual.get(payment.customer_id, payment.amount),
                "hour": moment.hour,
                "weekday": moment.dayofweek,
                "is_foreign": payment.country != "AT",
                "card_present": payment.channel not in ("online", "phone"),
                "transactions_24h": payment.transactions_24h,
            }
        )
    return pd.DataFrame(rows).astype(float)


def train_model(features, labels, seed=0):
    return make_pipeline(StandardScaler(), LogisticRegression(random_state=seed)).fit(features, labels)


def evaluate(labels, flagged):
    pairs = list(zip(labels, flagged, strict=True))
    hits = pairs.count((1, 1))
    return {
        "precision": hits / max(1, sum(flagged)),
        "recall": hits / max(1, sum(labels)),
        "alarms": int(sum(flagged)),
    }
""",
)
write(
    "tests/test_everything.py",
    """import unittest

import pandas as pd

import cardfraud.data
from cardfraud import features, model

ROWS = pd.DataFrame(
    [
        ("a", "2025-11-30T23:59:59", "x", "chip", "AT", 5.0, 1),
        ("b", "2025-12-01T00:00:00", "x", "online", "DE", 10.0, 2),
        ("c", "2025-12-31T12:00:00", "x", "chip", "AT", 30.0, 1),
        ("d", "2026-01-01T00:00:00", "y", "phone", "AT", 8.0, 1),
    ],
    columns=["transaction_id", "timestamp", "customer_id", "channel", "country", "amount", "transactions_24h"],
)
LABELS = pd.DataFrame(
    [
        ("d", 0, "2026-02-02"),
        ("c", 1, "2026-02-01"),
        ("b", 0, "2026-01-31"),
        ("a", 1, "2026-01-05"),
        ("z", 1, "2026-01-01"),
    ],
    columns=["transaction_id", "is_fraud", "known_on"],
)


class TestPackage(unittest.TestCase):
    def test_months(self):
        months = ("2025-11", "2025-12", "2026-01")
        found = {m: "".join(cardfraud.data.select_month(ROWS, m)["transaction_id"]) for m in months}
        self.assertEqual(found, {"2025-11": "a", "2025-12": "bc", "2026-01": "d"})

    def test_labels(self):
        found = cardfraud.data.add_labels(ROWS, LABELS, "2026-02-01")
        self.assertEqual(list(zip(found["transaction_id"], found["is_fraud"])), [("a", 1), ("b", 0), ("c", 1)])
        self.assertNotIn("known_on", found.columns)

    def test_features(self):
        usual = features.usual_amounts(ROWS[:3])
        self.assertEqual(usual.to_dict(), {"x": 10.0})
        self.assertEqual(
            features.make_features(ROWS.assign(is_fraud=1), usual)[1:].to_numpy().tolist(),
            [
                [10.0, 1.0, 0.0, 0.0, 1.0, 0.0, 2.0],
                [30.0, 3.0, 12.0, 2.0, 0.0, 1.0, 1.0],
                [8.0, 1.0, 0.0, 3.0, 0.0, 0.0, 1.0],
            ],
        )

    def test_model(self):
        table = pd.DataFrame({"amount": [1.0, 2.0, 3.0, 90.0, 95.0, 99.0]})
        labels = pd.Series([0, 0, 0, 1, 1, 1])
        first, second = (model.train_model(table, labels, 3).predict_proba(table)[:, 1].tolist() for _ in "ab")
        self.assertEqual(first, second)
        self.assertGreater(first[-1], first[0])

    def test_evaluate(self):
        self.assertEqual(model.evaluate(pd.Series([1, 1, 0]), pd.Series([1, 0, 0]))["precision"], 1)
        self.assertEqual(model.evaluate(pd.Series([1, 1, 0]), pd.Series([1, 0, 0]))["recall"], 0.5)
""",
)
commit("A package")
