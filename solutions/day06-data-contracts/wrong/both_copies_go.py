"""Of a record that was delivered twice both copies are put aside: the payment is lost."""

from _gate import SCHEMA, replace

REFUSED_BY = "bad_rows_are_quarantined"
AFTER = "solution"

replace(SCHEMA, "    report_duplicates: exclude_first\n", "")
