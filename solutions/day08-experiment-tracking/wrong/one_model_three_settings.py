"""One and the same model, logged three times with invented params."""

import mlflow
from _tracking import EXPERIMENT, mark, track, tree

REFUSED_BY = "runs_differ"
AFTER = "start"

mlflow.set_experiment(EXPERIMENT)
runs = [track(tree(5), {"max_depth": depth}) for depth in (3, 5, 7)]
mark(runs[0][0])
