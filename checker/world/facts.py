"""The names and dates of the case study: what every room may know, without numpy."""

from __future__ import annotations

from datetime import date

YEAR = 2025
MONTHS = range(1, 13)
DRIFT_FROM = 7
"""The first month in which fraudsters, and modestly honest customers, behave differently."""

GROUPS = ("18-29", "30-44", "45-64", "65+")
"""The values of the protected attribute."""
PROTECTED = "age_band"
LABEL = "is_fraud"

CATEGORIES = ("grocery", "fuel", "restaurant", "clothing", "electronics", "travel", "health", "digital")
CHANNELS = ("chip", "contactless", "online", "phone")
CARD_PRESENT = (1, 1, 0, 0)
"""For each of CHANNELS: was the card itself there?"""
HOME_COUNTRY = "AT"
COUNTRIES = (HOME_COUNTRY, "DE", "IT", "FR", "ES", "GB", "US", "PL", "TR")

TACTICS = ("large_foreign", "small_domestic")
"""What fraudsters do until June, and what they move to from July on."""
NEW_TACTIC_PERMILLE = {7: 800, 8: 900, 9: 1000, 10: 1000, 11: 1000, 12: 1000}
"""The share of fraudulent rows that follow the second tactic; none in the months not named."""

DIRT_KINDS = (
    "duplicate",
    "negative_amount",
    "timestamp_outside_month",
    "unknown_category",
    "empty_country",
    "cents",
)
UNIT_CHANGE_MONTH = 4
UNIT_CHANGE_FROM_DAY = 15
"""From this day of that month to its end, the online team delivers cents instead of euros."""
UNIT_CHANGE_CHANNEL = "online"

TRANSACTION_COLUMNS = (
    "transaction_id",
    "timestamp",
    "customer_id",
    "age_band",
    "merchant_id",
    "merchant_category",
    "channel",
    "country",
    "amount",
    "transactions_24h",
)
LABEL_COLUMNS = ("transaction_id", LABEL, "known_on")
CUSTOMER_COLUMNS = ("customer_id", "age_band", "usual_amount")
MERCHANT_COLUMNS = ("merchant_id", "merchant_category", "country")
FEATURE_COLUMNS = (
    "amount",
    "amount_to_usual",
    "hour",
    "weekday",
    "is_foreign",
    "card_present",
    "category_code",
    "transactions_24h",
)
"""What a model sees; `features()` adds LABEL as the last column. The protected attribute is left out."""

SECONDS_A_DAY = 86_400


def first_day(month: int) -> date:
    """The first day of a month of the case study; month 13 is the January after it."""
    return date(YEAR + (month - 1) // 12, (month - 1) % 12 + 1, 1)


def days_in(month: int) -> int:
    """How many days a month has."""
    return (first_day(month + 1) - first_day(month)).days


def weekday_of_first(month: int) -> int:
    """The weekday on which a month begins; Monday is 0."""
    return first_day(month).weekday()
