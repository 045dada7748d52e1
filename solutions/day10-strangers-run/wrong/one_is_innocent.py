"""One of the three that were accused is innocent, and a true cause is not named."""

from _mend import STORY, commit, find, mend, record

REFUSED_BY = "causes_are_found"
AFTER = "start"

innocent = next(each for each in ("data", "parameter", "seed") if each not in STORY.causes)
find((*STORY.causes[:2], innocent))
mend()
commit()
record()
