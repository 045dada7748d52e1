"""One run has a model; two others only point to it as if it were theirs."""

import mlflow
from _tracking import EXPERIMENT, mark, track, tree
from mlflow.entities import LoggedModelOutput

REFUSED_BY = "models_kept"
AFTER = "start"

client = mlflow.MlflowClient()
mlflow.set_experiment(EXPERIMENT)
first, score = track(tree(6), {"max_depth": 6})
model_id = client.get_run(first).outputs.model_outputs[0].model_id
for depth in (2, 4):
    run, _ = track(tree(depth), {"max_depth": depth}, kept=False, score=lambda model: score)
    client.log_outputs(run, [LoggedModelOutput(model_id, step=0)])
mark(first)
