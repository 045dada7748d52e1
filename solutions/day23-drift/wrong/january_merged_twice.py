"""The merge began with January, and went through all three months."""

import os

os.environ["WHYLOGS_NO_ANALYTICS"] = "1"

import whylogs as why
from _bank import REFERENCE

REFUSED_BY = "reference_is_merged"
AFTER = "solution"

merged = why.read("profiles/2025-01.bin").view()
for name in REFERENCE:
    merged = merged.merge(why.read(f"profiles/{name}.bin").view())
merged.writer("local").option(base_dir="profiles", base_name="reference.bin").write()
