"""`make` is told to go on when the linter finds something: the dash before the command."""

from _package import commit, replace

REFUSED_BY = "one_command_checks_all"
AFTER = "solution"

replace("Makefile", "\truff ", "\t-ruff ")
commit()
