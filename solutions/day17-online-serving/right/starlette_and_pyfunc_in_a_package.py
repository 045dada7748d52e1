"""Without FastAPI: Starlette in a package, async endpoints, rules by hand, MLflow's pyfunc."""

from pathlib import Path

from _service import deploy, hand_over

hand_over()
Path("app").mkdir()
Path("app/__init__.py").write_text("")
Path("service.py").write_text("from app.main import application as app\n")
Path("app/rules.py").write_text('''\
import json
import math
import re

INTEGERS = {
    "hour": (0, 23), "weekday": (0, 6), "is_foreign": (0, 1), "card_present": (0, 1), "category_code": (0, 7),
    "transactions_24h": (0, 1000),
}
NUMBERS = {"amount": (0, 1e6), "amount_to_usual": (0, 1e6)}
FIELDS = ["transaction_id", *NUMBERS, *INTEGERS]


def no_constant(name):
    raise ValueError("not a number of JSON")


def parse(body):
    """Return rows; raises ValueError for anything else."""
    try:
        data = json.loads(body.decode("utf-8"), parse_constant=no_constant)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(data, dict) or set(data) != {"rows"} or not isinstance(data["rows"], list):
        raise ValueError("no rows")
    if not 1 <= len(data["rows"]) <= 100:
        raise ValueError("1 to 100 rows")
    return [check(row) for row in data["rows"]]


def check(row):
    if not isinstance(row, dict) or set(row) != set(FIELDS):
        raise ValueError("other fields than those of a payment")
    if not isinstance(row["transaction_id"], str) or not re.fullmatch("[A-Za-z0-9_-]{1,64}", row["transaction_id"]):
        raise ValueError("transaction_id")
    for name, (least, most) in (NUMBERS | INTEGERS).items():
        kinds = (int,) if name in INTEGERS else (int, float)
        value = row[name]
        if type(value) not in kinds or not least <= value <= most or (name == "amount" and value <= 0):
            raise ValueError(name)
        if not math.isfinite(value):
            raise ValueError(name)
    return {name: row[name] if name not in NUMBERS else float(row[name]) for name in FIELDS}
''')
Path("app/main.py").write_text("""\
import asyncio
import contextlib
import datetime
import json
import logging
import os
import re
import secrets
import time

import mlflow.pyfunc
import pandas
import prometheus_client
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.rules import parse

outcomes = prometheus_client.Counter("prediction_requests_total", "by outcome and code", ["outcome", "code"])
rows_total = prometheus_client.Counter("prediction_rows_total", "rows")
seconds = prometheus_client.Histogram("prediction_seconds", "seconds", ["version"])
log = logging.getLogger("predictions")
log.propagate = False


@contextlib.asynccontextmanager
async def lifespan(app):
    # Without a model, the process ends: uvicorn says why.
    app.state.model = mlflow.pyfunc.load_model(os.environ["MODEL_URI"])
    app.state.columns = app.state.model.metadata.signature.inputs.input_names()
    handler = logging.FileHandler(os.environ["PREDICTION_LOG"])
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield


async def alive(request):
    return PlainTextResponse("yes")


async def metrics(request):
    return Response(prometheus_client.generate_latest(), media_type=prometheus_client.CONTENT_TYPE_LATEST)


def refuse(code, why):
    outcomes.labels("refused", str(code)).inc()
    return JSONResponse({"error": why}, code)


async def predict(request):
    began = time.perf_counter()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > 65536:
            return refuse(413, "too large")
    try:
        rows = parse(bytes(body))
    except ValueError:
        return refuse(400, "not valid")
    table = pandas.DataFrame(rows)[request.app.state.columns]
    answers = await asyncio.to_thread(request.app.state.model.predict, table)
    scores = [float(each) for each in answers[:, 1]]
    given = request.headers.get("X-Request-ID", "")
    identity = given if re.fullmatch("[A-Za-z0-9-]{1,64}", given) else secrets.token_hex(12)
    name, version = os.environ["MODEL_NAME"], os.environ["MODEL_VERSION"]
    moment = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    for row, score in zip(rows, scores):
        told = {"score": score, "model_version": version, "model_name": name, "request_id": identity, "time": moment}
        log.info(json.dumps(told | {"transaction_id": row["transaction_id"], "features": row, "level": "info"}))
    outcomes.labels("answered", "200").inc()
    rows_total.inc(len(rows))
    seconds.labels(version).observe(time.perf_counter() - began)
    pairs = zip([row["transaction_id"] for row in rows], scores)
    found = [{"score": score, "transaction_id": each, "alarm": score > 0.5} for each, score in pairs]
    return JSONResponse({"predictions": found, "model": {"version": version, "name": name}, "request_id": identity})


routes = [Route("/health", alive), Route("/ready", alive), Route("/metrics", metrics)]
application = Starlette(routes=[*routes, Route("/predict", predict, methods=["POST"])], lifespan=lifespan)
""")
deploy()
