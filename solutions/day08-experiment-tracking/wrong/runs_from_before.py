"""Runs of last year, brought in with the times that they had there."""

import mlflow
from _tracking import EXPERIMENT, mark, keep, split, tables, train_data, tree
from sklearn.metrics import f1_score

REFUSED_BY = "three_runs"
AFTER = "start"

LAST_YEAR = 1_735_000_000_000
train, valid = tables()
X, y = split(train)
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment(EXPERIMENT).experiment_id
for depth in (2, 4, 6):
    run_id = client.create_run(experiment, start_time=LAST_YEAR).info.run_id
    with mlflow.start_run(run_id=run_id):
        model = tree(depth).fit(X, y)
        mlflow.log_params({"max_depth": depth})
        mlflow.log_input(train_data(train), context="training")
        mlflow.log_metric("valid_f1", f1_score(valid["is_fraud"], model.predict(split(valid)[0])))
        keep(model, X)
mark(run_id)
