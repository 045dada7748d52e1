"""The steps of our own rollout stand in the code, and `rollout.yaml` is only for people to read."""

from _rollout import change, rule, write

REFUSED_BY = "good_release_goes_through"
AFTER = "start"

write()
rule()
change("rollout.py", ('    steps = plan["steps"]\n', "    steps = [10, 50]\n"))
