"""The split has the seed, the forest has none."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "same_seed_same_score"
AFTER = "solution"

write(IMPORTS, SPLIT, MODEL.replace(", random_state=seed", ""), RECORD)
imitate()
