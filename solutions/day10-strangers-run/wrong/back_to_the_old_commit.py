"""The branch was moved back to the commit of the run, and what came since is gone."""

from _mend import STORY, colleagues_run, commit, find, mend, record, sh

REFUSED_BY = "work_is_committed"
AFTER = "start"

sh("git", "reset", "--hard", "--quiet", colleagues_run().data.tags["mlflow.source.git.commit"])
find()
mend(cause for cause in STORY.causes if cause != "data")
commit()
record()
