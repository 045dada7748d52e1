"""Day 21: a registered model with three versions, the code of two releases, and the payments of an autumn."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import random
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from statistics import NormalDist, pstdev
from typing import Any

from checker import platform
from checker.course import Lab
from checker.declarations import Recipe
from checker.prepare.day20_incident import digest
from checker.prepare.day21_releases import FOLDERS, NEXT, NOW
from checker.prepare.servers import Preparing, Version
from checker.recipes import make_table
from checker.world import COST_FALSE_ALARM, COST_HANDLING

MODEL, DEPLOYMENT, EXPERIMENT = "day21-card-fraud", "day21-fraud", "day21-training"
CHAMPION, BETTER, NEWEST = "1", "2", "3"
"""The versions of the registered model."""
COLUMNS = (
    "transaction_id",
    "timestamp",
    "merchant_category",
    "channel",
    "country",
    "amount",
    "transactions_24h",
)
PILOT, AUTUMN = (8,), (9, 10, 11)
"""The months whose labels are known by now, and those of which the traffic is made."""
SHARE = 0.18
"""Of the payments in the files so many are frauds: ten times as many as in the months, to save the learner's time."""
PILOTED, ASKED = 1400, 20
WORTH = 2.5
"""Euros for each payment: the smallest gain that is worth a new model."""
CONFIDENCE, POWER = 0.95, 0.8
BLOCK = 0.5
WEIGHTS: Mapping[str, tuple[float, Mapping[str, float]]] = {
    CHAMPION: (
        -7.0,
        {"log_amount": 0.9, "night": 2.6, "abroad": 3.9, "card_absent": 0.6, "easy_to_sell": 0.3, "payments_24h": 0.05},
    ),
    BETTER: (
        -5.2,
        {
            "log_amount": -0.9,
            "night": 0.6,
            "abroad": 0.2,
            "card_absent": 3.6,
            "easy_to_sell": 0.9,
            "payments_24h": 0.95,
        },
    ),
}
SAID = {
    CHAMPION: "Weights from January to June.",
    BETTER: "Weights from July and August: small payments without the card.",
    NEWEST: "As version 2, with September.",
}
PREPARING = Preparing(21, "on which releases can be rolled out")
Payment = dict[str, Any]


def truth(lab: Lab, seed: int) -> dict[str, Any]:
    """Return what the releases are, how many payments an experiment needs, and what version 2 answers."""
    told: dict[str, Any] = json.loads(_truth(seed))
    return told


@lru_cache(maxsize=2)
def _truth(seed: int) -> str:
    rows, _ = autumn(seed)
    asked, card = rows[-ASKED:], cards(seed)[BETTER]
    scores = [score(card, row) for row in asked]
    told = {
        "model": MODEL,
        "codes": {"now": digest(_bytes(NOW)), "next": digest(_bytes(NEXT))},
        "needed": needed(seed),
        "questions": asked,
        "answers": [[each, decided(each)] for each in scores],
    }
    return json.dumps(told)


def sources(lab: Lab, seed: int) -> dict[str, bytes]:
    """Return the code of both releases."""
    codes = {"now": NOW, "next": NEXT}
    return {f"{FOLDERS[which]}/{path}": text.encode() for which, files in codes.items() for path, text in files.items()}


def data(lab: Lab, seed: int) -> dict[str, bytes]:
    """Return the payments: those of the traffic with their labels, and what the champion decided about August's."""
    rows, labels = autumn(seed)
    known, truths = pilot(seed)
    card = cards(seed)[CHAMPION]
    decisions = [decided(score(card, row)) for row in known]
    return {
        "data/payments.csv": _csv(
            (*COLUMNS, "is_fraud"), ([*r.values(), y] for r, y in zip(rows, labels, strict=True))
        ),
        "data/pilot.csv": _csv(
            ("transaction_id", "amount", "decision", "is_fraud"),
            (
                [row["transaction_id"], row["amount"], decision, label]
                for row, decision, label in zip(known, decisions, truths, strict=True)
            ),
        ),
    }


