"""`train` declares the depth of the trees, and reads their number and the seed as well."""

from _pipeline import commit, declare, declared, lock

REFUSED_BY = "stages_need_only_what_they_declare"
AFTER = "solution"

stages = declared()
stages["train"]["params"] = ["train.max_depth"]
declare(stages)
lock()
commit()
