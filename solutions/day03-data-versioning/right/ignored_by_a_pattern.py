"""File by file, and one pattern at the top leaves the months out, so that DVC wrote no `.gitignore` beside them."""

import shutil
from pathlib import Path

from _steps import APRIL, CORRECTED, begin, commit, run, share

MARCH = "data/raw/2025-03.csv"
POINTERS = [f"{MARCH}.dvc", f"{APRIL}.dvc"]

begin()
Path(".gitignore").write_text("# nothing large\n/incoming/\n/dvc-remote/\n**/raw/*.csv\n")
commit("Leave the months out", ".gitignore")
run("dvc", "add", "--quiet", MARCH, str(APRIL))
commit("Track the months", *POINTERS)
assert not list(Path("data").rglob(".gitignore"))
share()
shutil.copyfile(CORRECTED, APRIL)
run("dvc", "add", "--quiet", str(APRIL))
commit("Take in the corrected April", POINTERS[1])
run("dvc", "push", "--quiet")
run("git", "revert", "--no-edit", "HEAD")
run("dvc", "checkout", "--quiet")