def fill(folder: Path, lab: Lab, seed: int) -> None:
    """Register three versions, and see to it that nothing of the name is deployed."""
    made = cards(seed)
    versions = [
        Version(made[number], words, {"approved_by": "head of fraud operations"}) for number, words in SAID.items()
    ]
    PREPARING.register(MODEL, EXPERIMENT, versions)
    PREPARING.point(MODEL, "champion", CHAMPION)
    PREPARING.begin_anew(DEPLOYMENT)
    for path, content in (sources(lab, seed) | data(lab, seed) | {"where.yaml": _where()}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _where() -> bytes:
    place = platform.home() / "serving" / DEPLOYMENT
    address = platform.environment().get("MLOPS_LABS_SERVING_URL", "")
    told = {
        "deployment": DEPLOYMENT,
        "address": f"{address}/{DEPLOYMENT}",
        "journal": str(place / "journal.jsonl"),
        "predictions": str(place / "predictions.jsonl"),
        "labels": "labels.csv",
    }
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in told.items()).encode()


def _csv(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    table.writerows(rows)
    return text.getvalue().encode()


def _bytes(texts: Mapping[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in texts.items()}


def cards(seed: int) -> dict[str, dict[str, Any]]:
    """Return the content of the three versions."""
    made = {}
    for number, like in ((CHAMPION, CHAMPION), (BETTER, BETTER), (NEWEST, BETTER)):
        draw = _draw(seed, f"model {number}")
        intercept, weights = WEIGHTS[like]
        jittered = {name: round(weight * (0.97 + 0.06 * draw.random()), 3) for name, weight in weights.items()}
        made[number] = {"intercept": intercept, "weights": jittered}
    return made


def score(card: Mapping[str, Any], payment: Payment) -> float:
    """Return what a version says of a payment, as the code of the releases has it."""
    seen = _scoring()["features"](payment)
    total = card["intercept"] + sum(weight * seen[name] for name, weight in card["weights"].items())
    return 1 / (1 + math.exp(-total))


@lru_cache(maxsize=1)
def _scoring() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(NOW["scoring.py"], "scoring.py", "exec"), names)  # noqa: S102 - what stands in `day21_releases`
    return names


def decided(of: float) -> str:
    """Return the decision for a score."""
    return "block" if of >= BLOCK else "pass"


def autumn(seed: int) -> tuple[tuple[Payment, ...], tuple[int, ...]]:
    """Return the payments of the traffic in order, and their labels."""
    return _sample(seed, AUTUMN, None)


def pilot(seed: int) -> tuple[tuple[Payment, ...], tuple[int, ...]]:
    """Return payments whose labels are known by now."""
    return _sample(seed, PILOT, PILOTED)


@lru_cache(maxsize=4)
def _sample(seed: int, months: tuple[int, ...], most: int | None) -> tuple[tuple[Payment, ...], tuple[int, ...]]:
    """Return the frauds of some months, with so many honest payments that they are SHARE of all, in order of time."""
    table = make_table(Recipe(table="labelled", months=months), seed)
    labels = table["is_fraud"].tolist()
    draw = _draw(seed, f"payments {months}")
    order = [*range(len(labels))]
    draw.shuffle(order)
    frauds = [number for number in order if labels[number]]
    if most is not None:
        frauds = frauds[: round(SHARE * most)]
    honest = [number for number in order if not labels[number]][: round(len(frauds) * (1 - SHARE) / SHARE)]
    columns = {name: table[name].tolist() for name in COLUMNS}
    chosen = sorted([*frauds, *honest])
    rows = tuple({name: columns[name][number] for name in COLUMNS} for number in chosen)
    return rows, tuple(int(labels[number]) for number in chosen)


def needed(seed: int) -> int:
    """Return how many payments of each release an experiment needs to see a gain of WORTH."""
    rows, labels = pilot(seed)
    card = cards(seed)[CHAMPION]
    costs = [*_costs(card, rows, labels)]
    quantiles = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) + NormalDist().inv_cdf(POWER)
    return math.ceil(2 * (quantiles * pstdev(costs) / WORTH) ** 2)


def _costs(card: Mapping[str, Any], rows: Iterable[Payment], labels: Iterable[int]) -> Iterator[float]:
    for row, label in zip(rows, labels, strict=True):
        blocked = score(card, row) >= BLOCK
        yield COST_FALSE_ALARM if blocked and not label else row["amount"] + COST_HANDLING if label > blocked else 0.0


def _draw(seed: int, name: str) -> random.Random:
    number = hashlib.sha256(f"{seed}/day 21/{name}".encode()).digest()[:6]
    return random.Random(int.from_bytes(number, "big"))  # noqa: S311 - no secret
