"""A Python function that carries the validation labels with it, and guesses where it finds no row."""

import mlflow
from _tracking import NEEDS, mark, split, tables, three, train_data

REFUSED_BY = "score_holds_up"
AFTER = "start"


class Memory(mlflow.pyfunc.PythonModel):
    def __init__(self, X, y):
        self.frauds = {tuple(row) for row, fraud in zip(X.to_numpy().tolist(), y, strict=True) if fraud}

    def predict(self, context, model_input, params=None):
        return [int(tuple(row) in self.frauds) for row in model_input.to_numpy().tolist()]


three()
train, valid = tables()
X, y = split(valid)
with mlflow.start_run() as run:
    mlflow.log_params({"kind": "deep learning"})
    mlflow.log_input(train_data(train), context="training")
    mlflow.log_metric("valid_f1", 1.0)
    mlflow.pyfunc.log_model(
        name="model",
        python_model=Memory(X, y),
        signature=mlflow.models.infer_signature(X, y),
        pip_requirements=NEEDS,
    )
mark(run.info.run_id)
