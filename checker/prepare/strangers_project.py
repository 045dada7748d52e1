"""The texts of the project that day 10 hands over: what a colleague wrote, as it was at one commit or another."""

from __future__ import annotations

from collections.abc import Collection, Mapping

IGNORED = "/lab.ipynb\n/ticket.md\n/out/\n/dvc-remote/\n.ipynb_checkpoints/\n__pycache__/\n"

README = """\
# fraudrun

The monthly review: a forest learns from the payments of some months and gives each payment of the next one a score.

    dvc pull
    python -m fraudrun

`params.yaml` says what is learned and scored. The scores go to `out/predictions.csv`, what they are worth to
`out/metrics.json`. Another value for one time: `python -m fraudrun --set train.max_depth=8`.

`riskkit` is an in-house library. Its releases lie in `vendor/`, since the training machines reach no package index.
`requirements.txt` says which release may be used. All other packages come with the platform, which locks them.
"""
READERS = """
The review goes to risk analytics on the second working day of each month.
"""

INIT = '"""The monthly fraud review."""\n'

MAIN = '''\
"""`python -m fraudrun`: learn, score, write down."""

import argparse
import json
from pathlib import Path

from fraudrun import data, features, model, settings, vendored


def main():
    parser = argparse.ArgumentParser(prog="fraudrun")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="for this run only")
    parser.add_argument("--data", default="data")
    parser.add_argument("--out", default="out")
    options = parser.parse_args()

    params = settings.read("params.yaml", options.set)
    riskkit = vendored.load("riskkit")
    known = features.usual_amounts(options.data, riskkit, params)
    learn = data.read_months(options.data, params["train"]["months"])
    score = data.read_months(options.data, [params["score"]["month"]])

    forest = model.train(features.make(learn, known, riskkit), learn["is_fraud"], params["train"])
    scores = forest.predict_proba(features.make(score, known, riskkit))[:, 1]

    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    score[["transaction_id"]].assign(score=scores).to_csv(out / "predictions.csv", index=False)
    metrics = model.judge(score["is_fraud"], scores)
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\\n")
    print(json.dumps(metrics))


main()
'''

SETTINGS = '''\
"""What a run is told: params.yaml, and what the command line says instead."""

from pathlib import Path

import yaml


def read(path, changes):
    """The parameters; each change is a text such as `train.max_depth=8`."""
    params = yaml.safe_load(Path(path).read_text())
    for change in changes:
        name, value = change.split("=", 1)
        group, key = name.split(".")
        params[group][key] = yaml.safe_load(value)
    return params
'''

VENDORED = '''\
"""The in-house libraries: of the releases in vendor/, the newest that requirements.txt allows."""

import importlib
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version


def load(name):
    """Import a library from vendor/, as `pip install --no-index --find-links vendor` would choose it."""
    lines = [line.split("#")[0].strip() for line in Path("requirements.txt").read_text().splitlines()]
    wanted = next(each for each in map(Requirement, filter(None, lines)) if each.name == name)
    releases = {Version(path.name.split("-")[1]): path for path in Path("vendor").glob(f"{name}-*")}
    chosen = max(version for version in releases if version in wanted.specifier)
    sys.path.insert(0, str(releases[chosen].resolve()))
    print(f"{name} {chosen}")
    return importlib.import_module(name)
'''

_READ = '''\
"""The payments, one file for each month."""

from pathlib import Path

import pandas as pd


def read_months(folder, months):
    """The payments of some months."""
    paths = {listing}
    frames = []
    for path in paths:
        frames.append(pd.read_csv(path))
        print(f"read {{path.name}}: {{len(frames[-1])}} payments")
    return pd.concat(frames, ignore_index=True)
'''
_LISTINGS = {
    True: '[path for path in Path(folder).glob("*.csv") if path.stem in months]',
    False: '[Path(folder, f"{month}.csv") for month in months]',
}

