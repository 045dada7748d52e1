"""The case study: a bank's card transactions of 2025, made month by month from a seed.

    world = World(seed=7)
    world.transactions(3).to_csv()      # what the bank records in March
    world.features(range(1, 5))         # numbers to train on, `is_fraud` last
    world.holdout(5, key)               # the same customers, other payments, only with the key

The same seed gives the same bytes on every platform and with every version of numpy (see `streams`).
Until June fraudsters make a few large payments abroad at night; from July on they move to many small
domestic payments without the card (see `fraud`). Honest customers change a little in July, too: they pay
online more often and smaller sums (see `honest`). `truth` says which columns really drifted, `dirt` which
records were spoilt on their way. Importing this package loads no numpy; making a month does.
"""

from checker.world.cost import COST_FALSE_ALARM, COST_HANDLING
from checker.world.facts import (
    CATEGORIES,
    CHANNELS,
    COUNTRIES,
    CUSTOMER_COLUMNS,
    DIRT_KINDS,
    DRIFT_FROM,
    FEATURE_COLUMNS,
    GROUPS,
    HOME_COUNTRY,
    LABEL,
    LABEL_COLUMNS,
    MERCHANT_COLUMNS,
    MONTHS,
    PROTECTED,
    TACTICS,
    TRANSACTION_COLUMNS,
    UNIT_CHANGE_FROM_DAY,
    UNIT_CHANGE_MONTH,
    YEAR,
)
from checker.world.table import Table
from checker.world.truth import COMPARED, DRIFTED, FRAUD_ONLY, STABLE, Dirt, Truth
from checker.world.world import World

__all__ = [
    "CATEGORIES",
    "CHANNELS",
    "COMPARED",
    "COST_FALSE_ALARM",
    "COST_HANDLING",
    "COUNTRIES",
    "CUSTOMER_COLUMNS",
    "DIRT_KINDS",
    "DRIFTED",
    "DRIFT_FROM",
    "FEATURE_COLUMNS",
    "FRAUD_ONLY",
    "GROUPS",
    "HOME_COUNTRY",
    "LABEL",
    "LABEL_COLUMNS",
    "MERCHANT_COLUMNS",
    "MONTHS",
    "PROTECTED",
    "STABLE",
    "TACTICS",
    "TRANSACTION_COLUMNS",
    "UNIT_CHANGE_FROM_DAY",
    "UNIT_CHANGE_MONTH",
    "YEAR",
    "Dirt",
    "Table",
    "Truth",
    "World",
]
