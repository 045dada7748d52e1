"""Only the shape [n] is known; a client that sends a column, [n, 1], is refused."""

from _server import change, make

REFUSED_BY = "tensors_as_they_come"
AFTER = "start"

make()
change("fitting.py", ("others not in ([], [1])", "others"))
