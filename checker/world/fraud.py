"""What fraudsters do with a stolen card, and how they change their tactic from July on.

Large and foreign: one to three payments abroad within a few hours of the night, mostly without the card,
for a hundred euros and more. Small and domestic: eight to sixteen payments at home within four hours, always
without the card, each smaller than what the customer usually pays; only their number in a
day (`transactions_24h`) gives them away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from checker.world.facts import NEW_TACTIC_PERMILLE, SECONDS_A_DAY, days_in
from checker.world.payments import Payments
from checker.world.population import Merchants, Population
from checker.world.streams import Ints, Stream

FRAUD_PERMILLE = (14, 17)  # rows of a month that are fraud: from, to

# How often a customer of each age band is robbed, compared with the others: the uneven base rate.
_VICTIM_WEIGHTS = np.array([12, 8, 9, 24], dtype=np.int64)


@dataclass(frozen=True)
class _Tactic:
    code: int  # 1 + index into TACTICS
    burst: tuple[int, int]  # payments with one stolen card: from, to
    window: int  # seconds in which they fall
    hours: tuple[int, ...]  # weights of the hour in which the first one falls
    foreign_permille: int
    categories: tuple[int, ...]  # weights, in the order of CATEGORIES
    channels: tuple[int, ...]  # weights, in the order of CHANNELS
    cents: tuple[int, ...]  # quantiles


_LARGE_FOREIGN = _Tactic(
    code=1,
    burst=(1, 3),
    window=3 * 3600,
    hours=(14, 16, 16, 14, 9, 5, 2, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 7, 10),
    foreign_permille=900,
    categories=(1, 1, 1, 5, 10, 8, 1, 4),
    channels=(14, 6, 64, 16),
    cents=(
        *(
            2500,
            4205,
            5380,
            6326,
            7174,
            7970,
            8740,
            9496,
            10251,
            11011,
            11783,
            12573,
            13386,
            14229,
            15108,
            16029,
        ),
        *(
            17000,
            18030,
            19129,
            20310,
            21589,
            22986,
            24528,
            26247,
            28193,
            30433,
            33068,
            36260,
            40285,
            45683,
            53721,
            68735,
        ),
        140000,
    ),
)
_SMALL_DOMESTIC = _Tactic(
    code=2,
    burst=(8, 16),
    window=4 * 3600,
    hours=(2, 1, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 5, 5, 5, 4, 3),
    foreign_permille=10,
    categories=(3, 0, 3, 4, 2, 0, 2, 16),
    channels=(0, 0, 94, 6),
    cents=(150, 294, 358, 451, 529, 600, 671, 743, 819, 900, 989, 1090, 1207, 1349, 1533, 1795, 2259, 4500),
)


def fraudulent_payments(stream: Stream, month: int, rows: int, people: Population) -> Payments:
    """The frauds among `rows` payments of a month, in no order: FRAUD_PERMILLE of them, at least two."""
    least, most = FRAUD_PERMILLE
    permille = least + int(stream.below(1, most - least + 1)[0])
    count = max(2, rows * permille // 1000)
    new = count * NEW_TACTIC_PERMILLE.get(month, 0) // 1000
    return Payments.concat(
        [
            _bursts(stream, month, count - new, people, _LARGE_FOREIGN),
            _bursts(stream, month, new, people, _SMALL_DOMESTIC),
        ]
    )


def _bursts(stream: Stream, month: int, count: int, people: Population, tactic: _Tactic) -> Payments:
    least, most = tactic.burst
    # No more bursts than payments can be needed; the last burst is cut off where the count is reached.
    sizes = least + stream.below(count, most - least + 1)
    burst = np.repeat(np.arange(count), sizes)[:count]
    start = _starts(stream, month, count, tactic)
    second = start[burst] + stream.below(count, tactic.window)
    return Payments(
        second=np.minimum(second, days_in(month) * SECONDS_A_DAY - 1),
        customer=stream.pick(count, _VICTIM_WEIGHTS[people.customers.age])[burst],
        merchant=_fences(stream, count, people.merchants, tactic),
        channel=stream.pick(count, tactic.channels),
        cents=stream.quantile(count, tactic.cents),
        tactic=np.full(count, tactic.code, dtype=np.int64),
    )


def _starts(stream: Stream, month: int, count: int, tactic: _Tactic) -> Ints:
    day = stream.below(count, days_in(month))
    return day * SECONDS_A_DAY + stream.pick(count, tactic.hours) * 3600 + stream.below(count, 3600)


def _fences(stream: Stream, count: int, merchants: Merchants, tactic: _Tactic) -> Ints:
    wanted = merchants.popularity * np.array(tactic.categories, dtype=np.int64)[merchants.category]

    abroad = stream.pick(count, np.where(merchants.domestic, 0, wanted))
    home = stream.pick(count, np.where(merchants.domestic, wanted, 0))
    return np.where(stream.chance(tactic.foreign_permille, count), abroad, home)
