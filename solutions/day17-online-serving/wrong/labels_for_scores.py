"""The service answers with the class, 0 or 1."""

from _service import change, make

REFUSED_BY = "scores_are_the_models"
AFTER = "start"

make()
change("service.py", ('served["model"].predict_proba(table)[:, 1]]', 'served["model"].predict(table)]'))
