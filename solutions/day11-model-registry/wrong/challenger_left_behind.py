"""The champion was moved, the challenger forgotten: both aliases point to the new version."""

from _registry import pair, point, record

REFUSED_BY = "aliases_set"
AFTER = "start"

old, new = pair()
record(new, old)
point(new, new)
