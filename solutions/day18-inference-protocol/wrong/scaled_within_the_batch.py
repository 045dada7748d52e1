"""Amounts are divided by the largest of the request: a payment's score depends on who comes with it."""

from _server import change, make

REFUSED_BY = "scores_are_the_models"
AFTER = "start"

make()
change(
    "model.py",
    (
        "        scores = await",
        '        table["amount"] = table["amount"] / table["amount"].max() * 100\n        scores = await',
    ),
)
