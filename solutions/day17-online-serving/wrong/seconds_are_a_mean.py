"""The histogram gets a running mean of each request's seconds for each row, and not one value for each request."""

from _service import change, make

REFUSED_BY = "metrics_count"
AFTER = "start"

make()
change(
    "watching.py",
    (
        "        SECONDS.observe(time.perf_counter() - began)",
        "        for _ in answer.lines:\n"
        "            SECONDS.observe((time.perf_counter() - began) / len(answer.lines))",
    ),
)
