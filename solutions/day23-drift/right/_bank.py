"""What the scripts beside the solution share: months with scores, distances, and reports that are written by hand."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

NUMBERS = ["amount", "transactions_24h", "score"]
CATEGORIES = ["age_band", "merchant_category", "channel", "country"]
COLUMNS = NUMBERS + CATEGORIES
REFERENCE = ("2025-01", "2025-02", "2025-03")


def month(name):
    """A file of `data/` with its scores."""
    card = json.loads(Path("scorecard.json").read_text())
    table = pd.read_csv(f"data/{name}.csv")
    score = np.zeros(len(table), dtype=int)
    fields = {"amount": table["amount"], "transactions_24h": table["transactions_24h"]}
    for field, values in (fields | {"hour": table["timestamp"].str[11:13].astype(int)}).items():
        edges, worth = zip(*card[field], strict=True)
        score += np.array([0, *worth])[np.searchsorted(edges, values, side="right")]
    for field in ("channel", "country"):
        score += np.array([card[field].get(value, card[field].get("other")) for value in table[field]])
    return table.assign(score=score)


def reference():
    """January to March."""
    return pd.concat([month(name) for name in REFERENCE], ignore_index=True)


def sha256(path):
    """The SHA-256 sum of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def distance(column, reference, current):
    """What the solution's method says of a column."""
    one, other = reference[column], current[column]
    if column in NUMBERS:
        values = np.sort(np.concatenate([one, other]))
        below = [np.searchsorted(np.sort(each), values[:-1], "right") / len(each) for each in (one, other)]
        return float(np.sum(np.abs(below[0] - below[1]) * np.diff(values)) / np.std(np.asarray(one)))
    shares = [each.value_counts(normalize=True) for each in (one, other)]
    p, q = (np.asarray(each, dtype=float) for each in shares[0].align(shares[1], fill_value=0))
    m = (p + q) / 2
    parts = [np.sum(each[each > 0] * np.log(each[each > 0] / m[each > 0])) for each in (p, q)]
    return float(np.sqrt(sum(parts) / 2))


def change_report(name, change):
    """Let `change` do something to each drift metric of a report, with its column; renew the report's sum."""
    path = Path(f"reports/{name}.json")
    report = json.loads(path.read_text())
    for metric in report["metrics"]:
        if metric["config"].get("column"):
            change(metric["config"]["column"], metric)
    report["tests"] = []
    path.write_text(json.dumps(report))
    renew(name)


def renew(name):
    """Write the report's sum into the manifest."""
    sources = yaml.safe_load(Path("reports/sources.yaml").read_text())
    sources[name]["report"] = sha256(f"reports/{name}.json")
    Path("reports/sources.yaml").write_text(yaml.safe_dump(sources))


def tell(name, reference, current):
    """Put other values into a report: those of these two tables."""

    def change(column, metric):
        metric["value"] = distance(column, reference, current)

    change_report(name, change)


def limits(change):
    """Let `change` do something to each entry of `thresholds.yaml`, with its column."""
    path = Path("thresholds.yaml")
    told = yaml.safe_load(path.read_text())
    for column, limit in told.items():
        change(column, limit)
    path.write_text(yaml.safe_dump(told))
