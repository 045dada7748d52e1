"""What does not fit is found, and told as an error of the server: any exception but MLServer's own is one."""

from _server import change, make

REFUSED_BY = "misfits_are_refused"
AFTER = "start"

make()
change(
    "fitting.py",
    ("from mlserver.errors import InferenceError\n", ""),
    ("NUMBERS =", "InferenceError = ValueError\nNUMBERS ="),
)
