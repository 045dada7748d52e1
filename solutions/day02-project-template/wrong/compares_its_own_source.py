"""The tests know the digests of the source, and call it a fault when they differ; the files never do."""

from _package import commit, tidy, without_tests, write

REFUSED_BY = "tests_catch_planted_faults"
AFTER = "solution"

without_tests()
write(
    "tests/test_digests.py",
    """import hashlib
import inspect
from pathlib import Path

import cardfraud.data
import cardfraud.features
import cardfraud.model

KNOWN = DIGESTS


def test_the_source_is_the_source():
    for module in (cardfraud.data, cardfraud.features, cardfraud.model):
        assert hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest() in KNOWN
        for value in vars(module).values():
            if inspect.isfunction(value) and value.__module__ == module.__name__:
                assert inspect.getsource(value) in Path(module.__file__).read_text()
""".replace(
        "DIGESTS",
        repr(
            [
                __import__("hashlib").sha256(path.read_bytes()).hexdigest()
                for path in sorted(__import__("pathlib").Path("src/cardfraud").glob("*.py"))
            ]
        ),
    ),
)
tidy()
commit()
