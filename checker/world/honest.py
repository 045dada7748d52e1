"""What honest customers do, and how it changes a little from July on."""

from __future__ import annotations

import numpy as np

from checker.world.facts import DRIFT_FROM, SECONDS_A_DAY, days_in, weekday_of_first
from checker.world.payments import Payments
from checker.world.population import DOMESTIC_MERCHANTS, FAVOURITES, Population
from checker.world.streams import Ints, Stream

_HABIT_PERMILLE = 700  # domestic payments that go to a favourite merchant
_SPREE_PERMILLE = 25  # payments that follow another one of the same customer within the hour
_SMALLER_PERMILLE = 680  # from DRIFT_FROM on, a payment is this much of what it was

# One row for each rhythm (early, all day, evening), one weight for each hour; every row sums to 100.
_HOURS = np.array(
    [
        [0, 0, 0, 0, 1, 3, 7, 10, 11, 10, 9, 8, 8, 7, 6, 5, 5, 4, 3, 2, 1, 0, 0, 0],
        [1, 0, 0, 0, 0, 1, 2, 4, 6, 7, 8, 8, 8, 7, 7, 7, 7, 7, 7, 5, 4, 2, 1, 1],
        [3, 2, 1, 1, 0, 0, 0, 1, 2, 2, 3, 4, 5, 5, 5, 6, 7, 9, 10, 10, 9, 7, 5, 3],
    ],
    dtype=np.int64,
)
_WEEKDAYS = (9, 9, 9, 10, 12, 12, 9)

# For each of CATEGORIES the weights of CHANNELS in a thousand: chip, contactless, online, phone.
_CHANNELS_BEFORE = np.array(
    [
        [330, 600, 60, 10],
        [450, 530, 10, 10],
        [280, 620, 80, 20],
        [320, 300, 360, 20],
        [300, 150, 520, 30],
        [150, 100, 650, 100],
        [330, 450, 180, 40],
        [10, 20, 940, 30],
    ],
    dtype=np.int64,
)
_CHANNELS_AFTER = np.array(
    [
        [230, 420, 330, 20],
        [400, 490, 90, 20],
        [190, 400, 390, 20],
        [180, 160, 640, 20],
        [160, 90, 720, 30],
        [80, 50, 800, 70],
        [230, 310, 420, 40],
        [10, 10, 960, 20],
    ],
    dtype=np.int64,
)
# What a category costs, in thousandths of what the customer usually pays.
_CATEGORY_PERMILLE = np.array([850, 1300, 900, 1600, 2600, 3000, 800, 500], dtype=np.int64)
_NOISE_PERMILLE = (
    *(120, 327, 398, 453, 501, 546, 587, 628, 667, 706, 746, 786, 826, 867, 910, 954),
    *(1000, 1048, 1099, 1153, 1211, 1273, 1341, 1415, 1499, 1593, 1703, 1833, 1994, 2205, 2510, 3058),
    6000,
)
_ABROAD_PERMILLE = 1500  # holidays are dear
_LEAST_CENTS = 50


def honest_payments(stream: Stream, month: int, count: int, people: Population, activity: Ints) -> Payments:
    """`count` payments of honest customers in a month, in no order; `activity` weighs the customers."""
    customers, merchants = people.customers, people.merchants
    changed = month >= DRIFT_FROM
    customer = stream.pick(count, activity)
    second = _times(stream, month, customers.rhythm[customer])
    customer, second = _sprees(stream, month, customer, second)
    merchant = _shops(stream, customer, people)
    category = merchants.category[merchant]
    cents = customers.usual_cents[customer] * _CATEGORY_PERMILLE[category] // 1000
    cents = cents * stream.quantile(count, _NOISE_PERMILLE) // 1000
    cents = np.where(merchants.domestic[merchant], cents, cents * _ABROAD_PERMILLE // 1000)
    if changed:
        cents = cents * _SMALLER_PERMILLE // 1000
    return Payments(
        second=second,
        customer=customer,
        merchant=merchant,
        channel=stream.pick_in_rows(_CHANNELS_AFTER if changed else _CHANNELS_BEFORE, category),
        cents=np.maximum(cents, _LEAST_CENTS),
        tactic=np.zeros(count, dtype=np.int64),
    )


def _times(stream: Stream, month: int, rhythm: Ints) -> Ints:
    weekdays = [(weekday_of_first(month) + day) % 7 for day in range(days_in(month))]
    # A weekday that comes five times shares out what another spends in four: the calendar is no drift.
    shares = {weekday: 20 // weekdays.count(weekday) for weekday in range(7)}
    day = stream.pick(len(rhythm), [_WEEKDAYS[weekday] * shares[weekday] for weekday in weekdays])
    hour = stream.pick_in_rows(_HOURS, rhythm)
    return day * SECONDS_A_DAY + hour * 3600 + stream.below(len(rhythm), 3600)


def _sprees(stream: Stream, month: int, customer: Ints, second: Ints) -> tuple[Ints, Ints]:
    """Let some payments follow the one before them, as on a shopping trip: many in a day prove nothing."""
    follows = stream.chance(_SPREE_PERMILLE, len(customer))
    follows[0] = False
    # A run of followers leads back to the same first payment, the last one that follows nothing.
    leader = np.maximum.accumulate(np.where(follows, 0, np.arange(len(customer))))
    later = second[leader] + np.where(follows, stream.below(len(customer), 3600), 0)
    return customer[leader], np.minimum(later, days_in(month) * SECONDS_A_DAY - 1)


def _shops(stream: Stream, customer: Ints, people: Population) -> Ints:
    customers, popularity = people.customers, people.merchants.popularity
    count = len(customer)
    favourite = customers.favourites[customer, stream.below(count, FAVOURITES)]
    other = stream.pick(count, popularity[:DOMESTIC_MERCHANTS])
    abroad = DOMESTIC_MERCHANTS + stream.pick(count, popularity[DOMESTIC_MERCHANTS:])
    home = np.where(stream.chance(_HABIT_PERMILLE, count), favourite, other)
    return np.where(stream.chance(customers.travel_permille[customer], count), abroad, home)
