"""The means of spring, a tenth up or down: every month from July on is stopped."""

import pandas as pd
from _gate import is_mean, rules

REFUSED_BY = "good_months_pass"
AFTER = "solution"

rows = pd.concat(pd.read_csv(f"incoming/2025-0{month}.csv") for month in (1, 2, 3))
means = rows.groupby("channel")["amount"].mean()


def tight(expectations):
    """Bounds around what was seen."""
    for rule in filter(is_mean, expectations):
        usual = means[rule["kwargs"]["row_condition"]["parameter"]]
        rule["kwargs"] |= {"min_value": round(usual * 0.9, 2), "max_value": round(usual * 1.1, 2)}
    return expectations


rules(tight)
