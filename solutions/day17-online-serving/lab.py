# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Day 17: Online serving
#
# About 90 minutes. You need the platform (`infra up`). You write files in this folder, with JupyterLab's editor, with
# another one, or from cells: only what stands at the end counts.

# %% [markdown]
# ## Why
#
# The fraud model is approved, and the payment system wants its score before a payment goes through: within a tenth of
# a second, day and night, for each of some hundred payments a second. The first service was written in an afternoon, and
# each of these cost a night:
#
# - The app of a merchant sent the amount as `NaN`. The service answered with status 500, the payment system took that
#   for "down" and let everything through for an hour.
# - A client sent 300 MB by mistake. The process took the memory of the machine, and died together with its neighbours.
# - After a restart, the platform sent traffic at once. The model was still loading: 4000 payments without a score.
# - The model was loaded anew for each request. It worked well on the developer's desk, with one request a second.
# - In March somebody asked which version had scored a certain payment in January. Nobody could tell.
#
# Nothing of this is about the model. A model behind a port is a *service*, and what makes it a good one is the same
# everywhere: it answers as the model does, it refuses what is no request, it says whether it is alive and whether it is
# ready, it counts what it does, it writes down what it predicted, and it is fast enough by a measure that was agreed
# upon. You build one today, with FastAPI and uvicorn, and deploy it.

# %% [markdown]
# ## End state
#
# <!-- end state -->
#
# ### What the service is given
#
# Your code is started by uvicorn as `service:app`, in a copy of this folder, with these variables. `infra deploy` sets
# them, and so does the checker, each time with other values:
#
# | variable | what it is |
# |---|---|
# | `MODEL_URI` | a local folder with a scikit-learn model as MLflow saves it; `mlflow.sklearn.load_model(path)` gives it back |
# | `MODEL_NAME`, `MODEL_VERSION` | which registered model that is |
# | `RELEASE` | the number of the release |
# | `PREDICTION_LOG` | the path of a file to append to; it need not be there yet |
#
# The checker takes along all `.py` files of this folder and below, and `*.toml`, `*.json`, `*.yaml`, `*.yml`, `*.ini`
# and `*.cfg` beside them. There is no network, so nothing can be fetched. One start may use 60 seconds of CPU time.
#
# ### What it is asked
#
# `POST /predict` with a JSON body:
#
# ```json
# {"rows": [{"transaction_id": "T-17", "amount": 25.5, "amount_to_usual": 1.25, "hour": 13, "weekday": 2,
#            "is_foreign": 0, "card_present": 1, "category_code": 3, "transactions_24h": 2}]}
# ```
#
# A request has 1 to 100 rows. A row has just these nine fields, in any order:
#
# | field | valid values |
# |---|---|
# | `transaction_id` | a text of 1 to 64 letters (A-Z, a-z), digits, `-` and `_` |
# | `amount` | a number, more than 0, at most 1000000 |
# | `amount_to_usual` | a number from 0 to 1000000 |
# | `hour`, `weekday`, `category_code` | whole numbers, 0 to 23, 0 to 6, 0 to 7 |
# | `is_foreign`, `card_present` | 0 or 1 |
# | `transactions_24h` | a whole number from 0 to 1000 |
#
# The checker's invalid requests are clear ones. Whether you take `"12"` or `true` for a number, or `13.0` for a whole
# one, is your choice. The body has at most 64 KiB (65536 bytes).
#
# ### What it answers
#
# ```json
# {"request_id": "5a0c...", "model": {"name": "day17-card-fraud", "version": "1"},
#  "predictions": [{"transaction_id": "T-17", "score": 0.0123}]}
# ```
#
# More keys are welcome. `score` is `predict_proba(...)[:, 1]`, not rounded. `GET /health`, `GET /ready` and
# `GET /metrics` are the other paths; of the first two only the status counts.

# %% [markdown]
# ## Do
#
# The data science team hands over two models: run their script once. Both become versions of `day17-card-fraud`; the
# alias `champion` names the one that was approved, which is *not* the newest.

# %% language="bash"
# python handover.py

# %% [markdown]
# To try things out, you need that model as a folder, and the variables that `infra deploy` would set. Cells that run
# shell commands inherit them. In a terminal, `export` them yourself.

