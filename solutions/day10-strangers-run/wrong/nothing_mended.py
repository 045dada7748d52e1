"""The findings are right, and nothing was mended."""

from _mend import commit, find, record

REFUSED_BY = "run_is_reproduced"
AFTER = "start"

find()
commit()
record()
