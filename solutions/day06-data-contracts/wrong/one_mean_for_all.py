"""One rule for the mean of all amounts: April is stopped, and a small channel in cents passes."""

from _gate import is_mean, rules

REFUSED_BY = "bad_months_are_stopped"
AFTER = "solution"


def all_together(expectations):
    """The first of the four, without its condition."""
    first = next(filter(is_mean, expectations))
    del first["kwargs"]["row_condition"]
    return [rule for rule in expectations if rule is first or not is_mean(rule)]


rules(all_together)
