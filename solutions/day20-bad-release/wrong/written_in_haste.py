"""The incident is written down in haste: the time is a guess, and what prevents it is two words."""

from _incident import all_done

REFUSED_BY = "incident_is_written"
AFTER = "start"

all_done(minutes_to_recover=25, prevent="Be careful.")
