"""`train` imports `src/common.py` and does not name it among its dependencies."""

from _pipeline import commit, declare, declared, lock

REFUSED_BY = "stages_need_only_what_they_declare"
AFTER = "solution"

stages = declared()
stages["train"]["deps"].remove("src/common.py")
declare(stages)
lock()
commit()
