"""The corrected April never went through DVC: a pointer with its right sum was typed and committed, then undone."""

from pathlib import Path

from _steps import CORRECTED, begin, commit, md5, run, share

REFUSED_BY = "correction_is_in_history"
AFTER = "start"

begin()
run("dvc", "add", "--quiet", "data/raw/2025-03.csv", "data/raw/2025-04.csv")
commit("Track", "data/raw/2025-03.csv.dvc", "data/raw/2025-04.csv.dvc", "data/raw/.gitignore")
share()
pointer = Path("data/raw/2025-04.csv.dvc")
content = CORRECTED.read_bytes()
pointer.write_text(f"outs:\n- md5: {md5(content)}\n  size: {len(content)}\n  hash: md5\n  path: 2025-04.csv\n")
commit("Take in the corrected April", str(pointer))
run("git", "revert", "--no-edit", "HEAD")
