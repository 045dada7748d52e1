"""The metrics of the reproduction were typed from a slide, with two digits."""

from _mend import colleagues_run, commit, find, mend, record

REFUSED_BY = "reproduction_is_recorded"
AFTER = "start"

find()
mend()
commit()
record(metrics={name: round(value, 2) for name, value in colleagues_run().data.metrics.items()})
