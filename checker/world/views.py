"""The tables that are made of a month's ledger."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from checker.world.facts import (
    CARD_PRESENT,
    CATEGORIES,
    CHANNELS,
    COUNTRIES,
    GROUPS,
    LABEL,
    SECONDS_A_DAY,
    first_day,
    weekday_of_first,
)
from checker.world.ledger import Ledger
from checker.world.population import Customers, Merchants
from checker.world.streams import Ints
from checker.world.table import Table

_MONEY = 2
_RATIO = 3


def transactions(ledger: Ledger) -> Table:
    """The month as the bank records it: TRANSACTION_COLUMNS, ordered by time."""
    paid = ledger.payments
    merchant = paid.merchant
    columns: dict[str, npt.NDArray[Any]] = {
        "transaction_id": np.array(ledger.ids()),
        "timestamp": moments(ledger.month, paid.second),
        "customer_id": np.array(ledger.people.customers.ids())[paid.customer],
        "age_band": np.array(GROUPS)[ledger.people.customers.age[paid.customer]],
        "merchant_id": np.array(ledger.people.merchants.ids())[merchant],
        "merchant_category": np.array(CATEGORIES)[ledger.people.merchants.category[merchant]],
        "channel": np.array(CHANNELS)[paid.channel],
        "country": np.array(COUNTRIES)[ledger.people.merchants.country[merchant]],
        "amount": paid.cents / 100,
        "transactions_24h": ledger.velocity.copy(),
    }
    return Table(columns, {"amount": _MONEY})


def labels(ledger: Ledger) -> Table:
    """Which transactions were fraud and when the bank knows it: LABEL_COLUMNS, in the same order."""
    days = ledger.payments.second // SECONDS_A_DAY + ledger.known_after
    known = np.datetime64(first_day(ledger.month), "D") + days.astype("timedelta64[D]")
    return Table(
        {
            "transaction_id": np.array(ledger.ids()),
            LABEL: ledger.is_fraud,
            "known_on": np.datetime_as_string(known, unit="D"),
        }
    )


def features(ledger: Ledger) -> Table:
    """What a model learns from: FEATURE_COLUMNS and LABEL, in the same order as the transactions."""
    paid = ledger.payments
    usual = ledger.people.customers.usual_cents[paid.customer]
    columns: dict[str, npt.NDArray[Any]] = {
        "amount": paid.cents / 100,
        # Rounded as integers, so that no platform rounds it otherwise.
        "amount_to_usual": (paid.cents * 1000 + usual // 2) // usual / 1000,
        "hour": paid.second % SECONDS_A_DAY // 3600,
        "weekday": (paid.second // SECONDS_A_DAY + weekday_of_first(ledger.month)) % 7,
        "is_foreign": (ledger.people.merchants.country[paid.merchant] != 0).astype(np.int64),
        "card_present": np.array(CARD_PRESENT, dtype=np.int64)[paid.channel],
        "category_code": ledger.people.merchants.category[paid.merchant],
        "transactions_24h": ledger.velocity.copy(),
        LABEL: ledger.is_fraud,
    }
    return Table(columns, {"amount": _MONEY, "amount_to_usual": _RATIO})


def customers(people: Customers) -> Table:
    """What the bank knows about its customers: CUSTOMER_COLUMNS; `usual_amount` is in euros."""
    return Table(
        {
            "customer_id": np.array(people.ids()),
            "age_band": np.array(GROUPS)[people.age],
            "usual_amount": people.usual_cents / 100,
        },
        {"usual_amount": _MONEY},
    )


def merchants(shops: Merchants) -> Table:
    """What the bank knows about merchants: MERCHANT_COLUMNS."""
    return Table(
        {
            "merchant_id": np.array(shops.ids()),
            "merchant_category": np.array(CATEGORIES)[shops.category],
            "country": np.array(COUNTRIES)[shops.country],
        }
    )


def moments(month: int, second: Ints) -> npt.NDArray[np.str_]:
    """Seconds since the month began as texts such as `2025-03-01T09:15:00`."""
    moment = np.datetime64(first_day(month), "s") + second.astype("timedelta64[s]")
    return np.datetime_as_string(moment, unit="s")
