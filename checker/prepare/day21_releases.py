"""The code of day 21's service: what serves, and what the next week brings, which breaks only for real customers."""

from __future__ import annotations

SERVICE = '''\
"""Card fraud: a payment comes in, a score and a decision go out."""

import asyncio
import json
import os
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cases import Cases
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from scoring import Scorecard

BLOCK = 0.5
LOOKUP = 0.04
"""Seconds that the feature store takes to answer."""

card = Scorecard(Path(os.environ["MODEL_URI"], "scorecard.json"))
cases = Cases()
log = open(os.environ["PREDICTION_LOG"], "a", buffering=1, encoding="utf-8")
app = FastAPI(title="card fraud")
FIRST = {"timestamp": "2025-01-01T12:00:00", "merchant_category": "grocery", "channel": "chip", "country": "AT"}
# What is done for the first time takes longer, and that shall be nobody's payment.
card.score(FIRST | {"amount": 1.0, "transactions_24h": 1})


@app.get("/health")
def health():
    return {"status": "alive"}


@app.get("/ready")
def ready():
    return {"version": os.environ["MODEL_VERSION"]}


@app.post("/predict")
async def predict(request: Request):
    """`{"rows": [...]}`: payments as the cash desks send them."""
    rows = (await request.json())["rows"]
    request_id = request.headers.get("x-request-id") or str(uuid.uuid4())
    # The router adds this to the host of a copy: a shadow must change nothing in the world.
    shadow = "-shadow" in request.headers.get("host", "")
    began, failed, predictions = time.perf_counter(), False, []
    await asyncio.sleep(LOOKUP)
    for row in rows:
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "release": int(os.environ["RELEASE"]),
            "request_id": request_id,
            "transaction_id": row["transaction_id"],
            "channel": row["channel"],
            "amount": row["amount"],
            "status": 200,
            "score": None,
            "decision": None,
        }
        try:
            score = card.score(row)
            decision = "block" if score >= BLOCK else "pass"
            if decision == "block" and not shadow:
                cases.open(row, score)
            predictions.append({"transaction_id": row["transaction_id"], "score": score, "decision": decision})
            line |= {"score": score, "decision": decision}
        except Exception as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            line["status"], failed = 500, True
        line["milliseconds"] = round((time.perf_counter() - began) * 1000, 3)
        log.write(json.dumps(line) + "\\n")
    if failed:
        return JSONResponse({"detail": "it could not be decided"}, status_code=500)
    model = {"name": os.environ["MODEL_NAME"], "version": os.environ["MODEL_VERSION"]}
    return {"request_id": request_id, "model": model, "predictions": predictions}
'''

SCORING = '''\
"""The scorecard: a weight for what a payment shows, and a logistic curve."""

import json
import math

CARD_ABSENT = {"online", "phone"}
EASY_TO_SELL = {"electronics", "travel", "digital"}


class Scorecard:
    """A version of the registered model."""

    def __init__(self, path):
        card = json.loads(path.read_text(encoding="utf-8"))
        self.intercept, self.weights = card["intercept"], card["weights"]

    def score(self, payment):
        seen = features(payment)
        total = self.intercept + sum(weight * seen[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-total))


def features(payment):
    return {
        "log_amount": math.log1p(payment["amount"]),
        "night": int(int(payment["timestamp"][11:13]) < 6),
        "abroad": int(payment["country"] != "AT"),
        "card_absent": int(payment["channel"] in CARD_ABSENT),
        "easy_to_sell": int(payment["merchant_category"] in EASY_TO_SELL),
        "payments_24h": min(payment["transactions_24h"], 10),
    }
'''

CASES = '''\
"""What the call centre has to do: a case for each payment that was stopped."""

LONGEST = 1000


class Cases:
    """The newest cases, in memory."""

    def __init__(self):
        self.open_ones = []

    def open(self, payment, score):
        """Ask for a call to the customer."""
        self.open_ones.append({"transaction": payment["transaction_id"], "score": score})
        del self.open_ones[:-LONGEST]
'''

NEXT_CASES = '''\
"""What the call centre has to do: a case for each payment that was stopped, the most urgent ones first."""

LONGEST = 1000
DESKS = {"chip": "cash desk", "contactless": "cash desk"}


class Cases:
    """The newest cases, in memory."""

    def __init__(self):
        self.open_ones = []

    def open(self, payment, score):
        """Ask for a call to the customer, or to the cash desk where somebody still stands at it."""
        whom = DESKS[payment["channel"]]
        self.open_ones.append({"transaction": payment["transaction_id"], "score": score, "call": whom})
        self.open_ones.sort(key=lambda case: case["score"])
        del self.open_ones[:-LONGEST]
'''

NOW = {"service.py": SERVICE, "scoring.py": SCORING, "cases.py": CASES}
NEXT = NOW | {"cases.py": NEXT_CASES}
FOLDERS = {"now": "releases/now", "next": "releases/next"}
"""Where in a workspace the code lies: what serves, and what the next week brings."""
