"""One number of September's report was typed by hand: half the drift of the score."""

from _bank import change_report

REFUSED_BY = "reports_are_true"
AFTER = "solution"


def change(column, metric):
    """Halve the drift of the score."""
    if column == "score":
        metric["value"] /= 2


change_report("2025-09", change)
