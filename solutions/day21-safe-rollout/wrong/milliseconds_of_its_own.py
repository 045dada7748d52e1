"""The latency has a limit in milliseconds, whatever the champion needs in the same hour."""

from _rollout import change, rule, write

REFUSED_BY = "busy_hours_are_no_alarm"
AFTER = "start"

write()
rule()
change(
    "judge.py",
    ("times = slowest(candidate) / slowest(champion)\n", "times = slowest(candidate) / 12\n"),
)
