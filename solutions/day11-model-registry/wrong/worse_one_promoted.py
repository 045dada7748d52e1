"""The aliases are the wrong way round: the spring model is champion, with a truthful record."""

from _registry import pair, promote

REFUSED_BY = "champion_is_better"
AFTER = "start"

old, new = pair()
promote(new, old)
