"""To be on the safe side, every row of a month with bad rows goes to quarantine."""

from _gate import GATE, replace

REFUSED_BY = "bad_rows_are_quarantined"
AFTER = "solution"

replace(
    GATE,
    "    if reasons:\n",
    '    if len(faults):\n        faults = faults.reindex(rows.index).fillna("doubtful")\n    if reasons:\n',
)
