"""An upper limit for each amount: the dear ones among the cents go to quarantine, the rest is accepted."""

from _gate import SCHEMA, is_mean, replace, rules

REFUSED_BY = "bad_months_are_stopped"
AFTER = "solution"

replace(SCHEMA, "    greater_than: 0\n", "    greater_than: 0\n    less_than_or_equal_to: 5000\n")


def lenient(expectations):
    """No means, and half of the rows may be bad."""
    for rule in expectations:
        if rule["kwargs"].get("column") == "reason":
            rule["kwargs"]["max_value"] = 0.5
    return [rule for rule in expectations if not is_mean(rule)]


rules(lenient)
