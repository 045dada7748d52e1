"""A suite that always fails would notice every fault."""

from _package import commit, write

REFUSED_BY = "own_tests_pass"
AFTER = "solution"

write("tests/test_strict.py", "def test_nothing_is_ever_good_enough():\n    raise AssertionError\n")
commit()
