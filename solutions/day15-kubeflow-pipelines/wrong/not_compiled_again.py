"""`pipeline.py` was changed and run, and not compiled: the cluster would get the pipeline of before."""

from _kfp import build, edit

REFUSED_BY = "run_is_recorded"
AFTER = "solution"

edit("pipeline.py", ('            "amount": rows["amount"],\n', '            "amount": rows["amount"].round(),\n'))
build(compiled=False)
