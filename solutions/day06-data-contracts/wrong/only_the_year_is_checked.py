"""The timestamp must lie in the year of the month, which finds all that the past months had."""

from _gate import GATE, replace

REFUSED_BY = "bad_rows_are_quarantined"
AFTER = "solution"

replace(GATE, 'str_startswith(f"{month}-"', 'str_startswith(f"{month[:4]}-"')
