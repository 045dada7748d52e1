"""The remote's folder lies in the workspace and was taken along by `git add .`, on a branch that was left behind."""

import shutil

from _steps import commit, run

REFUSED_BY = "nothing_large_in_git"
AFTER = "solution"

shutil.copytree("dvc-remote", "incoming/kept")
run("git", "switch", "--quiet", "--create", "backup")
commit("Back up", "dvc-remote")
run("git", "switch", "--quiet", "-")
shutil.move("incoming/kept", "dvc-remote")
