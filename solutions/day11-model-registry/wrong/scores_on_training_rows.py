"""The record's numbers were measured on the data that each model learned from."""

from _registry import NAME, SPRING, SUMMER, f1, pair, promote

REFUSED_BY = "recorded_scores_are_real"
AFTER = "start"

old, new = pair()
promote(old, new, valid_f1=f1(f"models:/{NAME}/{new}", SUMMER), replaced_f1=f1(f"models:/{NAME}/{old}", SPRING))
