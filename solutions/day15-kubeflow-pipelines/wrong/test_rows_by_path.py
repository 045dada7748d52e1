"""The evaluation reads the payments from the disk, where they lie in the local runner's run."""

from _kfp import build, edit

REFUSED_BY = "steps_run_alone"
AFTER = "solution"

edit(
    "pipeline.py",
    (
        "    auc = float(roc",
        '    labels = pd.read_csv("data/payments.csv").set_index("transaction_id")\n'
        '    truth = labels["is_fraud"]\n    auc = float(roc',
    ),
    ('roc_auc_score(rows["is_fraud"], rows["score"])', 'roc_auc_score(truth[rows["transaction_id"]], rows["score"])'),
)
build()
