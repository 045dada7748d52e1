"""Readiness says yes whatever became of the model."""

from _service import change, make

REFUSED_BY = "not_ready_without_a_model"
AFTER = "start"

make()
change(
    "service.py",
    ('    response.status_code = 200 if "model" in served else 503\n    return {"version"', '    return {"version"'),
)
