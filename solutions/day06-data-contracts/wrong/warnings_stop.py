"""Whatever fails stops the month; the severity that stands in the suite is not looked at."""

from _gate import GATE, replace, rules

REFUSED_BY = "contract_decides"
AFTER = "solution"

rules(lambda expectations: [rule for rule in expectations if rule["severity"] == "critical"])
replace(GATE, "failed[rule.severity.value]", 'failed["critical"]')
