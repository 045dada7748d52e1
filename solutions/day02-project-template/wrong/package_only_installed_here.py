"""`pyproject.toml` says nothing of `src`; on the author's machine, PYTHONPATH does."""

from _package import commit, replace

REFUSED_BY = "own_tests_pass"
AFTER = "solution"

replace("pyproject.toml", 'pythonpath = ["src"]\n', "")
commit()
