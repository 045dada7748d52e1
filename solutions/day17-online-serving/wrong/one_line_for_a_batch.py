"""Of each request, only the first row is written down."""

from _service import change, make

REFUSED_BY = "predictions_are_logged"
AFTER = "start"

make()
change("watching.py", ('"".join(answer.lines)', "answer.lines[0]"))
