"""Who pays and who is paid: customers with habits, merchants with categories and countries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from checker.world.facts import CATEGORIES, COUNTRIES, GROUPS, days_in
from checker.world.streams import Flags, Ints, Stream, Words

DOMESTIC_MERCHANTS = 300
FOREIGN_MERCHANTS = 120
FAVOURITES = 8
SHORTEST_MONTH = 28

_AGE_WEIGHTS = (22, 27, 31, 20)
_CATEGORY_WEIGHTS = (32, 11, 17, 11, 5, 4, 10, 10)
# Foreign merchants are hotels, shops and web shops rather than petrol stations.
_CATEGORY_WEIGHTS_ABROAD = (14, 6, 22, 16, 10, 14, 4, 14)
_ACTIVITY = (2, 5, 7, 9, 11, 14, 18, 25, 45)
_POPULARITY = (10, 14, 18, 24, 32, 44, 60, 90, 200)
_TRAVEL_PERMILLE = (0, 0, 5, 10, 18, 28, 45, 80, 200)
_USUAL_CENTS = (
    *(600, 1103, 1300, 1449, 1575, 1690, 1797, 1899, 1998, 2096, 2193, 2290, 2388, 2487, 2588, 2692),
    *(2800, 2912, 3029, 3153, 3284, 3424, 3575, 3740, 3923, 4128, 4363, 4640, 4977, 5412, 6030, 7106),
    12000,
)
# Which of the tables of hours in `honest` a customer follows: early, all day, evening.
_RHYTHM_WEIGHTS = (3, 5, 3)


@dataclass(frozen=True)
class Merchants:
    """Column by column, (merchants,) arrays; the first DOMESTIC_MERCHANTS are at home."""

    number: Words
    category: Ints  # index into CATEGORIES
    country: Ints  # index into COUNTRIES
    popularity: Ints  # a weight

    @property
    def domestic(self) -> Flags:
        """Which merchants are in the home country."""
        return np.asarray(self.country == 0)

    def ids(self) -> list[str]:
        """Such as `m03fa91c2`."""
        return [f"m{number:08x}" for number in (self.number >> np.uint64(32)).tolist()]


@dataclass(frozen=True)
class Customers:
    """Column by column, (customers,) arrays; the habits stay the same all year."""

    number: Words
    age: Ints  # index into GROUPS
    usual_cents: Ints  # what a middling payment of this customer costs
    activity: Ints  # a weight: how often this customer pays, compared with the others
    rhythm: Ints  # 0 early, 1 all day, 2 evening
    travel_permille: Ints  # how many payments in a thousand go abroad
    favourites: Ints  # (customers, FAVOURITES) indices of domestic merchants

    def ids(self) -> list[str]:
        """Such as `c5b1c03fa91c2`."""
        return [f"c{number:012x}" for number in (self.number >> np.uint64(16)).tolist()]


@dataclass(frozen=True)
class Population:
    """Everyone in a world."""

    customers: Customers
    merchants: Merchants


def make_population(seed: int, customers: int) -> Population:
    """The merchants and the first `customers` customers of a seed."""
    merchants = _make_merchants(seed)
    return Population(_make_customers(seed, customers, merchants), merchants)


def activity_in(seed: int, month: int, customers: Customers) -> Ints:
    """The customers' activity in a month, (customers,) weights; 0 for those who do not pay in it.

    A month has the same number of payments whatever its length. So that each customer who pays does so at the
    same pace, all pay in the shortest month, and in a longer one the more are away.
    """
    count = len(customers.activity)
    away = Stream(seed, f"customers/away/{month}").chance(1000 - SHORTEST_MONTH * 1000 // days_in(month), count)
    return np.where(away, 0, customers.activity)


def _make_merchants(seed: int) -> Merchants:
    """Each category is present at home and abroad."""
    total = DOMESTIC_MERCHANTS + FOREIGN_MERCHANTS
    stream = Stream(seed, "merchants")
    every = np.arange(len(CATEGORIES))
    home = stream.pick(DOMESTIC_MERCHANTS - len(every), _CATEGORY_WEIGHTS)
    abroad = stream.pick(FOREIGN_MERCHANTS - len(every), _CATEGORY_WEIGHTS_ABROAD)
    country = np.zeros(total, dtype=np.int64)
    country[DOMESTIC_MERCHANTS:] = 1 + stream.below(FOREIGN_MERCHANTS, len(COUNTRIES) - 1)
    return Merchants(
        number=stream.words(total),
        category=np.concatenate([every, home, every, abroad]),
        country=country,
        popularity=stream.quantile(total, _POPULARITY),
    )


def _make_customers(seed: int, count: int, merchants: Merchants) -> Customers:
    """Each habit has a stream of its own, so that a larger population begins with the smaller one."""

    def habit(name: str) -> Stream:
        return Stream(seed, f"customers/{name}")

    popular = merchants.popularity[:DOMESTIC_MERCHANTS]
    return Customers(
        number=habit("number").words(count),
        age=habit("age").pick(count, _AGE_WEIGHTS[: len(GROUPS)]),
        usual_cents=habit("usual").quantile(count, _USUAL_CENTS),
        activity=habit("activity").quantile(count, _ACTIVITY),
        rhythm=habit("rhythm").pick(count, _RHYTHM_WEIGHTS),
        travel_permille=habit("travel").quantile(count, _TRAVEL_PERMILLE),
        favourites=habit("favourites").pick(count * FAVOURITES, popular).reshape(count, FAVOURITES),
    )
