"""File by file, with autostage, on another branch, with tags, undone by `git revert`; at the end no cache."""

import shutil
import tempfile

from _steps import APRIL, CORRECTED, begin, commit, run

begin(branch="trunk")
run("dvc", "config", "core.autostage", "true")
commit("Stage by itself", ".dvc/config")
run("dvc", "add", "--quiet", "data/raw/2025-03.csv", str(APRIL))
run("git", "commit", "--quiet", "--message", "Track two months")
run("git", "tag", "april-first")
run("dvc", "remote", "add", "--quiet", "--default", "disk", tempfile.mkdtemp(prefix="remote-"))
run("git", "commit", "--quiet", "--all", "--message", "Name a disk")
shutil.copyfile(CORRECTED, APRIL)
run("dvc", "add", "--quiet", str(APRIL))
run("git", "commit", "--quiet", "--message", "April as the payments team corrected it")
run("git", "tag", "--annotate", "--message", "as delivered in May", "april-corrected")
run("dvc", "push", "--quiet")
run("git", "revert", "--no-edit", "HEAD")
run("dvc", "checkout", "--quiet")
run("dvc", "push", "--quiet")
shutil.rmtree(".dvc/cache")
