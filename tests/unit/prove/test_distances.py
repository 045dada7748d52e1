"""The grader's own statistics: that they agree with Evidently's on real months, and with what must hold of them."""

import math

import numpy as np
import pytest

from checker.declarations import Recipe
from checker.prove.distances import METHODS, measure, upper_gamma
from checker.recipes import make_table

NUMBERS = ("amount", "transactions_24h", "is_foreign", "hour")


@pytest.fixture(scope="module")
def months():
    """January to March beside June and September; all columns as numbers."""

    def columns(*numbers):
        table = make_table(Recipe(table="features", months=numbers, rows=4000), 7)
        return {name: table[name] for name in NUMBERS}

    return columns(1, 2, 3), {"june": columns(6), "september": columns(9)}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("method", METHODS)
def test_they_agree_with_evidently(months, method):
    import pandas as pd
    from evidently.legacy.calculations.stattests.registry import get_registered_stattest
    from evidently.legacy.core import ColumnType

    kinds = METHODS[method][1]
    reference, others = months
    seen = 0
    for name in NUMBERS:
        for current in others.values():
            for kind in kinds:
                if method == "z" and name != "is_foreign":
                    continue
                own = measure(method, reference[name], current[name], (kind,))
                column = ColumnType.Numerical if kind == "numerical" else ColumnType.Categorical
                test = get_registered_stattest(method, column)
                theirs = test(pd.Series(reference[name]), pd.Series(current[name]), column, None).drift_score
                if not math.isfinite(theirs):
                    assert own == () or own == (0.0,)
                    continue
                assert own == pytest.approx((theirs,), rel=2e-3 if theirs > 0.01 else 0.05, abs=1e-9), (name, kind)
                seen += 1
    assert seen >= 2


def test_no_difference_is_no_drift(months):
    reference, _ = months
    for method, (_, kinds) in METHODS.items():
        for name in NUMBERS:
            for told in measure(method, reference[name], reference[name], kinds):
                expected = (1.0, 0.5) if method in ("ks", "chisquare", "z", "t_test", "mannw") else (0.0,)
                assert min(abs(told - each) for each in expected) < 0.01, (method, name)


def test_the_spread_is_the_references(months):
    reference, others = months
    forth = measure("wasserstein", reference["amount"], others["september"]["amount"])
    back = measure("wasserstein", others["september"]["amount"], reference["amount"])
    assert forth != pytest.approx(back, rel=0.01)


def test_each_method_is_for_its_columns(months):
    reference, others = months
    one, other = reference["hour"], others["june"]["hour"]
    assert measure("wasserstein", one, other, ("categorical",)) == ()
    assert measure("chisquare", one, other, ("numerical",)) == ()
    assert measure("no such method", one, other) == ()
    assert measure("z", one, other, ("categorical",)) == ()


def test_new_values_are_no_reason_to_stop():
    one, other = np.array([1, 1, 2, 2]), np.array([3, 3, 3, 4])
    for method, (_, kinds) in METHODS.items():
        assert all(map(math.isfinite, measure(method, one, other, kinds)))
    assert measure("hellinger", one, other, ("categorical",)) == (1.0,)
    assert measure("jensenshannon", one, other, ("categorical",))[0] == pytest.approx(math.sqrt(math.log(2)))


def test_one_value_everywhere():
    one = np.ones(30)
    for method, (_, kinds) in METHODS.items():
        measure(method, one, one, kinds)


@pytest.mark.parametrize(("a", "x", "expected"), [(0.5, 0.5, 0.31731), (5, 2, 0.94735), (5, 20, 1.6944e-05), (3, 0, 1)])
def test_the_gamma_function(a, x, expected):
    assert upper_gamma(a, x) == pytest.approx(expected, rel=1e-4)
