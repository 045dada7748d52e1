"""The remote stands in `.dvc/config.local` only, so no clone knows it."""

from _steps import begin, bring_back, run, take_in, track

REFUSED_BY = "remote_is_set"
AFTER = "start"

begin()
track()
run("dvc", "remote", "add", "--quiet", "--local", "--default", "storage", "dvc-remote")
run("dvc", "push", "--quiet")
take_in()
bring_back()
