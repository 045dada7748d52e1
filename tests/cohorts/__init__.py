"""Synthetic cohorts: a folder of submissions as an instructor has it, and what each row of them must become.

    expected = make_cohort(folder, learners=200)
    # ... grade it ...
    assert expected.differences(rows) == []

Honest archives are frozen by `checker.submission` from real workspaces, each in its learner's own world; the others
are such archives, changed byte by byte.
"""

from tests.cohorts.expected import Expectations, Expected
from tests.cohorts.make import MIX, kinds, make_cohort
from tests.cohorts.small import small_course

__all__ = ["MIX", "Expectations", "Expected", "kinds", "make_cohort", "small_course"]
