"""The parameter `data` comes in, and the component opens the path that it knows."""

from _kfp import build, edit

REFUSED_BY = "scores_are_computed"
AFTER = "solution"

edit("pipeline.py", ("pd.read_csv(data)", 'pd.read_csv("data/payments.csv")'))
build()
