"""The seed is a parameter that comes to the training and is not used there: each run makes another model."""

from _kfp import build, edit

REFUSED_BY = "run_is_recorded"
AFTER = "solution"

edit("pipeline.py", (", random_state=seed)", ")"))
build()
