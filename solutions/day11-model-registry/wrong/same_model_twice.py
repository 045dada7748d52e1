"""One model, registered twice: the challenger is the champion."""

from _registry import SUMMER, pair, promote, track, train

REFUSED_BY = "champion_is_better"
AFTER = "start"

track()
info = train(SUMMER)
promote(*pair(info, info))
