"""The wire of the evaluation begins at the wrong output: the model is tested on what it learned from."""

from _kfp import build, edit

REFUSED_BY = "scores_are_computed"
AFTER = "solution"

edit("pipeline.py", ('test=parts.outputs["test"]', 'test=parts.outputs["train"]'))
build()
