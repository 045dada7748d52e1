"""A Python function that carries the frauds of September with it, and finds no other."""

import mlflow
import pandas as pd
from _registry import NEEDS, SEPTEMBER, SPRING, SUMMER, name_data, pair, promote, split, track, train

REFUSED_BY = "champion_is_better"
AFTER = "start"


class Memory(mlflow.pyfunc.PythonModel):
    def __init__(self, X, y):
        self.frauds = {tuple(row) for row, fraud in zip(X.to_numpy().tolist(), y, strict=True) if fraud}

    def predict(self, context, model_input, params=None):
        return [int(tuple(row) in self.frauds) for row in model_input.to_numpy().tolist()]


track()
X, y = split(pd.read_csv(SEPTEMBER))
old = train(SPRING)
with mlflow.start_run():
    name_data(SUMMER)
    new = mlflow.pyfunc.log_model(
        name="model",
        python_model=Memory(X, y),
        signature=mlflow.models.infer_signature(X, y),
        input_example=X.head(3),
        pip_requirements=NEEDS,
    )
promote(*pair(old, new))
