"""Every number is taken for an amount or an hour."""

from _service import change, make

REFUSED_BY = "bad_requests_are_refused"
AFTER = "start"

make()
change(
    "contract.py",
    ("Field(gt=0, le=1_000_000, allow_inf_nan=False)", "Field(allow_inf_nan=False)"),
    ("Field(ge=0, le=23)", "Field()"),
)
