"""A merge of two versions of the pointer was committed with its conflict marks: nothing can read it."""

from pathlib import Path

from _steps import commit

REFUSED_BY = "months_are_tracked"
AFTER = "solution"

pointer = Path("data/raw.dvc")
text = pointer.read_text()
pointer.write_text(f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> corrected-april\n")
commit("Merge the corrected April", "data/raw.dvc")
