"""Every run is cut off by an error in its last line, and stays FAILED."""

import contextlib

import mlflow
from _tracking import EXPERIMENT, mark, split, tables, train_data, tree, keep
from sklearn.metrics import f1_score

REFUSED_BY = "three_runs"
AFTER = "start"

train, valid = tables()
X, y = split(train)
mlflow.set_experiment(EXPERIMENT)
for depth in (2, 4, 6):
    with contextlib.suppress(KeyError), mlflow.start_run() as run:
        model = tree(depth).fit(X, y)
        mlflow.log_params({"max_depth": depth})
        mlflow.log_input(train_data(train), context="training")
        mlflow.log_metric("valid_f1", f1_score(valid["is_fraud"], model.predict(split(valid)[0])))
        keep(model, X)
        print({}["scores"])
mark(run.info.run_id)
