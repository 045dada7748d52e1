"""Half of the requests still go to the bad release, "to watch it"."""

from _incident import BAD, GOOD, NAME, infra, registry

REFUSED_BY = "rolled_back"
AFTER = "start"

infra("route", NAME, f"{GOOD}=50", f"{BAD}=50")
registry()
