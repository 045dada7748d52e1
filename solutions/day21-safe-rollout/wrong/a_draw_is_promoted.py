"""The candidate is promoted when it is cheaper by any sum, however wide the interval is."""

from _rollout import change, rule, write

REFUSED_BY = "experiment_is_judged_once"
AFTER = "start"

write()
rule()
change("rollout.py", ('("promote", told, 100) if high < 0', '("promote", told, 100) if low + high < 0'))
