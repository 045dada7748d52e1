"""The old pointer was brought back and committed, without `dvc checkout`: the workspace has the corrected bytes."""

from _steps import APRIL, CORRECTED, begin, run, share, take_in, track

REFUSED_BY = "april_is_back"
AFTER = "start"

begin()
track()
share()
take_in()
run("git", "revert", "--no-edit", "HEAD")
assert APRIL.read_bytes() == CORRECTED.read_bytes()
