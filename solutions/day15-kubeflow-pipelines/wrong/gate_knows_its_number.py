"""`min_auc` reaches the gate, which compares with a number of its own."""

from _kfp import build, edit

REFUSED_BY = "gate_decides"
AFTER = "solution"

edit("pipeline.py", ("if auc >= min_auc", "if auc >= 0.8"))
build()
