"""One of the thresholds has no reason."""

from _bank import limits

REFUSED_BY = "thresholds_are_written"
AFTER = "solution"

limits(lambda column, limit: limit.update(reason="looks fine") if column == "channel" else None)
