"""The best tree was trained on months 1 to 4: it has seen the rows on which it is measured."""

import pandas as pd
from _tracking import mark, tables, three, track, tree

REFUSED_BY = "score_holds_up"
AFTER = "start"

three()
run, _ = track(tree(None), {"max_depth": "None"}, learn=pd.concat(tables()))
mark(run)
