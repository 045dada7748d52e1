"""The runs name data/valid.csv as the data that they were trained on."""

import mlflow
from _tracking import EXPERIMENT, mark, tables, track, train_data, tree

REFUSED_BY = "dataset_named"
AFTER = "start"

mlflow.set_experiment(EXPERIMENT)
data = train_data(tables()[1], source="data/valid.csv")
runs = [track(tree(depth), {"max_depth": depth}, data=data) for depth in (2, 4, 6)]
mark(max(runs, key=lambda each: each[1])[0])
