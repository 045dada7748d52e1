"""The feature leaves July's file out by its name, and the next month gets in."""

from _mend import STORY, change, commit, find, mend, record

REFUSED_BY = "it_stays_reproduced"
AFTER = "start"

assert "future" in STORY.causes
find()
mend(cause for cause in STORY.causes if cause != "future")
change(
    "fraudrun/features.py",
    ('sorted(Path(folder).glob("*.csv"))', '[p for p in sorted(Path(folder).glob("*.csv")) if p.stem != "2025-07"]'),
)
commit()
record()
