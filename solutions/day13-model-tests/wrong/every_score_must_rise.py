"""The demand is sharper than the contract: the score of every row must rise with the amount."""

from pathlib import Path

REFUSED_BY = "sound_models_pass"
AFTER = "solution"

test = Path("gate/test_direction.py")
test.write_text(test.read_text().replace(">= 1 / 3", ">= 0.98"))
