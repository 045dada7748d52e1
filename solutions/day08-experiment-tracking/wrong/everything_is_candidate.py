"""Every run is marked as the candidate."""

from _tracking import mark, three

REFUSED_BY = "best_is_marked"
AFTER = "start"

for run in three():
    mark(run)
