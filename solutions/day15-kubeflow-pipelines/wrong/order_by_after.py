"""The gate waits for the evaluation, gets nothing of it, and promotes."""

from _kfp import build, edit

REFUSED_BY = "steps_are_wired"
AFTER = "solution"

edit(
    "pipeline.py",
    ("def gate(auc: float, min_auc", "def gate(min_auc"),
    ('"promote" if auc >= min_auc else "reject"', '"promote"'),
    ("is {auc:.4f}, and", "is fine, and"),
    ('gate(auc=judged.outputs["Output"], min_auc=min_auc)', "gate(min_auc=min_auc).after(judged)"),
)
build()
