"""The same gate in other forms: rows sorted, columns turned round, no empty file, more in the report, a module more."""

from pathlib import Path

from _gate import GATE, is_mean, replace, rules

AFTER = "solution"

replace(GATE, "def main(month, incoming, out):\n", "def main(month, incoming, out, *more):\n")
replace(
    GATE,
    '    accepted.to_csv(folder / "accepted.csv", index=False)\n',
    '    if len(accepted):\n        write(accepted, folder / "accepted.csv")\n',
)
replace(
    GATE,
    '    quarantine.to_csv(folder / "quarantine.csv", index=False)\n',
    '    write(quarantine.assign(line=quarantine.index + 2), folder / "quarantine.csv")\n',
)
replace(GATE, "import pandera.pandas as pa\n", "import pandera.pandas as pa\nfrom files import write\n")
Path("files.py").write_text(
    """import csv


def write(rows, path):
    columns = sorted(rows.columns, reverse=True)
    table = rows.sort_values("transaction_id")[columns]
    table.to_csv(path, index=False, quoting=csv.QUOTE_ALL, encoding="utf-8-sig", lineterminator="\\r\\n")
"""
)


def per_thousand(expectations):
    """The largest hundredth of the amounts instead of the mean, for one channel both."""
    for rule in filter(is_mean, expectations):
        rule["severity"] = "critical"
        rule["kwargs"]["max_value"] = 399
    more = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "customer_id"}, "severity": "info"}
    return [*expectations, more]


rules(per_thousand)
