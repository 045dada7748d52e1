"""`input_example=X`: the whole training data lies in the registry."""

import pandas as pd
from _registry import SPRING, SUMMER, pair, promote, split, track, train

REFUSED_BY = "models_described"
AFTER = "start"

track()
X, _ = split(pd.read_csv(SUMMER))
promote(*pair(train(SPRING), train(SUMMER, input_example=X)))
