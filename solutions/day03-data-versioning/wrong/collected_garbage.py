"""`dvc gc` cleaned up everything that the workspace does not use now, in the remote too."""

from _steps import run

REFUSED_BY = "correction_is_in_history"
AFTER = "solution"

run("dvc", "gc", "--workspace", "--cloud", "--force", "--quiet")
