"""The findings say what the project has now, and not what the run had."""

from _mend import STORY, commit, find, mend, record

REFUSED_BY = "causes_are_shown"
AFTER = "start"

assert "library" in STORY.causes
find(library="1.5.0")
mend()
commit()
record()
