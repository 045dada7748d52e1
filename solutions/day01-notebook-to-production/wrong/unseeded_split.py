"""The model has the seed, the split has none."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "same_seed_same_score"
AFTER = "solution"

write(IMPORTS, SPLIT.replace("random_state=seed, ", ""), MODEL, RECORD)
imitate()
