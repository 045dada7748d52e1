"""Copy and paste: the run of the champion has the sum of the spring's file."""

from _registry import SPRING, SUMMER, dvc_sum, name_data, pair, promote, track, train

REFUSED_BY = "lineage_holds"
AFTER = "start"

track()
new = train(SUMMER, data=lambda: name_data(SUMMER, md5=dvc_sum(SPRING)))
promote(*pair(train(SPRING), new))
