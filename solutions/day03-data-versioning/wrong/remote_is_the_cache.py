"""The default remote is DVC's own cache, reached through a link."""

from pathlib import Path

from _steps import commit, run

REFUSED_BY = "remote_is_set"
AFTER = "solution"

Path("storage").symlink_to(".dvc/cache")
run("dvc", "remote", "modify", "storage", "url", "storage")
commit("Another remote", ".dvc/config")
