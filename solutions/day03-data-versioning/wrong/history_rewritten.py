"""The corrected April was removed from the history with `git reset --hard`, as if it had never been there."""

from _steps import begin, run, share, take_in, track

REFUSED_BY = "correction_is_in_history"
AFTER = "start"

begin()
track()
share()
take_in()
run("git", "reset", "--quiet", "--hard", "HEAD~1")
run("dvc", "checkout", "--quiet")
