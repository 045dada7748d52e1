"""`make test` names the test files that were there on the first day; those that come later are never run."""

from _package import commit, replace

REFUSED_BY = "one_command_checks_all"
AFTER = "solution"

replace("Makefile", "pytest -q", "pytest -q tests/test_data.py")
commit()
