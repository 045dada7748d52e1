"""Tests of significance at 5%, with thousands of payments."""

from _bank import NUMBERS, limits

REFUSED_BY = "quiet_months_stay_quiet"
AFTER = "solution"

limits(lambda column, limit: limit.update(method="ks" if column in NUMBERS else "chisquare", threshold=0.05))
