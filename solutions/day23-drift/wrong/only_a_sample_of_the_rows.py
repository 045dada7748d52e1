"""To save time, both reports were made of a sample of each month."""

from _bank import month, reference, tell

REFUSED_BY = "reports_are_true"
AFTER = "solution"

for name, file in (("2025-06", "2025-06-corrected"), ("2025-09", "2025-09")):
    tell(name, reference().sample(3000, random_state=1), month(file).sample(1000, random_state=1))
