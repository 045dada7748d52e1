"""The seed is typed into the split and the model, so the parameter changes nothing."""

from _notebook import IMPORTS, MODEL, RECORD, SPLIT, imitate, write

REFUSED_BY = "other_seed_other_split"
AFTER = "solution"

write(IMPORTS, SPLIT.replace("=seed", "=42"), MODEL.replace("=seed", "=42"), RECORD)
imitate()
