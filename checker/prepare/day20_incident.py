"""What went wrong in day 20's world of one seed, and what is true of it: nothing here asks a server."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import random
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from checker.declarations import Recipe
from checker.prepare.day20_service import CARD, CLASSES, COUNTS, CURRENT, FAULTS, LAST, OLD, Fault, release
from checker.recipes import make_table

NAME, DEPLOYMENT = "day20-card-fraud", "day20-fraud"
GOOD, BAD = "1", "2"
"""The versions of the registered model."""
COLUMNS = (
    "transaction_id",
    "timestamp",
    "customer_id",
    "merchant_category",
    "channel",
    "country",
    "amount",
    "transactions_24h",
)
KNOWN, TODAY = 4, 6
"""The month whose labels are known by now, and that of the incident."""
REPLAYED, ASKED, OBSERVED = (400, 40), (40, 10), (100, 10)
"""So many payments, so many of them frauds."""
NOT_SEEN = 7000
"""Customers of the bank who pay in no month that is looked at."""
INTERCEPT, LIFT = -9.6, 3.2
"""The second model was trained with balanced classes: its scores are higher, and so are its thresholds."""
WEIGHTS = {
    "log_amount": 0.35,
    "log_to_usual": 1.3,
    "night": 2.6,
    "abroad": 3.9,
    "card_absent": 1.6,
    "easy_to_sell": 0.3,
    "payments_24h": 0.25,
}
FIGURES = ("scores_changed", "decisions_changed")
CHANGES_NO_ANSWER = ("slow", "leak", "model")
CLOSE = 1e-6
Payment = dict[str, Any]
Answer = tuple[float, str]


def fault_of(seed: int) -> Fault:
    """Return what is wrong in the world of a seed."""
    kind = CLASSES[_number(seed, "class") % len(CLASSES)]
    variants = [fault for fault in FAULTS if fault.kind == kind]
    return variants[_number(seed, "variant") % len(variants)]


def _number(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/day 20/{name}".encode()).digest()[:6], "big")


def _draw(seed: int, name: str) -> random.Random:
    return random.Random(_number(seed, name))  # noqa: S311 - no secret


@dataclass(frozen=True)
class Incident:
    """The code of both releases with the tables, both models, and payments: each path or name -> content."""

    fault: Fault
    last: Mapping[str, bytes]
    next: Mapping[str, bytes]
    cards: Mapping[str, dict[str, Any]]
    replay: tuple[Payment, ...]
    labels: tuple[int, ...]
    asked: tuple[Payment, ...]
    observed: tuple[Payment, ...]


@lru_cache(maxsize=2)
def incident(seed: int, fault: Fault | None = None) -> Incident:
    """Return the incident of a seed; with another fault, for tests."""
    fault = fault or fault_of(seed)
    tables = _tables(seed)
    replay, labels = _payments(seed, KNOWN, (REPLAYED,))[0]
    (asked, _), (observed, _) = _payments(seed, TODAY, (ASKED, OBSERVED))
    return Incident(
        fault=fault,
        last=_bytes(LAST) | tables,
        next=_bytes(release(fault)) | tables,
        cards=_cards(seed, fault),
        replay=replay,
        labels=labels,
        asked=asked,
        observed=observed,
    )


def _bytes(texts: Mapping[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in texts.items()}


@lru_cache(maxsize=2)
def _tables(seed: int) -> dict[str, bytes]:
    """Return what the bank knows about its customers, now and seven months ago, and what a nightly job counted."""
    from checker.world import World

    known = World(seed).customers()
    pairs = [*zip(known["customer_id"].tolist(), known["usual_amount"].tolist(), strict=True)]
    draw = _draw(seed, "tables")
    pairs += [(f"c{int(draw.random() * 16**12):012x}", 8 + 60 * draw.random()) for _ in range(NOT_SEEN)]
    pairs.sort()
    now, then, counts = ["customer_id,usual_amount"], ["customer_id,usual_amount"], ["customer_id,payments_24h"]
    for name, amount in pairs:
        now.append(f"{name},{amount:.2f}")
        if draw.random() < 0.6:
            then.append(f"{name},{max(1.0, amount * 4 ** (2 * draw.random() - 1)):.2f}")
        counts.append(f"{name},{int(1 + 9 * draw.random() ** 3)}")
    rows = {CURRENT: now, OLD: then, COUNTS: counts}
    return {f"tables/{name}": "\n".join([*lines, ""]).encode() for name, lines in rows.items()}


@lru_cache(maxsize=4)
def _payments(
    seed: int, month: int, wanted: tuple[tuple[int, int], ...]
) -> list[tuple[tuple[Payment, ...], tuple[int, ...]]]:
    """Return samples of a month, none of which share a payment, each with its labels and in the order of time."""
    table = make_table(Recipe(table="labelled", months=(month,)), seed)
    labels = table["is_fraud"].tolist()
    draw = _draw(seed, f"payments {month}")
    order = sorted(range(len(labels)), key=[draw.random() for _ in labels].__getitem__)
    frauds = iter([number for number in order if labels[number]])
    honest = iter([number for number in order if not labels[number]])
    columns = {name: table[name].tolist() for name in COLUMNS}
    samples = []
    for count, bad in wanted:
        chosen = sorted([next(frauds) for _ in range(bad)] + [next(honest) for _ in range(count - bad)])
        rows = tuple({name: columns[name][number] for name in COLUMNS} for number in chosen)
        samples.append((rows, tuple(int(labels[number]) for number in chosen)))
    return samples


def _cards(seed: int, fault: Fault) -> dict[str, dict[str, Any]]:
    """Return the content of both models."""
    cards = {}
    for version, lift in ((GOOD, 0.0), (BAD, LIFT)):
        draw = _draw(seed, f"model {version}")
        weights = {name: round(weight * (0.95 + 0.1 * draw.random()), 3) for name, weight in WEIGHTS.items()}
        if version == BAD and fault.spoilt:
            weights[fault.spoilt] = -weights[fault.spoilt]
        cards[version] = {"intercept": round(INTERCEPT + lift, 3), "weights": weights}
    return cards


def digest(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 by which the platform knows the code of a release."""
    names = sorted(files, key=lambda name: name.split("/"))
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in names]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def answers(files: Mapping[str, bytes], card: Mapping[str, Any], version: str, rows: Iterable[Payment]) -> list[Answer]:
    """Return score and decision of each payment, as this code gives them with a model."""
    with tempfile.TemporaryDirectory(prefix="checker-release-") as scratch:
        root = Path(scratch)
        for name, content in (dict(files) | {f"model/{CARD}": json.dumps(card).encode()}).items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(content)
        features, customers, model, policy = _modules(root, "features", "customers", "model", "policy")
        known, scorecard, thresholds = customers.Customers(), model.Scorecard(root / "model"), policy.read(version)
        scores = [scorecard.score(features.make(row, known)) for row in rows]
        return [(score, policy.decide(score, thresholds)) for score in scores]


