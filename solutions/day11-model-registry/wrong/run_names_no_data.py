"""A model from a scratch cell: its run says nothing about any data."""

from _registry import SPRING, SUMMER, pair, promote, track, train

REFUSED_BY = "lineage_holds"
AFTER = "start"

track()
promote(*pair(train(SPRING), train(SUMMER, data=lambda: None)))
