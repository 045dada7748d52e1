"""All was mended, and the last file was never committed."""

from _mend import STORY, commit, find, mend, record

REFUSED_BY = "work_is_committed"
AFTER = "start"

find()
mend(STORY.causes[:-1])
commit()
mend(STORY.causes[-1:])
record()
