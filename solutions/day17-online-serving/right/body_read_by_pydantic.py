"""FastAPI, with the body read by pydantic's own JSON parser in a dependency, and the log written after the answer."""

from pathlib import Path

from _service import deploy, hand_over

hand_over()
Path("service.py").write_text("""\
import json
import os
import threading
import time
import uuid
from datetime import datetime, timezone
from typing import Annotated, Literal

import mlflow
import pandas as pd
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import Counter, Histogram, generate_latest
from pydantic import BaseModel, Field, FiniteFloat, ValidationError


class Payment(BaseModel, extra="forbid", strict=True):
    transaction_id: str = Field(pattern="^[A-Za-z0-9_-]+$", max_length=64)
    amount: FiniteFloat = Field(gt=0, le=1e6)
    amount_to_usual: FiniteFloat = Field(ge=0, le=1e6)
    hour: int = Field(ge=0, lt=24)
    weekday: int = Field(ge=0, lt=7)
    is_foreign: Literal[0, 1]
    card_present: Literal[0, 1]
    category_code: int = Field(ge=0, lt=8)
    transactions_24h: int = Field(ge=0, le=1000)


class Rows(BaseModel, extra="forbid", strict=True):
    rows: list[Payment] = Field(min_length=1, max_length=100)


counter = Counter("prediction_requests", "Requests", ["outcome"])
rows_counter = Counter("prediction_rows", "Rows")
timer = Histogram("prediction_seconds", "Seconds")
app = FastAPI()
lock = threading.Lock()
state = {}


def load():
    try:
        state["model"] = mlflow.sklearn.load_model(os.environ["MODEL_URI"])
    except Exception:
        state["failed"] = True


# In a thread: the process is alive while it loads, and not ready.
threading.Thread(target=load, daemon=True).start()


async def question(request: Request) -> Rows:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > 1 << 16:
            counter.labels(outcome="refused").inc()
            raise HTTPException(413)
    try:
        return Rows.model_validate_json(body)
    except ValidationError as error:
        counter.labels(outcome="refused").inc()
        raise HTTPException(422, f"{error.error_count()} faults") from None


@app.get("/health")
async def health():
    return "up"


@app.get("/ready")
async def ready():
    if "model" not in state:
        raise HTTPException(503)


@app.get("/metrics", response_class=PlainTextResponse)
def metrics():
    return generate_latest().decode()


def write(lines):
    with lock, open(os.environ["PREDICTION_LOG"], "a") as log:
        log.writelines(lines)


@app.post("/predict")
def predict(request: Request, later: BackgroundTasks, asked: Annotated[Rows, Depends(question)]):
    if "model" not in state:
        raise HTTPException(503)
    with timer.time():
        request_id = request.headers.get("x-request-id", "")
        if not 1 <= len(request_id) <= 64 or set(request_id.lower()) - set("abcdefghijklmnopqrstuvwxyz0123456789-"):
            request_id = uuid.uuid4().hex
        table = pd.DataFrame.from_records([row.model_dump(exclude={"transaction_id"}) for row in asked.rows])
        scores = state["model"].predict_proba(table)[:, 1].tolist()
    model = {"name": os.environ["MODEL_NAME"], "version": os.environ["MODEL_VERSION"]}
    common = {"model_name": model["name"], "model_version": model["version"], "request_id": request_id}
    common["time"] = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [
        json.dumps({**common, "transaction_id": row.transaction_id, "score": score, "features": dict(row)}) + "\\n"
        for row, score in zip(asked.rows, scores)
    ]
    later.add_task(write, lines)
    counter.labels(outcome="answered").inc()
    rows_counter.inc(len(scores))
    predictions = [{"transaction_id": row.transaction_id, "score": score} for row, score in zip(asked.rows, scores)]
    return {"request_id": request_id, "model": model, "predictions": predictions}
""")
deploy()
