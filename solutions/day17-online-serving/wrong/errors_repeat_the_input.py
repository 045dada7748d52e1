"""The answer to an invalid request repeats what was sent, as FastAPI does by itself: with NaN, it cannot be written."""

from _service import change, make

REFUSED_BY = "bad_requests_are_refused"
AFTER = "start"

make()
change(
    "limits.py",
    ("        refused(request.url.path)\n        told =", "        told ="),
    ('"type": each["type"]}', '"type": each["type"], "input": each["input"]}'),
    (
        '        return JSONResponse({"detail": told[:10]}, 422)',
        '        answer = JSONResponse({"detail": told[:10]}, 422)\n'
        "        refused(request.url.path)\n"
        "        return answer",
    ),
)