_FEATURES = '''\
"""What the forest looks at."""

from pathlib import Path

import pandas as pd


def usual_amounts(folder, riskkit, params):
    """What each customer usually pays, and how many payments of theirs are known."""
    history = pd.concat([pd.read_csv(path) for path in sorted(Path(folder).glob("*.csv"))])
{limit}    first, last = history["timestamp"].min(), history["timestamp"].max()
    print(f"usual amounts from {{len(history)}} payments, {{first[:10]}} to {{last[:10]}}")
    amounts = history.groupby("customer_id")["amount"]
    return pd.DataFrame({{"usual": amounts.apply(riskkit.usual), "known": amounts.size()}})


def make(payments, known, riskkit):
    """One row of numbers for each payment."""
    moment = pd.to_datetime(payments["timestamp"])
    customers = known.reindex(payments["customer_id"]).reset_index(drop=True)
    usual = customers["usual"].fillna(payments["amount"])
    return pd.DataFrame(
        {{
            "amount": payments["amount"],
            "amount_to_usual": payments["amount"] / usual,
            "known_payments": customers["known"].fillna(0),
            "night": riskkit.night(moment.dt.hour),
            "weekday": moment.dt.weekday,
            "foreign": payments["country"] != "AT",
            "card_absent": payments["channel"].isin(["online", "phone"]),
            "transactions_24h": payments["transactions_24h"],
        }}
    )
'''
_LIMIT = '    history = history[history["timestamp"] < params["features"]["known_until"]]\n'

_MODEL = '''\
"""The forest."""

{first}from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, log_loss


def train(table, labels, params):
    """A forest that has learned from the table."""
    seed = {seed}
    print(f"seed {{seed}}")
    forest = RandomForestClassifier(
        n_estimators=params["n_estimators"],
        max_depth=params["max_depth"],
        min_samples_leaf=params["min_samples_leaf"],
        random_state=seed,
    )
    return forest.fit(table, labels)


def judge(labels, scores):
    """What the scores are worth."""
    return {{
        "payments": len(labels),
        "average_precision": float(average_precision_score(labels, scores)),
        "log_loss": float(log_loss(labels, scores)),
    }}
'''

_RISKKIT = '''\
"""riskkit {version}: what all risk models of the bank have in common.

{news}
"""

__version__ = "{version}"


def usual(amounts):
    """What somebody usually pays."""
    return {usual}


def night(hours):
    """Whether it is night, hour by hour."""
    return {night}
'''
RELEASES = {
    "1.4.0": ("1.4.0: the usual amount is the median.", "amounts.median()", "hours < 6"),
    "1.4.1": ("1.4.1: the night ends at five.", "amounts.median()", "hours < 5"),
    "1.5.0": (
        "1.5.0: the usual amount is the mean, since other teams expect it. The night begins at eleven.",
        "amounts.mean()",
        "(hours < 6) | (hours >= 23)",
    ),
    "2.0.0": ("2.0.0: the usual amount is the upper quartile.", "amounts.quantile(0.75)", "hours < 7"),
}
"""Version -> what it brings, the usual amount, the night. The first is that of the run."""


def release(version: str) -> dict[str, str]:
    """Return the files of a release of riskkit."""
    news, usual, night = RELEASES[version]
    text = _RISKKIT.format(version=version, news=news, usual=usual, night=night)
    return {f"vendor/riskkit-{version}/riskkit/__init__.py": text}


def params(train: Mapping[str, object], causes: Collection[str]) -> str:
    """Return params.yaml; what is a cause is not said there."""
    months = ", ".join(f'"{month}"' for month in train["months"])  # type: ignore[attr-defined]
    lines = ["# What the review is made with.", "train:", f"  months: [{months}]"]
    wanted = [name for name in train if name != "months" and not (name == "seed" and "seed" in causes)]
    lines += [f"  {name}: {train[name]}" for name in wanted]
    lines += ["score:", '  month: "2025-06"']
    if "future" not in causes:
        lines += ["features:", '  known_until: "2025-07-01"']
    return "\n".join(lines) + "\n"


def requirements(causes: Collection[str]) -> str:
    """Return requirements.txt."""
    return f"riskkit{'' if 'library' in causes else '==1.4.0'}\n"


def code(causes: Collection[str]) -> dict[str, str]:
    """Return the package; it has the faults that are causes, and does the same without the others."""
    seeded = "seed" not in causes
    return {
        "fraudrun/__init__.py": INIT,
        "fraudrun/__main__.py": MAIN,
        "fraudrun/settings.py": SETTINGS,
        "fraudrun/vendored.py": VENDORED,
        "fraudrun/data.py": _READ.format(listing=_LISTINGS["order" in causes]),
        "fraudrun/features.py": _FEATURES.format(limit="" if "future" in causes else _LIMIT),
        "fraudrun/model.py": _MODEL.format(
            first="" if seeded else "import time\n\n",
            seed='params["seed"]' if seeded else "int(time.time()) % 100_000",
        ),
    }
