"""One month of the bank's books: honest and fraudulent payments together, in order of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from checker.world.facts import SECONDS_A_DAY
from checker.world.fraud import fraudulent_payments
from checker.world.honest import honest_payments
from checker.world.payments import Payments
from checker.world.population import Population, activity_in
from checker.world.streams import Ints, Stream, Words

ROWS_PER_CUSTOMER = 20
LABEL_DAYS = (30, 60)


@dataclass(frozen=True)
class Ledger:
    """A month as numbers, (rows,) arrays in order of time; `view` modules turn it into tables."""

    month: int
    people: Population
    payments: Payments
    number: Words  # what the transaction id is made of
    velocity: Ints  # payments of this customer in the 24 hours up to and with this one, within the month
    known_after: Ints  # days until the bank knows whether it was fraud

    @property
    def is_fraud(self) -> Ints:
        """1 for fraud, else 0."""
        return (self.payments.tactic > 0).astype(np.int64)

    def ids(self) -> list[str]:
        """Such as `t5b1c03fa91c2d7e0`: random, so that neither order nor number gives anything away."""
        return [f"t{number:016x}" for number in self.number.tolist()]


def make_ledger(seed: int, month: int, rows: int, people: Population, *, key: bytes | None = None) -> Ledger:
    """The `rows` payments of these people in a month; with a key, other payments of the same people."""

    def stream(purpose: str) -> Stream:
        return Stream(seed, f"month/{month}/{purpose}", key=key)

    fraud = fraudulent_payments(stream("fraud"), month, rows, people)
    # Who is away is a habit, not a draw: the same in a held-out set.
    activity = activity_in(seed, month, people.customers)
    honest = honest_payments(stream("honest"), month, rows - len(fraud), people, activity)
    payments = Payments.concat([honest, fraud])
    number = stream("ids").words(rows)
    # Within a second the order is that of the random numbers: frauds do not stand behind honest payments.
    order = np.argsort((payments.second << 32) | (number >> np.uint64(32)).astype(np.int64), kind="stable")
    payments = payments.take(order)
    least, most = LABEL_DAYS
    return Ledger(
        month=month,
        people=people,
        payments=payments,
        number=number[order],
        velocity=_velocity(payments.customer, payments.second),
        known_after=least + stream("labels").below(rows, most - least + 1),
    )


def _velocity(customer: Ints, second: Ints) -> Ints:
    """For payments in order of time, how many of the same customer fall into the 24 hours up to each."""
    # Customers end to end on one scale, further apart than a month and a day are long.
    place = (customer << 32) | (second + SECONDS_A_DAY)
    order = np.argsort(place, kind="stable")
    place = place[order]
    first = np.searchsorted(place, place - SECONDS_A_DAY, side="right")
    velocity = np.empty(len(place), dtype=np.int64)
    velocity[order] = np.arange(len(place)) - first + 1
    return velocity
