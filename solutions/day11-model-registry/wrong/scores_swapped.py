"""The two numbers were taken down after the swap, under the wrong names."""

from _registry import NAME, f1, pair, promote

REFUSED_BY = "recorded_scores_are_real"
AFTER = "start"

old, new = pair()
promote(old, new, valid_f1=f1(f"models:/{NAME}/{old}"), replaced_f1=f1(f"models:/{NAME}/{new}"))