def _modules(root: Path, *names: str) -> Iterator[Any]:
    """Yield modules of our own releases, without a trace in `sys.modules`."""
    for name in names:
        module = ModuleType(f"day20_{name}")
        module.__file__ = str(root / f"{name}.py")
        source = importlib.util.decode_source((root / f"{name}.py").read_bytes())
        exec(compile(source, module.__file__, "exec"), vars(module))  # noqa: S102 - what stands in `day20_service`
        yield module


def changed(known: Incident) -> tuple[int, int]:
    """Return of how many replayed payments score and decision differ between both codes, with the good model."""
    before, after = (answers(files, known.cards[GOOD], GOOD, known.replay) for files in (known.last, known.next))
    pairs = [*zip(before, after, strict=True)]
    return sum(abs(a - b) > CLOSE for (a, _), (b, _) in pairs), sum(a != b for (_, a), (_, b) in pairs)


@lru_cache(maxsize=2)
def truth_of(seed: int) -> str:
    """Return as JSON what the checks may know."""
    known = incident(seed)
    # Running what is slow would be slow, and those answers are the same: a test looks.
    figures = (0, 0) if known.fault.kind in CHANGES_NO_ANSWER else changed(known)
    told = {
        "fault": known.fault.kind,
        "file": known.fault.file,
        "good": {"code": digest(known.last), "version": GOOD},
        "bad": {"code": digest(known.next), "version": BAD},
        "figures": dict(zip(FIGURES, figures, strict=True)),
        "questions": known.asked,
        "answers": answers(known.last, known.cards[GOOD], GOOD, known.asked),
    }
    return json.dumps(told)
