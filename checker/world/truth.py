"""What really happened in a month: for the grader, not for the learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checker.world.facts import DRIFT_FROM

DRIFTED = ("channel", "amount", "amount_to_usual", "card_present")
"""Columns whose distribution over all payments changes in DRIFT_FROM, once, by a clear size."""

FRAUD_ONLY = ("transactions_24h", "is_foreign", "country")
"""Columns that change in DRIFT_FROM within the fraud alone, so by one to two percent of all rows.

Whether a drift test on all payments should flag them is a matter of its threshold: hold nobody to either.
"""

STABLE = ("age_band", "merchant_category", "category_code", "hour", "weekday")
"""Columns that keep their distribution all year."""

COMPARED = DRIFTED + FRAUD_ONLY + STABLE
"""All columns of transactions and features of which the truth speaks: all but ids, timestamp and label."""


@dataclass(frozen=True)
class Dirt:
    """One spoilt record: its row in `transactions(month, dirty=True)`, counted from 0, and what is wrong."""

    row: int
    transaction_id: str
    kind: str  # one of DIRT_KINDS


@dataclass(frozen=True)
class Truth:
    """The truth about a month."""

    month: int
    frauds: Mapping[str, int]  # rows by tactic, each of TACTICS
    drifted: tuple[str, ...]  # against January
    dirt: Mapping[str, int]  # rows by kind, each of DIRT_KINDS


def drifted_columns(month: int, reference_month: int) -> tuple[str, ...]:
    """DRIFTED if DRIFT_FROM lies between the two months, in either order; otherwise nothing."""
    return DRIFTED if (month >= DRIFT_FROM) != (reference_month >= DRIFT_FROM) else ()
