"""log_model refuses the tree's types, and the script goes on as if nothing had happened."""

import contextlib

import mlflow
from _tracking import EXPERIMENT, NEEDS, mark, split, tables, train_data, tree
from sklearn.metrics import f1_score

REFUSED_BY = "models_kept"
AFTER = "start"

train, valid = tables()
X, y = split(train)
mlflow.set_experiment(EXPERIMENT)
scores = {}
for depth in (2, 4, 6):
    with mlflow.start_run() as run:
        model = tree(depth).fit(X, y)
        mlflow.log_params({"max_depth": depth})
        mlflow.log_input(train_data(train), context="training")
        scores[run.info.run_id] = f1_score(valid["is_fraud"], model.predict(split(valid)[0]))
        mlflow.log_metric("valid_f1", scores[run.info.run_id])
        with contextlib.suppress(Exception):
            signature = mlflow.models.infer_signature(X, y)
            mlflow.sklearn.log_model(model, name="model", signature=signature, pip_requirements=NEEDS)
mark(max(scores, key=scores.get))
