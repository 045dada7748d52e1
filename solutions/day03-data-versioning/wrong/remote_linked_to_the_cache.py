"""The remote is a folder of its own, but what lies in it is a link to the cache."""

import shutil
from pathlib import Path

REFUSED_BY = "remote_holds_both_versions"
AFTER = "solution"

shutil.rmtree("dvc-remote/files")
Path("dvc-remote/files").symlink_to("../.dvc/cache/files")
