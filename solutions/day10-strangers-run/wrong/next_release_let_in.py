"""The release is bounded from above, and a patch release of the same series gets in."""

from _mend import STORY, commit, find, mend, mend_library, record

REFUSED_BY = "it_stays_reproduced"
AFTER = "start"

assert "library" in STORY.causes
find()
mend()
mend_library("riskkit~=1.4.0")
commit()
record()
