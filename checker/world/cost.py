"""What mistakes cost the bank."""

from __future__ import annotations

import math
from collections.abc import Iterable

COST_HANDLING = 20.0
"""Euros for the work that a missed fraud makes, on top of its amount."""
COST_FALSE_ALARM = 4.0
"""Euros for a call to an honest customer whose payment was stopped."""


def cost(missed_amounts: Iterable[float], false_alarms: int) -> float:
    """What the missed frauds, given by their amounts in euros, and the false alarms cost, in euros.

    Rounded to cents; the order of the amounts does not matter. Raises ValueError for a negative or infinite
    amount or a negative count.
    """
    amounts = [float(amount) for amount in missed_amounts]
    if wrong := [amount for amount in amounts if not 0 <= amount < math.inf]:
        raise ValueError(f"found the missed amount {wrong[0]}, expected euros of at least 0")
    if false_alarms < 0:
        raise ValueError(f"found {false_alarms} false alarms, expected at least 0")
    return round(math.fsum(amounts) + COST_HANDLING * len(amounts) + COST_FALSE_ALARM * int(false_alarms), 2)
