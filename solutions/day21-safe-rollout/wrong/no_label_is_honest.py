"""A payment without a label counts as honest, so there are always enough labels to judge by."""

from _rollout import change, rule, write

REFUSED_BY = "busy_hours_are_no_alarm"
AFTER = "start"

write()
rule()
change(
    "judge.py",
    ('labels[line["transaction_id"]]', 'labels.get(line["transaction_id"], 0)'),
    ('if line["status"] == 200 and line["transaction_id"] in labels', 'if line["status"] == 200'),
)
