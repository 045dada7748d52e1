"""The depth of the trees is a parameter that is declared, and a number in the middle of the script."""

from _pipeline import commit, edit, repro

REFUSED_BY = "changes_rerun_only_what_they_must"
AFTER = "solution"

edit("src/train.py", ('params["max_depth"]', "6"))
repro("train", "evaluate")
commit()
