"""A schedule without an alarm: whatever the month looks like, it trains, and lets the gate decide."""

from _loop import change, write

REFUSED_BY = "quiet_months_are_kept"
AFTER = "start"

write()
change("watch.py", ("DRIFTED = 0.05", "DRIFTED = 0.0"))
