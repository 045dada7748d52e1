"""The columns stand in a constant of the module, which does not come along into the IR."""

from _kfp import build, edit

REFUSED_BY = "steps_run_alone"
AFTER = "solution"

edit(
    "pipeline.py",
    ("@component\ndef train(", 'NOT_USED = ["transaction_id", "is_fraud"]\n\n\n@component\ndef train('),
    ('columns=["transaction_id", "is_fraud"]', "columns=NOT_USED"),
)
build(run=False)
