"""September's profile was made of the first 2000 rows only."""

import os

os.environ["WHYLOGS_NO_ANALYTICS"] = "1"

import whylogs as why
from _bank import month

REFUSED_BY = "months_are_profiled"
AFTER = "solution"

results = why.log(month("2025-09").head(2000))
results.writer("local").option(base_dir="profiles", base_name="2025-09.bin").write()