# %%
import logging
import os
import tempfile

import mlflow

os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
logging.getLogger("mlflow").setLevel(logging.ERROR)

NAME = "day17-card-fraud"
os.environ["PLACE"] = place = tempfile.mkdtemp(prefix="serving-")
champion = mlflow.MlflowClient().get_model_version_by_alias(NAME, "champion")
os.environ["MODEL_URI"] = mlflow.artifacts.download_artifacts(f"models:/{NAME}@champion", dst_path=f"{place}/model")
os.environ["MODEL_NAME"], os.environ["MODEL_VERSION"] = NAME, champion.version
os.environ["PREDICTION_LOG"] = f"{place}/predictions.jsonl"
print(os.environ["MODEL_URI"], "is version", champion.version)

# %% [markdown]
# The tasks show the tools on something else: a service that says how many days a parcel takes.

# %% [markdown]
# ### Task 1: The model behind a port
#
# **FastAPI** turns typed functions into an HTTP application; **uvicorn** is the server that runs it. Between the two
# stands ASGI, a small protocol, so either can be exchanged. Three things to see in the example:
#
# - **`lifespan`** runs before the first request and after the last one. What is expensive is done there, once.
# - **Liveness is not readiness.** `/health` says: this process is not stuck; if it fails, restart it. `/ready` says: send
#   traffic here. A process that is loading, or has no model, is alive and not ready. An orchestrator that is told
#   otherwise kills what only needs time, or sends payments to what cannot answer.
# - **`def` or `async def`.** In an `async def` endpoint, everything waits while you compute. A plain `def` is run in a
#   pool of threads, and the next request is taken while this one computes. For a model that computes, `def` is right.

# %% language="bash"
# mkdir -p "$PLACE/parcels"
# cat > "$PLACE/parcels/parcels.py" <<'END'
# import json
# import os
# from contextlib import asynccontextmanager
# from pathlib import Path
#
# from fastapi import FastAPI, Response
# from pydantic import BaseModel, ConfigDict, Field
#
# loaded = {}
#
#
# @asynccontextmanager
# async def lifespan(app):
#     rule = Path(os.environ["RULE"])
#     if rule.is_file():
#         loaded["rule"] = json.loads(rule.read_text())
#     yield
#     loaded.clear()
#
#
# app = FastAPI(title="parcels", lifespan=lifespan)
#
#
# class Parcel(BaseModel):
#     model_config = ConfigDict(extra="forbid")
#
#     km: float = Field(ge=0, le=20_000)
#     abroad: bool
#
#
# @app.get("/health")
# def health():
#     return {"status": "alive"}
#
#
# @app.get("/ready")
# def ready(response: Response):
#     response.status_code = 200 if "rule" in loaded else 503
#     return {"rule": "rule" in loaded}
#
#
# @app.post("/days")
# def days(parcel: Parcel):
#     rule = loaded["rule"]
#     return {"days": rule["base"] + rule["per_km"] * parcel.km + rule["abroad"] * parcel.abroad}
# END
# echo '{"base": 1.0, "per_km": 0.004, "abroad": 3.0}' > "$PLACE/parcels/rule.json"
#
# cd "$PLACE/parcels"
# export RULE=rule.json
# uvicorn parcels:app --uds parcels.sock > parcels.log 2>&1 &
# echo $! > parcels.pid
# curl -s --retry 60 --retry-delay 1 --retry-all-errors --unix-socket parcels.sock http://parcels/ready; echo
# curl -s --unix-socket parcels.sock http://parcels/days --json '{"km": 250, "abroad": true}'; echo
# cat parcels.log

