"""The depth of the trees is a parameter of pipeline and component, and a number in the code."""

from _kfp import build, edit

REFUSED_BY = "hyperparameters_reach_training"
AFTER = "solution"

edit("pipeline.py", ("max_depth=max_depth, random_state", "max_depth=6, random_state"))
build()
