"""Two eyes: the same person asks and approves, once with a capital letter."""

from _registry import pair, promote

REFUSED_BY = "approval_recorded"
AFTER = "start"

promote(*pair(), requested_by="data science", approved_by=" Data  Science")
