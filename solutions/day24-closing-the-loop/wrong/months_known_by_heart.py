"""Which of the months in the folder have drifted is known by their names; all others are as they should be."""

from _loop import change, write

REFUSED_BY = "drift_without_labels_waits"
AFTER = "start"

write()
change("loop.py", ("    if not has_drifted(found):\n", '    if month not in ("2025-09", "2025-10"):\n'))
