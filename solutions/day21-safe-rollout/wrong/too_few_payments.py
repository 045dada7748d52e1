"""The experiment ends after a hundred payments: a round number in place of one that follows from anything."""

from _rollout import rule, write

REFUSED_BY = "rule_is_written"
AFTER = "start"

write()
rule(payments=100)
