"""The figures were not measured: round numbers that look like some."""

from _incident import all_done

REFUSED_BY = "figures_are_measured"
AFTER = "start"

all_done(scores_changed=120, decisions_changed=30)
