"""Evidently's defaults are taken as they are: 0.1 for each distance."""

from _bank import limits

REFUSED_BY = "drift_is_not_hidden"
AFTER = "solution"

limits(lambda column, limit: limit.update(threshold=0.1))
