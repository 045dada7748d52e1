"""A service that was tried with one row: of a batch, it answers the first."""

from _service import change, make

REFUSED_BY = "service_answers"
AFTER = "start"

make()
change("service.py", ("for row in question.rows]", "for row in question.rows[:1]]"))
