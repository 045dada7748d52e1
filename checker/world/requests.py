"""Payments as a service is asked about them: one JSON object each, an id and what a model sees. Without numpy."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from checker.world.facts import FEATURE_COLUMNS

Row = dict[str, float | int | str]
WHOLE = tuple(name for name in FEATURE_COLUMNS if not name.startswith("amount"))
"""The features that are whole numbers."""
DATATYPES = {name: "INT64" if name in WHOLE else "FP64" for name in FEATURE_COLUMNS}
"""What the features are in the Open Inference Protocol."""
LIKELY: Row = {
    "transaction_id": "T-0",
    "amount": 25.5,
    "amount_to_usual": 1.25,
    "hour": 13,
    "weekday": 2,
    "is_foreign": 0,
    "card_present": 1,
    "category_code": 3,
    "transactions_24h": 2,
}
LIVE = 6


def live_rows(seed: int) -> list[Row]:
    """Return the rows that a live endpoint is asked about: always the same in one world."""
    draw = random.Random(f"live/{seed}")  # noqa: S311 - no secret
    return [
        named(
            draw,
            {
                "amount": round(draw.lognormvariate(3.5, 1.2) + 0.01, 2),
                "amount_to_usual": round(draw.lognormvariate(0, 1), 3),
                "hour": draw.randrange(24),
                "weekday": draw.randrange(7),
                "is_foreign": draw.randrange(2),
                "card_present": draw.randrange(2),
                "category_code": draw.randrange(8),
                "transactions_24h": draw.randrange(1, 8),
            },
        )
        for _ in range(LIVE)
    ]


def named(draw: random.Random, values: Mapping[str, float | int | str]) -> Row:
    """Return a row with an id of its own."""
    return {"transaction_id": f"T-{draw.randrange(1 << 40):010x}", **values}


def seen(row: Row) -> Row:
    """Return what a model sees of a row: whole numbers and floats as they are in training."""
    return {name: row[name] if name in WHOLE else float(row[name]) for name in FEATURE_COLUMNS}


def tensors(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return rows as the inputs of a request for inference: a tensor for each feature."""
    shape = [len(rows)]
    return [
        {"name": name, "shape": shape, "datatype": datatype, "data": [row[name] for row in rows]}
        for name, datatype in DATATYPES.items()
    ]
