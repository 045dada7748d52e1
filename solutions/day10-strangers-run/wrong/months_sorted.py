"""The order of the months is fixed, and not as the run had it."""

from _mend import STORY, commit, find, mend, mend_order, record

REFUSED_BY = "run_is_reproduced"
AFTER = "start"

assert "order" in STORY.causes
find()
mend(cause for cause in STORY.causes if cause != "order")
mend_order(sorted(STORY.order))
commit()
record()
