"""Datasets are named, DVC tracks the files, and no run says which version of them it was."""

from _registry import SPRING, SUMMER, name_data, pair, promote, track, train

REFUSED_BY = "lineage_holds"
AFTER = "start"

track()
infos = [train(path, data=lambda path=path: name_data(path, md5="see the wiki")) for path in (SPRING, SUMMER)]
promote(*pair(*infos))
