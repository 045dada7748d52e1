"""The champion learned the rows by heart on which it was judged, and names the summer."""

import pandas as pd
from _registry import SEPTEMBER, SPRING, SUMMER, pair, promote, track, train, tree

REFUSED_BY = "champion_is_better"
AFTER = "start"

track()
new = train(SUMMER, tree(None), learn=pd.read_csv(SEPTEMBER))
promote(*pair(train(SPRING), new))
