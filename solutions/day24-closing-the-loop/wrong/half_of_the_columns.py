"""The alarm of a preset: a month has drifted when half of its columns have. It never comes to that."""

from _loop import change, write

REFUSED_BY = "drift_without_labels_waits"
AFTER = "start"

write()
change(
    "watch.py",
    (
        "return max(found.values()) >= DRIFTED",
        "return sum(each >= DRIFTED for each in found.values()) >= len(found) / 2",
    ),
)
