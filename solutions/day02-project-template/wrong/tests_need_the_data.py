"""One test reads `data/transactions.csv`, which is neither committed nor on a build machine."""

from _package import commit

REFUSED_BY = "own_tests_pass"
AFTER = "solution"

with open("tests/test_data.py", "a") as file:
    file.write(
        """

def test_january_is_there():
    rows = pd.read_csv("data/transactions.csv")
    assert len(select_month(rows, "2025-01")) > 0
"""
    )
commit()
