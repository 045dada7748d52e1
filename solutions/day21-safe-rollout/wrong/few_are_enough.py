"""The first requests at a step decide, however few they are."""

from _rollout import change, rule, write

REFUSED_BY = "few_requests_decide_nothing"
AFTER = "start"

write()
rule()
change("rollout.py", ("if min(len(ours), len(theirs)) < needed:", "if min(len(ours), len(theirs)) < min(needed, 20):"))
