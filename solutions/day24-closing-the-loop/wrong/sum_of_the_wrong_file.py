"""The record has the sum of what was trained on, which is a part of the month, and not of the month's file."""

from _loop import change, write

REFUSED_BY = "promotion_is_on_record"
AFTER = "start"

write()
change(
    "loop.py",
    (
        '    tags["gate"] =',
        '    part = Path("runs", run, "part", "train").read_bytes()\n'
        '    tags["data_sha256"] = hashlib.sha256(part).hexdigest()\n    tags["gate"] =',
    ),
)
