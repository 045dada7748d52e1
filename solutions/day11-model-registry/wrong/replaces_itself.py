"""The record names its own version as the one that it replaces."""

from _registry import pair, promote

REFUSED_BY = "approval_recorded"
AFTER = "start"

old, new = pair()
promote(old, new, replaces=new)
