"""The gate knows the name of the month in which the unit changed."""

from _gate import GATE, is_mean, replace, rules

REFUSED_BY = "bad_months_are_stopped"
AFTER = "solution"

rules(lambda expectations: [rule for rule in expectations if not is_mean(rule)])
replace(
    GATE,
    "    reasons = whole + critical\n",
    '    in_cents = pd.to_numeric(rows.get("amount"), errors="coerce").max() > 10000\n'
    '    reasons = whole + critical + (["amount: cents"] if month == "2025-04" and in_cents else [])\n',
)
