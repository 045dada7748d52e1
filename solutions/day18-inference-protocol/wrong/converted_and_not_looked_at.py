"""The data go through NumPy, which makes numbers of texts, nulls and fractions."""

from _server import change, make

REFUSED_BY = "misfits_are_refused"
AFTER = "start"

make()
change(
    "fitting.py",
    (
        "    for number in numbers:\n",
        "    import numpy\n\n    numbers = numpy.array(numbers, dtype=float).tolist()\n    for number in []:\n",
    ),
    (' if datatype == "FP64" else numbers', ' if datatype == "FP64" else list(map(int, numbers))'),
)
