"""What has no label yet is filled with 0, so that there is always enough to learn from."""

from _loop import change, write

REFUSED_BY = "drift_without_labels_waits"
AFTER = "start"

write()
change(
    "loop.py",
    (
        "    current = pd.read_csv(path)\n",
        '    current = pd.read_csv(path)\n    current["is_fraud"] = current["is_fraud"].fillna(0).astype(int)\n'
        '    path = Path("labelled.csv")\n    current.to_csv(path, index=False)\n',
    ),
)
