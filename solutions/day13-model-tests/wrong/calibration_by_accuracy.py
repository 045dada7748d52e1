"""A model is called calibrated when most of its decisions are right."""

from pathlib import Path

REFUSED_BY = "calibration_is_tested"
AFTER = "solution"

Path("gate/test_calibration.py").write_text("""\
def test_most_decisions_are_right(scores, labels):
    assert ((scores >= 0.5) == (labels == 1)).mean() >= 0.95
""")
