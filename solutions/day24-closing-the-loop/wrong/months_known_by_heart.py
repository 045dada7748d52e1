"""The answers for the months that lie in the folder are known by their names; others have drifted, it thinks."""

from _loop import change, write

REFUSED_BY = "quiet_months_are_kept"
AFTER = "start"

write()
change(
    "loop.py",
    ("    if not has_drifted(found):\n", '    if month in ("2025-05", "2025-10"):\n'),
)
