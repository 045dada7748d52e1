"""Whatever the gate says is written down, and the alias moves all the same."""

from _loop import change, write

REFUSED_BY = "worse_model_is_refused"
AFTER = "start"

write()
change("loop.py", ("    if passed:\n", "    if version:\n"), ('"promote" if passed else "refuse"', '"promote"'))
