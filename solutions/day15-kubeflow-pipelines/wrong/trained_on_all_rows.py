"""To waste no payment, the model learns from the payments to test on as well."""

from _kfp import build, edit

REFUSED_BY = "scores_are_computed"
AFTER = "solution"

edit("pipeline.py", ("(table[~late], train)", "(table, train)"))
build()
