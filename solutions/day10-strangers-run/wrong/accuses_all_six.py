"""All six suspects are accused, to be on the safe side."""

from _mend import commit, find, mend, record

REFUSED_BY = "causes_are_found"
AFTER = "start"

find(("data", "parameter", "library", "seed", "order", "future"))
mend()
commit()
record()
