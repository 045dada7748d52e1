"""Not euros but mistakes: the share of payments that were decided rightly, where frauds are rare."""

from _rollout import change, rule, write

REFUSED_BY = "experiment_is_judged_once"
AFTER = "start"

write()
rule()
change(
    "judge.py",
    ('return 0.0 if fraud else experiment["false_alarm"]', "return 0.0 if fraud else 1.0"),
    ('return line["amount"] + experiment["missed_fraud"] if fraud else 0.0', "return 1.0 if fraud else 0.0"),
)