# %% [markdown]
# `--uds` listens on a Unix socket, a file, so that no port is taken; `--port 8000` would listen on a port of this
# machine. (`curl` wants some host name in the address, and does not look it up.)
#
# **Your turn.** Write `service.py` with `/health`, `/ready` and `/predict`. What may be in a request is written down as
# classes: begin with the nine fields, the bounds are Task 2. The traps:
#
# - **Columns by name.** Fields of a JSON object have no order. Make a table with named columns, in the order in which the
#   model learned them (`model.feature_names_in_`), and not a list of `row.values()`.
# - **A batch is one call.** `predict_proba` of 100 rows takes about as long as that of one.
# - **Scores, not labels.** `predict` answers 0 or 1.
# - **From `MODEL_URI`, whatever it is.** A service that asks the registry at its start goes down with the registry, and
#   two copies of it may load two versions.
#
# <details><summary>Hint</summary>
#
# - `mlflow.sklearn.load_model(os.environ["MODEL_URI"])` in `lifespan`. If it raises, write down why, go on, and stay not
#   ready.
# - A request is a class with one field, `rows: list[Payment]`; `row.model_dump()` makes a dict of a row, and
#   `pandas.DataFrame` takes a list of dicts.
# - `float(score)`: numpy's numbers are not JSON's.
# - Start it as in the example, with `service:app`; the variables are set already. After a change, stop it
#   (`kill $(cat ...)`) and start it again.
# </details>

# %% nbgrader={"grade": false, "grade_id": "service", "locked": false, "schema_version": 3, "solution": true, "task": false}
# You can write the files by hand and leave these cells as they are.
### BEGIN SOLUTION
from pathlib import Path

Path("service.py").write_text('''\
"""The card-fraud model behind HTTP."""

import os
from contextlib import asynccontextmanager

import mlflow.sklearn
import pandas as pd
from contract import Question
from fastapi import FastAPI, Request, Response
from limits import BodyLimit, refuse_politely
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from watching import Watch

served = {}


@asynccontextmanager
async def lifespan(app):
    served["watch"] = Watch(os.environ.get("PREDICTION_LOG", os.devnull))
    try:
        served["model"] = mlflow.sklearn.load_model(os.environ["MODEL_URI"])
    except Exception as error:
        print(f"no model: {type(error).__name__}: {error}", flush=True)
    yield
    served.clear()


app = FastAPI(title="card fraud", lifespan=lifespan)
app.add_middleware(BodyLimit)
refuse_politely(app)


@app.get("/health")
def health():
    return {"status": "alive"}


@app.get("/ready")
def ready(response: Response):
    response.status_code = 200 if "model" in served else 503
    return {"version": os.environ.get("MODEL_VERSION"), "ready": "model" in served}


@app.get("/metrics")
def metrics():
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.post("/predict")
def predict(question: Question, request: Request, response: Response):
    if "model" not in served:
        response.status_code = 503
        return {"detail": "no model"}
    with served["watch"].answer(request.headers.get("x-request-id", "")) as answer:
        rows = [row.model_dump() for row in question.rows]
        table = pd.DataFrame(rows)[list(served["model"].feature_names_in_)]
        scores = [float(score) for score in served["model"].predict_proba(table)[:, 1]]
        answer.note(rows, scores)
    predictions = [{"transaction_id": row["transaction_id"], "score": score} for row, score in zip(rows, scores)]
    return {
        "request_id": answer.request_id,
        "model": {"name": os.environ["MODEL_NAME"], "version": os.environ["MODEL_VERSION"]},
        "predictions": predictions,
    }
''')
### END SOLUTION

# %% [markdown]
# ### Task 2: Say no at the door
#
# What comes from outside is checked once, at the border, and by a description instead of by `if`s. Behind the border,
# everything is what it says it is. Pydantic's `Field(ge=..., le=...)`, `extra="forbid"` (a misspelt field is an error,
# and not a field that is ignored) and `min_length`/`max_length` of lists do that, and FastAPI answers 422 with the
# reasons. See what the parcels do:

# %% language="bash"
# cd "$PLACE/parcels"
# for body in '{"km": 250, "abroad": true}' '{"km": -1, "abroad": true}' '{"km": 5}' '{"km": 5, "abroad": 0, "kg": 2}' \
#     'km=5' '{"km": NaN, "abroad": true}' '{"km": 5, "abroad": 0, "\ud800": 1}'; do
#     curl -s -o answer -w "%{http_code}  $body  " --unix-socket parcels.sock http://parcels/days --json "$body"
#     cut -c 1-100 answer; echo
# done
# tail -n 2 parcels.log

