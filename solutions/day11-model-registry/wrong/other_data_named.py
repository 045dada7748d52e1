"""The run of the champion names September as its training data: a slip of the variable."""

from _registry import SEPTEMBER, SPRING, SUMMER, dvc_sum, name_data, pair, promote, track, train

REFUSED_BY = "lineage_holds"
AFTER = "start"

track()
new = train(SUMMER, data=lambda: name_data(SEPTEMBER, md5=dvc_sum(SUMMER)))
promote(*pair(train(SPRING), new))
