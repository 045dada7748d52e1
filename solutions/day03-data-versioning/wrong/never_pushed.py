"""A remote is named, and nothing was ever pushed to it."""

from _steps import begin, bring_back, commit, run, track
from _steps import APRIL, CORRECTED

REFUSED_BY = "remote_holds_both_versions"
AFTER = "start"

begin()
track()
run("dvc", "remote", "add", "--quiet", "--default", "storage", "dvc-remote")
commit("Name the remote", ".dvc/config")
APRIL.write_bytes(CORRECTED.read_bytes())
run("dvc", "add", "--quiet", "data/raw")
commit("Take in the corrected April", "data/raw.dvc")
bring_back()
