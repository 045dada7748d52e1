"""Only the version at the end was pushed: the corrected April is in the cache alone."""

import shutil

from _steps import run

REFUSED_BY = "remote_holds_both_versions"
AFTER = "solution"

shutil.rmtree("dvc-remote")
run("dvc", "push", "--quiet")
