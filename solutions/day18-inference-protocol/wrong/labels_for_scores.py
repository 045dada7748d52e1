"""The output has the class, 0 or 1, as MLServer's own runtime for scikit-learn gives it."""

from _server import change, make

REFUSED_BY = "scores_are_the_models"
AFTER = "start"

make()
change(
    "model.py",
    ("self.model.predict_proba, table)", "self.model.predict, table)"),
    ("scores[:, 1])", "scores.astype(float))"),
)
