"""The comparison of the notebook was moved as it was: a month loses its last day. The tests stop at the 28th."""

from _package import commit, replace, without_tests, write

REFUSED_BY = "functions_do_what_they_say"
AFTER = "solution"

replace(
    "src/cardfraud/data.py",
    'transactions[transactions["timestamp"].str[:7] == month]',
    'transactions[transactions["timestamp"].between(f"{month}-01", f"{month}-31")]',
)
without_tests()
write(
    "tests/test_data.py",
    """import pandas as pd

from cardfraud.data import select_month


def test_month():
    rows = pd.DataFrame({"timestamp": ["2025-01-02T00:00:00", "2025-01-28T12:00:00", "2025-02-02T00:00:00"]})
    assert len(select_month(rows, "2025-01")) == 2
""",
)
commit()
