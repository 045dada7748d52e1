"""The scores are sent as FP32, which looks the same in a log."""

from _server import change, make

REFUSED_BY = "protocol_answers"
AFTER = "start"

make()
change("model.py", ("scores[:, 1])", 'scores[:, 1].astype("float32"))'))
