"""The models are there, but nothing says which columns they want."""

import mlflow
from _tracking import EXPERIMENT, NEEDS, TREES, mark, track, tree

REFUSED_BY = "models_kept"
AFTER = "start"

mlflow.set_experiment(EXPERIMENT)
runs = []
for depth in (2, 4, 6):
    model = tree(depth)
    run = track(model, {"max_depth": depth}, kept=False)
    with mlflow.start_run(run_id=run[0]):
        mlflow.sklearn.log_model(model, name="model", skops_trusted_types=TREES, pip_requirements=NEEDS)
    runs.append(run)
mark(max(runs, key=lambda each: each[1])[0])
