"""The same training, logged three times."""

import mlflow
from _tracking import EXPERIMENT, mark, track, tree

REFUSED_BY = "runs_differ"
AFTER = "start"

mlflow.set_experiment(EXPERIMENT)
runs = [track(tree(5), {"max_depth": 5}) for _ in range(3)]
mark(runs[0][0])
