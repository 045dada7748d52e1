"""The seed is a parameter of `train`, and the forest does not get it: each run makes another model."""

from _pipeline import commit, edit, repro

REFUSED_BY = "runs_give_the_same_again"
AFTER = "solution"

edit("src/train.py", (', random_state=params["seed"]', ""))
repro("train", "evaluate")
commit()
