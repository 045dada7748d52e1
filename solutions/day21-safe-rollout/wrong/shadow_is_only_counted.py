"""A shadow goes on to the first step when it has seen enough requests: what it answered is not looked at."""

from _rollout import change, rule, write

REFUSED_BY = "shadow_spares_customers"
AFTER = "start"

write()
rule()
change(
    "rollout.py", ("if found := broken(", "if weight and (found := broken("), ("shadow=not weight):", "shadow=False)):")
)
