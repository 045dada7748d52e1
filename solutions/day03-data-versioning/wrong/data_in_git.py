"""The months were committed to git as well, one commit before DVC took over; later commits no longer hold them."""

from _steps import begin, bring_back, commit, run, share, take_in, track

REFUSED_BY = "nothing_large_in_git"
AFTER = "start"

begin()
commit("All data", "data/raw/2025-03.csv", "data/raw/2025-04.csv")
run("git", "rm", "--quiet", "--cached", "-r", "data/raw")
run("git", "commit", "--quiet", "--message", "No data after all")
track()
share()
take_in()
bring_back()
