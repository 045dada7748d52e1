"""Skew is looked for in the mean and the spread of each column, and not payment by payment."""

from pathlib import Path

REFUSED_BY = "skew_is_tested"
AFTER = "solution"

Path("gate/test_skew.py").write_text("""\
import pytest

NAMES = "amount amount_to_usual hour weekday is_foreign card_present category_code transactions_24h".split()


@pytest.mark.parametrize("name", NAMES)
def test_the_columns_look_alike(rows, served, name):
    assert served[name].mean() == pytest.approx(rows[name].mean(), rel=0.05)
    assert served[name].std() == pytest.approx(rows[name].std(), rel=0.2)
""")