# %% [markdown]
# Look at the last two. The rules refused them, and the answer was still 500: FastAPI's answer to an invalid request
# **repeats the input**, and `NaN` is no JSON, nor is half a surrogate pair any UTF-8. (Python's `json` reads both.) So
# anybody can make the service raise errors, fill its log, and trip its alarms. Repeating what was sent is a bad habit
# anyway: answers of errors end up in logs, and requests hold personal data. Replace the handler:
#
# ```python
# from fastapi.exceptions import RequestValidationError
# from fastapi.responses import JSONResponse
#
#
# @app.exception_handler(RequestValidationError)
# async def refuse(request, error):
#     return JSONResponse({"detail": [each["type"] for each in error.errors()]}, status_code=422)
# ```
#
# **Your turn.** Give the fields their bounds, and mind: a text that the client chose, such as the name of an unknown
# field, is in `loc` as well.
#
# <details><summary>Hint</summary>
#
# - Bounds do stop infinity; `Field(allow_inf_nan=False)` says it in so many words, for NaN too.
# - `Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")` for the id, `Field(min_length=1, max_length=100)` for the list.
# - To tell a client where the fault is, hand on the numbers of `loc` and the names that are your own.
# - Some bodies never come so far as to be validated: FastAPI answers them with 400, by an `HTTPException` (that of
#   Starlette). In Task 4 they shall be counted as well.
# </details>

# %% nbgrader={"grade": false, "grade_id": "contract", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("contract.py").write_text('''\
"""What a request may be."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Flag = Annotated[int, Field(ge=0, le=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Payment(Strict):
    transaction_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    amount: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
    amount_to_usual: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
    hour: Annotated[int, Field(ge=0, le=23)]
    weekday: Annotated[int, Field(ge=0, le=6)]
    is_foreign: Flag
    card_present: Flag
    category_code: Annotated[int, Field(ge=0, le=7)]
    transactions_24h: Annotated[int, Field(ge=0, le=1000)]


class Question(Strict):
    rows: Annotated[list[Payment], Field(min_length=1, max_length=100)]
''')
### END SOLUTION

# %% [markdown]
# ### Task 3: A limit for what comes in
#
# Validation begins when the whole body is in memory. So the size is limited before, and not by the header
# `Content-Length` alone: it may be missing, since a client may send in chunks without saying how much will come.
# (HTTP servers in front, such as nginx or Envoy, have such a limit too. Have both: the next one in front may not.)
#
# An ASGI application is a function of `scope`, `receive` and `send`; a **middleware** is one that calls another.
# `receive()` gives the body piece by piece. This one lets no body through that has more than 40 pieces:
#
# ```python
# from fastapi.responses import PlainTextResponse
#
#
# class FewPieces:
#     def __init__(self, app):
#         self.app = app
#
#     async def __call__(self, scope, receive, send):
#         if scope["type"] != "http":
#             return await self.app(scope, receive, send)
#         pieces, more = [], True
#         while more:
#             message = await receive()
#             if message["type"] == "http.disconnect":
#                 return None
#             pieces.append(message)
#             more = message.get("more_body", False)
#             if len(pieces) > 40:
#                 return await PlainTextResponse("too many pieces", 413)(scope, receive, send)
#
#         async def replay():
#             return pieces.pop(0) if pieces else await receive()
#
#         await self.app(scope, replay, send)
#
#
# app.add_middleware(FewPieces)
# ```
#
# **Your turn.** Answer 413 to a body of more than 65536 bytes, as soon as that is known.
#
# <details><summary>Hint</summary>
#
# Sum up `len(message.get("body", b""))`. `dict(scope["headers"]).get(b"content-length")` tells of most requests
# beforehand; it is bytes, and may be anything. Test both ways:
# `head -c 200000 /dev/zero | curl ... --data-binary @-`, and the same with `-H "Transfer-Encoding: chunked"`.
# </details>

# %% nbgrader={"grade": false, "grade_id": "limits", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("limits.py").write_text('''\
"""What is refused, and how: nothing that was sent is repeated."""

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from watching import refused

LARGEST_BODY = 64 * 1024


class BodyLimit:
    """No body is read beyond the limit, whatever its headers say."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        told = dict(scope["headers"]).get(b"content-length", b"")
        size = int(told) if told.isdigit() else 0
        pieces, more = [], True
        while more and size <= LARGEST_BODY:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            pieces.append(message)
            more = message.get("more_body", False)
            size = max(size, sum(len(each.get("body", b"")) for each in pieces))
        if size > LARGEST_BODY:
            refused(scope["path"])
            return await JSONResponse({"detail": "more than 64 KiB"}, 413)(scope, receive, send)

        async def replay():
            return pieces.pop(0) if pieces else await receive()

        await self.app(scope, replay, send)


