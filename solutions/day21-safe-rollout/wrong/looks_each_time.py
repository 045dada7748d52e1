"""The experiment ends as soon as the interval has no zero in it: whoever looks often enough sees that once."""

from _rollout import change, rule, write

REFUSED_BY = "experiment_is_judged_once"
AFTER = "start"

write()
rule()
change(
    "rollout.py",
    (
        '    if min(map(len, costs)) < experiment["payments"]:\n',
        "    seen = min(map(len, costs))\n"
        '    clear = seen > 50 and difference(*costs, experiment["confidence"])[1] < 0\n'
        '    if seen < experiment["payments"] and not clear:\n',
    ),
)
