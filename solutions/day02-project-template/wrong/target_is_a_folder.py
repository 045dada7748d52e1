"""`test` depends on `tests`, which is a folder and not `.PHONY`: make finds it there, and has nothing to do."""

from _package import commit, write

REFUSED_BY = "one_command_checks_all"
AFTER = "solution"

write("Makefile", "tests:\n\truff check src tests\n\tpython -m pytest -q\n\ntest: tests\n")
commit()
