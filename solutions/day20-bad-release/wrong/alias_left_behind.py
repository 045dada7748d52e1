"""Taken back and written down, and the alias still names the version of the bad release."""

from _incident import all_done, point

REFUSED_BY = "registry_agrees"
AFTER = "start"

all_done()
point("2")
