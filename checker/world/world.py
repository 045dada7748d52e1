"""The world of one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from checker.world import truth
from checker.world.cost import cost
from checker.world.facts import DIRT_KINDS, LABEL, MONTHS, TACTICS
from checker.world.table import Table
from checker.world.truth import Dirt, Truth

if TYPE_CHECKING:
    from checker.world.dirt import Faults
    from checker.world.ledger import Ledger
    from checker.world.population import Population

LEAST_ROWS = 500


class World:
    """The case study of one seed: 12 months of `rows` card transactions each, of `rows` // 20 customers.

    All tables of a month have one row for each transaction and the same order, that of time, except the dirty
    one, which has its copies besides. Every method that takes a month raises ValueError outside 1..12.
    """

    def __init__(self, seed: int, *, rows: int = 20_000) -> None:
        """Nothing is made yet. Raises ValueError for fewer than 500 rows, TypeError for a seed of text."""
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise TypeError(f"found a seed of type {type(seed).__name__}, expected an int")
        self.seed = seed
        self.rows = _enough(rows)
        self._ledgers: dict[int, Ledger] = {}

    def __repr__(self) -> str:
        """As it was made."""
        return f"World({self.seed}, rows={self.rows})"

    def transactions(self, month: int, *, dirty: bool = False) -> Table:
        """What the bank records, TRANSACTION_COLUMNS, `rows` rows; `dirty`: as delivered, see `dirt`.

        Amounts are in euros, timestamps in local time to the second. `transactions_24h` counts this
        customer's payments of the 24 hours up to and with this one, as far as they lie in the month.
        """
        from checker.world import views
        from checker.world.dirt import spoil

        ledger = self._ledger(month)
        clean = views.transactions(ledger)
        return spoil(self.seed, ledger, clean)[0] if dirty else clean

    def dirt(self, month: int) -> list[Dirt]:
        """Which rows of `transactions(month, dirty=True)` are spoilt and how, ordered by row."""
        from checker.world import views
        from checker.world.dirt import spoil

        ledger = self._ledger(month)
        return spoil(self.seed, ledger, views.transactions(ledger))[1]

    def delivery(
        self, month: int, faults: Faults, key: bytes | None = None, rows: int | None = None
    ) -> tuple[Table, list[Dirt]]:
        """The month with other faults than the case study has, and which rows are spoilt; with a key, as `holdout`."""
        from checker.world import views
        from checker.world.dirt import spoil

        ledger = self._ledger(month) if key is None else self._hidden(month, key, rows)
        return spoil(self.seed, ledger, views.transactions(ledger), faults, key)

    def labels(self, month: int) -> Table:
        """Which transactions were fraud (LABEL_COLUMNS), each known 30 to 60 days after its payment."""
        from checker.world import views

        return views.labels(self._ledger(month))

    def labelled(self, month: int) -> Table:
        """The clean transactions with `is_fraud` as the last column."""
        return _labelled(self._ledger(month))

    def features(self, months: Iterable[int]) -> Table:
        """Numbers to train on, FEATURE_COLUMNS and `is_fraud`: the months one after the other, as given.

        Raises ValueError if there is no month.
        """
        return _features(self._ledger, months)

    def holdout(self, month: int, key: bytes, rows: int | None = None) -> Table:
        """`labelled` for other payments of the same customers, which only the key can bring back.

        `rows` (500 or more, default: as the world) scales the customers with the payments, so that behaviour
        stays the same: fewer rows see the first customers only, more rows add customers nobody has seen.
        """
        return _labelled(self._hidden(month, key, rows))

    def holdout_features(self, months: Iterable[int], key: bytes, rows: int | None = None) -> Table:
        """`features` of the transactions in `holdout`, `rows` of them in each month."""
        return _features(lambda month: self._hidden(month, key, rows), months)

    def customers(self) -> Table:
        """The bank's customers, CUSTOMER_COLUMNS: `usual_amount` is what `amount_to_usual` compares with."""
        from checker.world import views

        return views.customers(self._people.customers)

    def merchants(self) -> Table:
        """The merchants at home and abroad, MERCHANT_COLUMNS."""
        from checker.world import views

        return views.merchants(self._people.merchants)

    def drifted_columns(self, month: int, reference_month: int) -> tuple[str, ...]:
        """The columns of transactions and features that really differ between two months: DRIFTED or none.

        FRAUD_ONLY names those about which two honest drift tests may disagree, STABLE those that never drift.
        """
        return truth.drifted_columns(_known(month), _known(reference_month))

    def truth(self, month: int) -> Truth:
        """What really happened in a month: tactics, drift against January, dirt."""
        tactics = Counter(self._ledger(month).payments.tactic.tolist())
        kinds = Counter(record.kind for record in self.dirt(month))
        return Truth(
            month=month,
            frauds={name: tactics[code] for code, name in enumerate(TACTICS, start=1)},
            drifted=truth.drifted_columns(month, 1),
            dirt={kind: kinds[kind] for kind in DIRT_KINDS},
        )

    def cost(self, false_negatives: Iterable[float], false_positives: int) -> float:
        """The business cost in euros of missed frauds, given by their amounts, and of false alarms.

        A missed fraud costs its amount and COST_HANDLING, a false alarm COST_FALSE_ALARM.
        """
        return cost(false_negatives, false_positives)

    @cached_property
    def _people(self) -> Population:
        return self._population(self.rows)

    def _population(self, rows: int) -> Population:
        from checker.world.ledger import ROWS_PER_CUSTOMER
        from checker.world.population import make_population

        return make_population(self.seed, rows // ROWS_PER_CUSTOMER)

    def _ledger(self, month: int) -> Ledger:
        from checker.world.ledger import make_ledger

        if _known(month) not in self._ledgers:
            self._ledgers[month] = make_ledger(self.seed, month, self.rows, self._people)
        return self._ledgers[month]

    def _hidden(self, month: int, key: bytes, rows: int | None) -> Ledger:
        from checker.world.ledger import make_ledger

        rows = self.rows if rows is None else _enough(rows)
        if not isinstance(key, bytes):
            raise TypeError(f"found a key of type {type(key).__name__}, expected bytes")
        return make_ledger(self.seed, _known(month), rows, self._population(rows), key=key)


def _labelled(ledger: Ledger) -> Table:
    from checker.world import views

    return views.transactions(ledger).with_columns({LABEL: ledger.is_fraud})


def _features(ledger: Callable[[int], Ledger], months: Iterable[int]) -> Table:
    from checker.world import views

    wanted = list(months)
    if not wanted:
        raise ValueError("found no month, expected at least one of 1 to 12")
    return Table.concat([views.features(ledger(month)) for month in wanted])


def _known(month: int) -> int:
    if not isinstance(month, int) or month not in MONTHS:
        raise ValueError(f"found the month {month!r}, expected 1 to 12")
    return month


def _enough(rows: int) -> int:
    if not isinstance(rows, int) or rows < LEAST_ROWS:
        raise ValueError(f"found {rows!r} rows, expected {LEAST_ROWS} or more")
    return rows
