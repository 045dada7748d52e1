"""The corrected March is taken back, since corrections are suspicious; the run had read the corrected one."""

from _mend import STORY, commit, find, mend, record, sh

REFUSED_BY = "data_are_those_of_the_run"
AFTER = "start"

assert "data" not in STORY.causes
find()
mend()
pointer = "data/2025-03.csv.dvc"
sh("git", "checkout", sh("git", "log", "--format=%h", "--", pointer).split()[-1], "--", pointer)
commit()
record()
