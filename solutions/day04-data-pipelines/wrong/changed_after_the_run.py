"""The script of `features` was mended and committed, and the pipeline was not run again."""

from _pipeline import commit, edit

REFUSED_BY = "lock_is_current"
AFTER = "solution"

edit("src/features.py", (".round(4)", ".round(3)"))
commit("Fewer digits will do")
