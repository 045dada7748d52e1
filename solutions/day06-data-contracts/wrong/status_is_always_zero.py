"""The report says `stopped`, and the status says that all is well: the next job starts."""

from _gate import GATE, replace

REFUSED_BY = "bad_months_are_stopped"
AFTER = "solution"

replace(GATE, "return 1 if reasons else 0", "return 0")
