"""Payments as bare numbers, before they become rows of a table."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from checker.world.streams import Ints


@dataclass(frozen=True)
class Payments:
    """Column by column, (payments,) arrays of integers."""

    second: Ints  # seconds since the month began
    customer: Ints  # index into the customers
    merchant: Ints  # index into the merchants
    channel: Ints  # index into CHANNELS
    cents: Ints  # at least 1
    tactic: Ints  # 0 for honest payments, else 1 + index into TACTICS

    def __len__(self) -> int:
        """How many payments."""
        return len(self.second)

    def take(self, index: Ints | slice) -> Self:
        """The payments at these positions."""
        return type(self)(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    @classmethod
    def concat(cls, parts: list[Self]) -> Self:
        """All payments, one part after the other."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
