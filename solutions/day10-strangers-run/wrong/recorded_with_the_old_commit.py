"""The reproduction is recorded with the commit of the colleague's run."""

from _mend import colleagues_run, commit, find, mend, record

REFUSED_BY = "reproduction_is_recorded"
AFTER = "start"

find()
mend()
commit()
record(git_commit=colleagues_run().data.tags["mlflow.source.git.commit"])
