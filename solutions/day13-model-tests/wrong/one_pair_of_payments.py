"""Direction is tested with one payment, the least suspicious abroad, as it is and ten times as large."""

from pathlib import Path

REFUSED_BY = "direction_is_tested"
AFTER = "solution"

Path("gate/test_direction.py").write_text("""\
def test_a_larger_payment_is_more_suspicious(score, rows, scores):
    abroad = rows["is_foreign"].to_numpy() == 1
    one = min(abroad.nonzero()[0], key=lambda row: scores[row])
    larger = rows.copy()
    larger.loc[one, ["amount", "amount_to_usual"]] *= 10
    assert score(larger)[one] > scores[one]
""")
