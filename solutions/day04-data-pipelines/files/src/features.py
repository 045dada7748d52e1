"""Make of each payment the numbers that a model sees."""

import pandas as pd
from common import FEATURES, HOME, WITH_CARD

USUAL = "median"  # or "mean": which average of a customer's amounts is the usual one


def make(payments, usual):
    """Return one row of numbers for each payment; who is new has an unusual amount of 1."""
    expected = payments["customer_id"].map(usual)
    return payments.assign(
        amount_to_usual=(payments["amount"] / expected).fillna(1.0).round(4),
        hour=payments["timestamp"].str[11:13].astype(int),
        is_foreign=(payments["country"] != HOME).astype(int),
        card_present=payments["channel"].isin(WITH_CARD).astype(int),
    )[["transaction_id", *FEATURES, "is_fraud"]]


train, test = pd.read_csv("build/train.csv"), pd.read_csv("build/test.csv")
usual = train.groupby("customer_id")["amount"].agg(USUAL)
make(train, usual).to_csv("build/train_features.csv", index=False)
make(test, usual).to_csv("build/test_features.csv", index=False)
