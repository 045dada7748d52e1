"""The whole of `data` tracked, the correction tried on a branch and merged; the cache elsewhere; git packed."""

import shutil
import tempfile
from pathlib import Path

from _steps import APRIL, CORRECTED, begin, commit, run

begin()
run("dvc", "cache", "dir", tempfile.mkdtemp(prefix="cache-"))
run("dvc", "remote", "add", "--quiet", "--default", "my storage", "./backup of the months")
Path(".gitignore").write_text("# nothing large\n/incoming\n/backup*/\n*.ipynb\n")
commit("Settings", ".dvc/config", ".gitignore")
run("dvc", "add", "--quiet", "data")
commit("Track all data", "data.dvc", ".gitignore")
run("git", "switch", "--quiet", "--create", "corrected-april")
shutil.move(CORRECTED, APRIL)
run("dvc", "commit", "--quiet", "--force")
commit("Corrected April", "data.dvc")
run("git", "switch", "--quiet", "main")
Path("notes.md").write_text("April was delivered twice.\n")
commit("Notes", "notes.md")
run("git", "merge", "--quiet", "--no-ff", "--no-edit", "corrected-april")
run("dvc", "checkout", "--quiet")
run("dvc", "push", "--quiet")
run("git", "checkout", "HEAD~2", "--", "data.dvc")
run("dvc", "checkout", "--quiet", "--force")
run("git", "commit", "--quiet", "--message", "The first April again")
run("dvc", "push", "--quiet")
run("git", "gc", "--quiet", "--prune=now")
