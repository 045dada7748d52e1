"""The reason is `better`. Better than what, where, by how much?"""

from _registry import pair, promote

REFUSED_BY = "approval_recorded"
AFTER = "start"

promote(*pair(), reason="better")
