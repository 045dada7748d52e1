"""valid_f1 is measured on the rows that the model learned from."""

from _tracking import mark, split, tables, track, tree
import mlflow
from sklearn.metrics import f1_score

REFUSED_BY = "logged_score_is_real"
AFTER = "start"


def on_training_rows(model):
    X, y = split(tables()[0])
    return f1_score(y, model.predict(X))


mlflow.set_experiment("day08-baseline")
runs = [track(tree(depth), {"max_depth": depth}, score=on_training_rows) for depth in (4, 7, 10)]
mark(max(runs, key=lambda each: each[1])[0])
