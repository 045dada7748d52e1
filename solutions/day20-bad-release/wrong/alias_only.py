"""The alias was moved, and the traffic was not: a release keeps the version that it was deployed with."""

from _incident import registry

REFUSED_BY = "rolled_back"
AFTER = "start"

registry()
