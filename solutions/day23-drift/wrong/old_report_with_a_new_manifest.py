"""After the second delivery only the manifest was renewed: the report still has the values of the first."""

from _bank import month, reference, tell

REFUSED_BY = "reports_are_true"
AFTER = "solution"

tell("2025-06", reference(), month("2025-06"))