def refuse_politely(app):
    @app.exception_handler(RequestValidationError)
    async def invalid(request, error):
        refused(request.url.path)
        told = [{"row": next((p for p in each["loc"] if isinstance(p, int)), None), "type": each["type"]} for each in error.errors()]
        return JSONResponse({"detail": told[:10]}, 422)

    @app.exception_handler(HTTPException)
    async def unreadable(request, error):
        if 400 <= error.status_code < 500:
            refused(request.url.path)
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
''')
### END SOLUTION

# %% [markdown]
# ### Task 4: Count, and write down
#
# Two records, for two kinds of questions:
#
# - **Metrics** are for now, and for all requests together: how many, how many refused, how slow? Prometheus fetches
#   `/metrics` every few seconds, and keeps the numbers. A **counter** only ever rises; rates are computed from it
#   afterwards. A **histogram** counts how many answers took at most 5 ms, at most 10 ms, and so on: from these buckets,
#   any percentile can be computed, over many copies of a service as well. From averages it cannot, and averages hide:
#   99 answers of 10 ms and one of 2 s make 30 ms.
# - The **prediction log** is for later, and for each prediction: what came in, what came out, of which version. Drift
#   (day 23) and the quality when the labels come (day 25) are computed from it, by joining with `transaction_id`. It
#   holds what is needed for that and no more: no name, no card, no customer.
#
# The **request id** ties both to the logs of other systems. Whoever calls may bring one in the header `X-Request-ID`.
# It is then a text by a stranger that goes into your log: take it only if it looks like an id.

# %%
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

registry = CollectorRegistry()  # in a service, leave it out: there is one for all
PARCELS = Counter("parcels", "Parcels, by where they go.", ["where"], registry=registry)
SECONDS = Histogram("parcel_seconds", "Time for an answer.", buckets=(0.01, 0.1, 1), registry=registry)

PARCELS.labels("abroad").inc()
PARCELS.labels("home").inc(3)
with SECONDS.time():
    sum(range(10**6))
print(generate_latest(registry).decode())

# %% [markdown]
# The client adds `_total`, `_bucket`, `_sum` and `_count` to the names, and `_created`, the time since when it counts. Labels are for a few values that are known
# beforehand. An id as a label makes a new series for each request, and brings Prometheus down.
#
# **Your turn.** `/metrics` with the three metrics of the contract, the prediction log, and the request id. Mind where
# refused requests end: not in your endpoint.
#
# <details><summary>Hint</summary>
#
# - `Counter("prediction_requests", "...", ["outcome"])`; `Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)`.
# - Refused are those that end in the handlers of Task 2 and in the middleware of Task 3. Each is counted once.
# - Several threads may write at once: make all lines of a request one text, and append it in one `write`, under a
#   `threading.Lock()`.
# - `datetime.now(UTC).isoformat()`, `json.dumps`, `uuid.uuid4()`.
# </details>

# %% nbgrader={"grade": false, "grade_id": "watching", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("watching.py").write_text('''\
"""What is counted, and what is written down."""

import json
import os
import re
import threading
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime

from prometheus_client import Counter, Histogram

BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
REQUESTS = Counter("prediction_requests", "Requests to /predict, by how they ended.", ["outcome"])
ROWS = Counter("prediction_rows", "Payments that got a score.")
SECONDS = Histogram("prediction_seconds", "Time from a valid request to its answer.", buckets=BUCKETS)
ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def refused(path):
    if path == "/predict":
        REQUESTS.labels("refused").inc()


