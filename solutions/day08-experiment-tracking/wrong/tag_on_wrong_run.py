"""The last run is marked, and another one is better."""

from _tracking import mark, three

REFUSED_BY = "best_is_marked"
AFTER = "start"

mark(three()[-1])
