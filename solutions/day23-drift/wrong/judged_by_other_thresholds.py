"""`thresholds.yaml` is fine, and September's report was judged by thresholds that keep it quiet."""

from _bank import change_report

REFUSED_BY = "september_alarms_and_june_does_not"
AFTER = "solution"

change_report("2025-09", lambda column, metric: metric["config"].update(threshold=0.9))
