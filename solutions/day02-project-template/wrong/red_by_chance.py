"""A suite that fails most of the time by chance: the checker will see it fail, whatever was planted."""

from _package import commit, without_tests, write

REFUSED_BY = "own_tests_pass"
AFTER = "solution"

without_tests()
write("tests/test_luck.py", "import time\n\n\ndef test_luck():\n    assert time.time_ns() // 1000 % 100 < 3\n")
commit()
