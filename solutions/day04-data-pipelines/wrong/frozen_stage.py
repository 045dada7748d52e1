"""`prepare` is frozen, so that it need not run each time."""

from _pipeline import commit, declare, declared, lock

REFUSED_BY = "changes_rerun_only_what_they_must"
AFTER = "solution"

stages = declared()
stages["prepare"]["frozen"] = True
declare(stages)
lock()
commit()
