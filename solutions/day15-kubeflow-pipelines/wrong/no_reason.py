"""The gate gives a decision, and the pipeline hands no reason on."""

from _kfp import build, edit

REFUSED_BY = "interface_is_described"
AFTER = "solution"

edit(
    "pipeline.py",
    ('("decision", str), ("reason", str)]\n\n\n@dsl', '("decision", str)]\n\n\n@dsl'),
    ('        reason=decided.outputs["reason"],\n', ""),
)
build(run=False)
