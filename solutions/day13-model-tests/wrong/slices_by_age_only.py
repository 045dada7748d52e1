"""Only the protected attribute is sliced; channels and categories seem to be no groups."""

from pathlib import Path

REFUSED_BY = "slices_are_tested"
AFTER = "solution"

test = Path("gate/test_slices.py")
test.write_text(test.read_text().replace('["age_band", "channel", "category_code"]', '["age_band"]'))
