"""A look at the channels before anything is checked: without that column, the gate ends with a traceback."""

from _gate import GATE, replace

REFUSED_BY = "bad_months_are_stopped"
AFTER = "solution"

replace(
    GATE,
    "    faults, whole = find_faults(rows, month)\n",
    '    print(rows["channel"].value_counts())\n    faults, whole = find_faults(rows, month)\n',
)
