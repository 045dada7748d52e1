"""valid_f1 is the average of both classes, weighted by how frequent they are."""

from _tracking import mark, split, tables, track, tree
import mlflow
from sklearn.metrics import f1_score

REFUSED_BY = "logged_score_is_real"
AFTER = "start"


def weighted(model):
    X, y = split(tables()[1])
    return f1_score(y, model.predict(X), average="weighted")


mlflow.set_experiment("day08-baseline")
runs = [track(tree(depth), {"max_depth": depth}, score=weighted) for depth in (2, 4, 6)]
mark(max(runs, key=lambda each: each[1])[0])
