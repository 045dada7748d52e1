"""`run(reference, current)`: nothing complains, and distances are measured in September's spread."""

from _bank import month, reference, tell

REFUSED_BY = "reports_are_true"
AFTER = "solution"

tell("2025-09", month("2025-09"), reference())
