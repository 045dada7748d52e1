"""The limit believes the header Content-Length, which a request in chunks does not have."""

from _service import change, make

REFUSED_BY = "bad_requests_are_refused"
AFTER = "start"

make()
change("limits.py", ('            size = max(size, sum(len(each.get("body", b"")) for each in pieces))\n', ""))
