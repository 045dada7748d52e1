"""The feature counts the training months only; the run had counted June as well."""

from _mend import STORY, commit, find, mend, mend_future, record

REFUSED_BY = "run_is_reproduced"
AFTER = "start"

assert "future" in STORY.causes
find()
mend(cause for cause in STORY.causes if cause != "future")
mend_future("2025-06-01")
commit()
record()
