"""What the middleware refuses is missing in the metrics."""

from _service import change, make

REFUSED_BY = "metrics_count"
AFTER = "start"

make()
change("limits.py", ('            refused(scope["path"])\n', ""))
