"""Only months and labels are tested; features, model and evaluation were left for later."""

from pathlib import Path

from _package import commit

REFUSED_BY = "tests_catch_planted_faults"
AFTER = "solution"

Path("tests/test_features.py").unlink()
Path("tests/test_model.py").unlink()
commit()
