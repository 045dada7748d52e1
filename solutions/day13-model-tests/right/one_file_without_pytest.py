"""One file, plain numpy and MLflow's generic flavor, Windows line ends, and a longer report."""

from pathlib import Path

GATE = '''\
"""Judge a candidate: python -m gate FOLDER."""
import csv
import json
import sys

import mlflow.pyfunc
import numpy as np
import pandas as pd

NUMBERS = "amount amount_to_usual hour weekday is_foreign card_present category_code transactions_24h".split()


def judge(folder):
    table = pd.read_csv(folder + "/rows.csv")
    y = table.pop("is_fraud").values == 1
    model = mlflow.pyfunc.load_model(folder + "/model")

    def ask(rows):
        answers = np.array(model.predict(rows))[:, 1]
        if answers.shape != (len(rows),) or not np.all((0 <= answers) & (answers <= 1)):
            raise SystemExit("no scores")
        return answers

    p = ask(table)
    found = {}

    moved = []
    for name in ["transaction_id", "customer_id", "age_band", "disputed", "card_blocked"]:
        other = table.copy()
        other[name] = np.roll(other[name].values, 4321)
        moved.append(np.max(np.abs(ask(other) - p)))
    order = np.random.RandomState(3).permutation(len(table))
    moved.append(np.max(np.abs(ask(table.iloc[order].reset_index(drop=True)) - p[order])))
    moved.append(np.max(np.abs(ask(table[:1000]) - p[:1000])))
    found["invariance"] = bool(max(moved) <= 0.01)

    larger = table.copy()
    larger[["amount", "amount_to_usual"]] *= 5
    q = ask(larger)
    found["direction"] = bool(np.mean(q > p) >= 1 / 3 and np.mean(q < p) <= 0.25)

    flagged = p >= np.quantile(p, 0.98)
    least = flagged[y].mean() / 2
    found["slices"] = True
    for name in ["age_band", "channel", "category_code"]:
        for value in set(table[name]):
            group = y & (table[name].values == value)
            if group.sum() >= 30 and flagged[group].mean() < least:
                found["slices"] = False

    error = 0.0
    for low in np.arange(10) / 10:
        seen = (p >= 0.05) & (p >= low) & ((p < low + 0.1) | (low > 0.85))
        if seen.any():
            error += abs(p[seen].sum() - y[seen].sum()) / (p >= 0.05).sum()
    found["calibration"] = bool(error <= 0.15 and 0.5 <= p.sum() / y.sum() <= 2)

    with open(folder + "/served.csv", newline="") as file:
        served = {row["transaction_id"]: row for row in csv.DictReader(file)}
    here = table[table["transaction_id"].isin(served)]
    found["skew"] = len(here) > 0
    for name in NUMBERS:
        there = np.array([float(served[each][name] or "nan") for each in here["transaction_id"]])
        mine = here[name].values
        if np.mean(~(np.abs(there - mine) <= 0.01 + 0.01 * np.abs(mine))) > 0.01:
            found["skew"] = False
    return found


failed = ["model"]
try:
    found = judge(sys.argv[1].rstrip("/"))
    failed = [name for name, kept in found.items() if not kept]
finally:
    with open("report.json", "w") as file:
        json.dump({"verdict": "no" if failed else "yes", "failed": failed}, file, indent=2)
raise SystemExit("refused: " + ", ".join(failed) if failed else 0)
'''
Path("gate.py").write_bytes(GATE.replace("\n", "\r\n").encode())
