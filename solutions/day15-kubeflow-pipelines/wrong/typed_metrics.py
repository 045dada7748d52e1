"""The AUC is a number that somebody typed: the step echoes it."""

from _kfp import build, edit

REFUSED_BY = "scores_are_computed"
AFTER = "solution"

edit("pipeline.py", ('auc = float(roc_auc_score(rows["is_fraud"], rows["score"]))', "auc = 0.9712"))
build()
