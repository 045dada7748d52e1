"""Nothing is remembered of a month that was refused: each call trains and registers once more."""

from _loop import change, write

REFUSED_BY = "loop_comes_to_rest"
AFTER = "start"

write()
change("loop.py", ('in ("promote", "refuse"):', 'in ("promote",):'))
