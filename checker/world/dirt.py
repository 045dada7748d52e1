"""How records are spoilt between the tills and the bank.

Every month: some records delivered twice (an exact copy, a little later in the file), negative amounts,
timestamps outside the month, a category that does not exist, an empty country. In UNIT_CHANGE_MONTH besides:
from the middle of the month on, the team behind online payments delivers cents instead of euros.
No record is spoilt twice, and a copy is one of a sound record.

`Faults` says otherwise where a grader wants another delivery: other kinds, more of them, cents in another channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from checker.world.facts import (
    CHANNELS,
    DIRT_KINDS,
    SECONDS_A_DAY,
    UNIT_CHANGE_CHANNEL,
    UNIT_CHANGE_FROM_DAY,
    UNIT_CHANGE_MONTH,
    YEAR,
    days_in,
    first_day,
)
from checker.world.ledger import Ledger
from checker.world.streams import Flags, Ints, Stream
from checker.world.table import Table
from checker.world.truth import Dirt
from checker.world.views import moments

UNKNOWN_CATEGORY = "unknown"
DIRT_PERMILLE = 2
"""How many rows in a thousand have each of the ordinary kinds; at least two."""
_COPY_LAG = 40  # a copy stands at most so many rows behind the original


_ORDINARY = ("duplicate", "negative_amount", "timestamp_outside_month", "unknown_category", "empty_country")


@dataclass(frozen=True)
class Faults:
    """What goes wrong on the way of one month.

    `permille` of the rows, and at least two, have each of the ordinary `kinds`. With `cents` among the kinds, the
    amounts of `channel` are in cents from `from_day` on. `near`: timestamps outside the month lie on the day before
    it or on the day after it, not in another year.
    """

    kinds: tuple[str, ...] = _ORDINARY
    permille: int = DIRT_PERMILLE
    channel: str = UNIT_CHANGE_CHANNEL
    from_day: int = UNIT_CHANGE_FROM_DAY
    near: bool = False

    @classmethod
    def of(cls, month: int) -> Faults:
        """What really goes wrong in a month of the case study."""
        return cls(DIRT_KINDS) if month == UNIT_CHANGE_MONTH else cls()


def spoil(
    seed: int, ledger: Ledger, clean: Table, faults: Faults | None = None, key: bytes | None = None
) -> tuple[Table, list[Dirt]]:
    """The table as delivered, and its dirt ordered by row. With a `key`, nobody without it can tell which rows."""
    faults = faults or Faults.of(ledger.month)
    stream = Stream(seed, f"month/{ledger.month}/dirt", key=key)
    in_cents = _in_cents(ledger, faults)
    sound = np.flatnonzero(~in_cents)
    each = max(2, len(clean) * faults.permille // 1000)
    kinds = [kind for kind in _ORDINARY if kind in faults.kinds]
    chosen = sound[stream.sample(len(sound), each * len(kinds))]
    none = np.zeros(0, dtype=np.int64)
    parts = dict(zip(kinds, (chosen[each * i : each * (i + 1)] for i in range(len(kinds))), strict=True))
    copied, negative, outside, unknown, stateless = (parts.get(kind, none) for kind in _ORDINARY)

    columns: dict[str, npt.NDArray[Any]] = {name: values.copy() for name, values in clean.items()}
    cents = np.where(in_cents, ledger.payments.cents * 100, ledger.payments.cents)
    cents[negative] *= -1
    columns["amount"] = cents / 100
    columns["timestamp"][outside] = _elsewhere(stream, ledger, outside, near=faults.near)
    columns["merchant_category"][unknown] = UNKNOWN_CATEGORY
    columns["country"][stateless] = ""

    kind = np.full(len(clean), -1, dtype=np.int64)
    for rows, name in (
        (negative, "negative_amount"),
        (outside, "timestamp_outside_month"),
        (unknown, "unknown_category"),
        (stateless, "empty_country"),
        (in_cents, "cents"),
    ):
        kind[rows] = DIRT_KINDS.index(name)

    # Each copy goes between two rows: originals have even places, copies odd ones.
    behind = np.minimum(copied + stream.below(len(copied), _COPY_LAG), len(clean) - 1)
    place = np.concatenate([np.arange(len(clean)) * 2, behind * 2 + 1])
    order = np.argsort(place, kind="stable")
    source = np.concatenate([np.arange(len(clean)), copied])[order]
    kind = np.concatenate([kind, np.full(len(copied), DIRT_KINDS.index("duplicate"))])[order]
    table = clean.with_columns(columns).take(source)
    rows = np.flatnonzero(kind >= 0)
    found = zip(rows.tolist(), table["transaction_id"][rows].tolist(), kind[rows].tolist(), strict=True)
    return table, [Dirt(row, name, DIRT_KINDS[code]) for row, name, code in found]


def _in_cents(ledger: Ledger, faults: Faults) -> Flags:
    if "cents" not in faults.kinds:
        return np.zeros(len(ledger.payments), dtype=np.bool_)
    late = ledger.payments.second >= (faults.from_day - 1) * SECONDS_A_DAY
    return np.asarray(late & (ledger.payments.channel == CHANNELS.index(faults.channel)))


def _elsewhere(stream: Stream, ledger: Ledger, rows: Ints, *, near: bool) -> npt.NDArray[np.str_]:
    """Half of them lost their clock (the year 1970), half are a whole year ahead; or the days around the month."""
    second = ledger.payments.second[rows]
    if near:
        clock = (second % SECONDS_A_DAY).astype("timedelta64[s]")
        before = np.datetime64(first_day(ledger.month), "s") - np.timedelta64(SECONDS_A_DAY, "s") + clock
        after = np.datetime64(first_day(ledger.month + 1), "s") + clock
        lost, ahead = (np.datetime_as_string(each, unit="s") for each in (before, after))
    else:
        ahead = moments(ledger.month, second)
        ahead = np.array([f"{YEAR + 1}{text[4:]}" for text in ahead.tolist()])
        lost = np.datetime_as_string(second % (days_in(2) * SECONDS_A_DAY) + np.datetime64(0, "s"), unit="s")
    return np.where(stream.chance(500, len(rows)), lost, ahead)