class Answer:
    def __init__(self, given):
        self.request_id = given if ID.fullmatch(given) else str(uuid.uuid4())
        self.lines = []

    def note(self, rows, scores):
        head = {"time": datetime.now(UTC).isoformat(), "request_id": self.request_id}
        head |= {"model_name": os.environ["MODEL_NAME"], "model_version": os.environ["MODEL_VERSION"]}
        for row, score in zip(rows, scores):
            features = {name: value for name, value in row.items() if name != "transaction_id"}
            line = head | {"transaction_id": row["transaction_id"], "score": score, "features": features}
            self.lines.append(json.dumps(line) + "\\n")


class Watch:
    def __init__(self, log):
        self.log, self.lock = log, threading.Lock()

    @contextmanager
    def answer(self, given):
        began = time.perf_counter()
        answer = Answer(given)
        yield answer
        with self.lock, open(self.log, "a", encoding="utf-8") as file:
            file.write("".join(answer.lines))
        REQUESTS.labels("answered").inc()
        ROWS.inc(len(answer.lines))
        SECONDS.observe(time.perf_counter() - began)
''')
### END SOLUTION

# %% [markdown]
# Start it, and ask a few things. (Is the log of your service empty but for uvicorn's own lines?)

# %% language="bash" nbgrader={"grade": false, "grade_id": "try", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# uvicorn service:app --uds "$PLACE/service.sock" --no-access-log > "$PLACE/service.log" 2>&1 &
# echo $! > "$PLACE/service.pid"
# ask() { curl -s -w "  %{http_code}\n" --unix-socket "$PLACE/service.sock" "$@"; }
# curl -s -o "$PLACE/ready" --retry 120 --retry-delay 1 --retry-all-errors --unix-socket "$PLACE/service.sock" http://service/ready
# ROW='"transaction_id": "T-17", "amount_to_usual": 1.25, "hour": 13, "weekday": 2, "is_foreign": 0, "card_present": 1'
# ROW="$ROW, \"category_code\": 3, \"transactions_24h\": 2"
# for amount in 25.5 -1 NaN; do ask http://service/predict --json "{\"rows\": [{$ROW, \"amount\": $amount}]}"; done
# head -c 200000 /dev/zero | ask http://service/predict -H "Transfer-Encoding: chunked" --data-binary @-
# ask http://service/metrics | grep ^prediction_requests_total
# cat "$PREDICTION_LOG"
# ### END SOLUTION

# %% [markdown]
# ### Task 5: Measure
#
# "Fast enough" is a number that was agreed upon: a latency **budget**. Milliseconds depend on the machine, so here it is
# a ratio: at most 40 times as long as an **echo**, a service that does nothing, on the same machine at the same time.
# What an echo takes is the price of HTTP itself; the rest is yours. The parcels come near to an echo:

# %%
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

PARCEL = {"km": 250, "abroad": True}


def measure(socket, path, body, times=50):
    """Seconds of `times` requests, one after another."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket), base_url="http://service") as client:
        client.post(path, json=body).raise_for_status()
        seconds = []
        for _ in range(times):
            began = time.perf_counter()
            client.post(path, json=body)
            seconds.append(time.perf_counter() - began)
    return seconds


parcels = measure(f"{place}/parcels/parcels.sock", "/days", PARCEL)
with ThreadPoolExecutor(8) as pool:
    crowd = pool.map(lambda _: measure(f"{place}/parcels/parcels.sock", "/days", PARCEL, 10), range(8))
print(f"one after another: {statistics.median(parcels) * 1000:.1f} ms")
print(f"eight at a time:   {statistics.median(sum(crowd, [])) * 1000:.1f} ms")

# %% [markdown]
# **Your turn.** Measure your service in the same way, and compare. If it is far more than 40 times as slow, look at what
# is done for each request and need not be. Then try it on purpose: load the model inside of `predict`. What do you
# expect?
#
# <details><summary>Hint</summary>
#
# The body is `{"rows": [...]}` with one row. `prediction_seconds` at `/metrics` says what your endpoint took without
# HTTP. A forest of 60 trees takes some milliseconds, whether for one row or for a hundred.
# </details>

# %% nbgrader={"grade": false, "grade_id": "measure", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
row = {"transaction_id": "T-18", "amount": 25.5, "amount_to_usual": 1.25, "hour": 13, "weekday": 2, "is_foreign": 0}
row |= {"card_present": 1, "category_code": 3, "transactions_24h": 2}
payments = measure(f"{place}/service.sock", "/predict", {"rows": [row]}, 30)
print(f"{statistics.median(payments) / statistics.median(parcels):.1f} times as long as a parcel")
### END SOLUTION

# %% [markdown]
# ### Task 6: Deploy
#
# `infra deploy` does what a deployment is, on this machine as on a cluster: it copies the code into a **release** that
# nobody changes any more, finds out which version the alias means *now*, fetches the model, starts the process under
# supervision, and sends traffic to it only when it answers `/health`. The address stays the same for all releases. (It asks `/health` and
# not `/ready`: a release that is alive without its model gets traffic. In Kubernetes, a readiness probe at `/ready`
# prevents that.)
# A service that takes no model, or no code, can be deployed as well; this would be the parcels':
#
# ```bash
# infra deploy parcels --app parcels:app
# infra deployments
# curl "$MLOPS_LABS_SERVING_URL/parcels/health"
# infra rollback parcels
# infra undeploy parcels
# ```
#
# **Your turn.** Deploy the service in this folder with the champion as `card-fraud`, and ask it through its address.
#
# <details><summary>Hint</summary>
#
# `--model models:/day17-card-fraud@champion`. Where it does not come up, `infra logs card-fraud` has the reason. When the
# alias moves, or your code changes, nothing happens until you deploy again: that is the point of a release.
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "deploy", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# infra deploy card-fraud --app service:app --model models:/day17-card-fraud@champion
# ### END SOLUTION

# %% [markdown]
# ## Look
#
# A latency is a distribution, and the tail is what customers complain about. The plot shows the parcels, and your service
# if you kept its seconds in `payments`. The dashed lines are the 50th and the 99th percentile.

# %%
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(6, 3.5))
shown = {"parcels": parcels} | ({"payments": payments} if "payments" in globals() else {})
for (name, seconds), hatch in zip(shown.items(), ("//", ""), strict=False):
    milliseconds = sorted(each * 1000 for each in seconds)
    axis.hist(milliseconds, bins=25, alpha=0.6, hatch=hatch, label=name)
    for share in (0.5, 0.99):
        axis.axvline(milliseconds[int(share * (len(milliseconds) - 1))], linestyle="--", linewidth=1)
axis.set(title="How long an answer takes", xlabel="milliseconds", ylabel="requests")
axis.legend()
plt.show()

# %% [markdown]
# FastAPI has made a page of your classes: open `/docs` behind the address of your deployment, or look at the document it
# is made from. Clients are generated from it, and it is the contract that both sides test against.

# %% language="bash"
# curl -s --unix-socket "$PLACE/parcels/parcels.sock" http://parcels/openapi.json | python -m json.tool | head -n 40
# for name in parcels/parcels service; do test -f "$PLACE/$name.pid" && kill "$(cat "$PLACE/$name.pid")"; done; true

# %% [markdown]
# ## Check
#
# The checker starts your service three times, with the champion, with a model that you have not seen, and with one that
# cannot be loaded, and talks to it for some seconds. In a terminal: `checker grade 17`.

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** At the end of the month three times as many payments come. The median latency stays at 12 ms, the 99th percentile
# rises from 40 ms to 3 s, and the payment system waits 2 s, then tries again, up to three times. What happens to the
# service in the next minutes, and what would you change, in the service and around it?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The requests wait in a queue (the thread pool, the socket); whoever waited 2 s asks again, while the first request is
# still computed for nobody. So the load grows by the repeats, up to fourfold, the queue gets longer, and the service works
# only on answers that nobody waits for: it does not recover when the peak is over. Change: a bounded queue, and 503 (with
# `Retry-After`) as soon as it is full (`--limit-concurrency`, a semaphore): backpressure; a deadline that the request
# carries, and giving up what is over it; clients that wait longer each time, with jitter, and a budget of repeats; more
# copies or workers before the end of the month, since it is known when it comes; batches; and a rule for what the payment
# system does without a score. Alert on the 99th percentile and on the queue.
#
# **Rubric** 1 mark for seeing that waiting and repeats make the overload feed itself. 1 mark for at least two measures, of
# which one sheds load or bounds the queue, and not only "more machines".

# %% [markdown]
# **2.** A colleague wants `/health` to compute a prediction with the model and to ask the feature database, "so that it
# really tests something". Another wants `/ready` to do it. What do you tell them?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# If liveness depends on the database, an hour of trouble in the database makes the platform restart all copies of the
# service, over and over; that mends nothing, and each start loads models and opens connections, which makes it worse.
# Liveness is about this process alone: can it still answer? Under load a slow prediction in it makes healthy processes be
# killed. Readiness may look at what this copy needs for its work: the model is loaded, one prediction at the start has
# worked (which also warms it up). A database that all copies share is doubtful there, too: all get unready at once, and
# nobody is left to answer with a fallback. Watch it by a metric and an alert, and let requests that need it fail one by
# one.
#
# **Rubric** 1 mark for the difference of the consequences: restart against no traffic. 1 mark for saying why a shared
# dependency does not belong into liveness, and is doubtful in readiness.

# %% [markdown]
# ## Go further
#
# **The same with other tools.** You wrote some 150 lines. What others have ready:
#
# | tool | what it gives you | what it does not | take it when |
# |---|---|---|---|
# | FastAPI and uvicorn, as today | any contract, any code before and after the model | batching, several models, versions: you write it | one model with rules of its own around it, and a team that knows Python |
# | `mlflow models serve` | `/ping`, `/version` and `/invocations` for any MLflow model, without code; built on FastAPI | bounds, your metrics, your log; the answer is what `predict` gives | a first try, or behind a service of yours |
# | BentoML | a service as a class, adaptive batching, `/metrics`, `/livez`, `/readyz`, an image from one command | less of your own shape in the HTTP; one more format to learn (day 12) | many models, one way to build them all |
# | TensorFlow Serving | SavedModels over gRPC and REST, versions by folder, batching, in C++ | anything but TensorFlow and JAX exports; your own code | TensorFlow models at high rates |
# | TorchServe | was the same for PyTorch: archives, handlers, a management API | a future: its repository was archived in 2025, security fixes included | not for anything new; look at Triton, vLLM (language models), Ray Serve or KServe |
# | NVIDIA Triton | several frameworks on one GPU, dynamic batching, ensembles, the open inference protocol (day 18) | ease: a repository of models with configuration files; scikit-learn only by way of ONNX, Treelite (FIL) or Python | GPUs that must be used well |
# | Ray Serve | Python services composed of others, each scaled by itself, on a Ray cluster | a small footprint: Ray comes with it | several models for one answer, and Ray is there |
# | KServe | an `InferenceService` on Kubernetes: the model's folder is mounted as `/mnt/models`, probes, scaling (to zero as well), canaries (day 21) | anything without Kubernetes | a platform team that serves many others |
# | SageMaker, Vertex AI, Azure ML endpoints | the same as a product: `/ping` and `/invocations`, or a route of your choice, in a container of yours | leaving again; costs while nobody asks, unless serverless | you live in that cloud anyway |
#
# **What a big installation does differently.** In front stands a gateway that authenticates, limits rates and sizes, and
# ends TLS. Copies run with one worker each, and the orchestrator scales them by requests in flight, not by CPU. At the end
# of a release, a copy gets SIGTERM, says that it is not ready, finishes what it has, and goes (uvicorn does the last two).
# Requests carry deadlines. Features are looked up by the service and not sent by the client (day 7), so that nobody can
# make them up. The prediction log is a stream (day 19), sampled where it is too much, with a time after which it is
# deleted. Traces (OpenTelemetry) take the place of a lone request id.
#
# Try one of these:
#
# 1. `uvicorn --workers 4`: what becomes of `/metrics`? (Each process counts for itself; look for `prometheus_client`'s
#    multiprocess mode.) What of the memory?
# 2. Make `predict` an `async def`, and measure eight at a time again, while somebody asks `/health`.
# 3. Collect rows of requests that come within 5 ms into one `predict_proba` (an `asyncio.Queue` and one task that empties
#    it). From which rate on does it pay?
# 4. `uvicorn --limit-concurrency 4`, and thirty at a time: who gets 503, and how fast?
