"""The code of day 20's service: the release that worked, the next one, and what may be wrong with that.

Each file of the next release differs from the one before. All of these changes are harmless but one: the fault.
The parts import nothing from each other, so that a file of one release fits into the other.
"""

from __future__ import annotations

from dataclasses import dataclass

CLASSES = ("preprocessing", "stale_features", "threshold", "slow", "leak", "model")
CARD = "scorecard.json"
"""The file of a model."""
CURRENT, OLD, COUNTS = "usual_amounts_2025-05.csv", "usual_amounts_2024-11.csv", "payments_24h_2025-05-31.csv"

SERVICE = '''\
"""Card fraud: payments come in, scores and decisions go out."""

import os
import time
import uuid
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Header
from pydantic import BaseModel, ConfigDict, Field

import features
import policy
from customers import Customers
from model import Scorecard
from predictions import Log

served = {}


def load():
    """All that a prediction needs."""
    return {
        "model": Scorecard(os.environ["MODEL_URI"]),
        "customers": Customers(),
        "policy": policy.read(os.environ["MODEL_VERSION"]),
        "log": Log(os.environ["PREDICTION_LOG"]),
    }


@asynccontextmanager
async def lifespan(app):
    served.update(load())
    yield
    served.clear()


app = FastAPI(title="card fraud", lifespan=lifespan)


class Payment(BaseModel):
    model_config = ConfigDict(extra="forbid")

    transaction_id: str
    timestamp: str
    customer_id: str
    merchant_category: str
    channel: str
    country: str
    amount: float = Field(gt=0)
    transactions_24h: int | None = Field(None, ge=0)


class Question(BaseModel):
    rows: list[Payment] = Field(min_length=1, max_length=100)


@app.get("/health")
def health():
    return {"status": "alive"}


@app.get("/ready")
def ready():
    return {"ready": True}


@app.post("/predict")
def predict(question: Question, x_request_id: Annotated[str | None, Header()] = None):
    began = time.perf_counter()
    request_id = x_request_id or str(uuid.uuid4())
    predictions, lines = [], []
    for row in question.rows:
        payment = row.model_dump()
        seen = features.make(payment, served["customers"])
        score = served["model"].score(seen)
        answer = {
            "transaction_id": payment["transaction_id"],
            "score": score,
            "decision": policy.decide(score, served["policy"]),
            "reasons": served["model"].reasons(seen),
        }
        predictions.append(answer)
        lines.append((payment, seen, answer))
    served["log"].write(request_id, lines, time.perf_counter() - began)
    model = {"name": os.environ["MODEL_NAME"], "version": os.environ["MODEL_VERSION"]}
    return {"request_id": request_id, "model": model, "predictions": predictions}
'''

FEATURES = '''\
"""What the model sees: made of a payment, and of what the bank knows about its customer."""

import math
from datetime import datetime

CARD_ABSENT = {"online", "phone"}
EASY_TO_SELL = {"electronics", "travel", "digital"}


def make(payment, customers):
    """The numbers of one payment, by name."""
    moment = datetime.fromisoformat(payment["timestamp"])
    amount = payment["amount"]
    usual = customers.usual_amount(payment["customer_id"])
    count = payment["transactions_24h"]
    if count is None:
        # Old cash desks do not send it.
        count = customers.payments_24h(payment["customer_id"])
    return {
        "log_amount": math.log(1 + amount),
        "log_to_usual": math.log(amount / usual),
        "night": int(moment.hour < 6),
        "abroad": int(payment["country"] != "AT"),
        "card_absent": int(payment["channel"] in CARD_ABSENT),
        "easy_to_sell": int(payment["merchant_category"] in EASY_TO_SELL),
        "payments_24h": min(count, 10),
    }
'''

CUSTOMERS = '''\
"""What the bank knows about its customers: tables from the feature store, a copy with each release."""

import csv
import json
import statistics
from pathlib import Path

HERE = Path(__file__).parent


def read(name, column, kind):
    """One column of a table, by customer."""
    with open(HERE / "tables" / name, newline="") as file:
        return {row["customer_id"]: kind(row[column]) for row in csv.DictReader(file)}


class Customers:
    """Both tables, in memory."""

    def __init__(self):
        settings = json.loads((HERE / "settings.json").read_text())
        self.amounts = read(settings["usual_amounts"], "usual_amount", float)
        self.counts = read(settings["payments_24h"], "payments_24h", int)
        self.middle = statistics.median(self.amounts.values())

    def usual_amount(self, customer):
        """What the customer usually pays; for one we do not know, what all do."""
        return self.amounts.get(customer, self.middle)

    def payments_24h(self, customer):
        """How many payments the nightly job counted."""
        return self.counts.get(customer, 1)
'''

MODEL = '''\
"""The scorecard: a weight for each feature, and a logistic curve."""

import json
import math
from pathlib import Path


class Scorecard:
    """A version of the registered model."""

    def __init__(self, folder):
        card = json.loads(Path(folder, "scorecard.json").read_text())
        self.intercept, self.weights = card["intercept"], card["weights"]

    def score(self, seen):
        """How likely it is fraud, from 0 to 1."""
        points = self.intercept + sum(weight * seen[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-points))

    def reasons(self, seen):
        """The two features that speak most for fraud."""
        points = {name: weight * seen[name] for name, weight in self.weights.items()}
        names = sorted(points, key=points.get, reverse=True)[:2]
        return [f"{name} {points[name]:+.2f}" for name in names]
'''

POLICY = '''\
"""From a score to a decision, by the thresholds in policy.json: each version of the model has its own."""

import json
from pathlib import Path


def read(version):
    """The thresholds that were approved for this version."""
    return json.loads((Path(__file__).parent / "policy.json").read_text())[version]


def decide(score, thresholds):
    """`approve` lets a payment through, `review` calls the customer, `block` refuses it."""
    if score >= thresholds["block"]:
        return "block"
    if score >= thresholds["review"]:
        return "review"
    return "approve"
'''

THRESHOLDS = """\
{
  "1": {"review": 0.08, "block": 0.5},
  "2": {"review": 0.68, "block": 0.96}
}
"""

PREDICTIONS = '''\
"""The log of predictions: one line of JSON for each payment. No customer is named in it."""

import json
import os
from datetime import UTC, datetime


class Log:
    """Appends to the file PREDICTION_LOG."""

    def __init__(self, path):
        self.path = path

    def write(self, request_id, lines, seconds):
        """Add the payments of one request, which took so many seconds."""
        head = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": request_id,
            "release": os.environ["RELEASE"],
            "model_version": os.environ["MODEL_VERSION"],
            "milliseconds": round(seconds * 1000, 2),
        }
        with open(self.path, "a") as file:
            for payment, seen, answer in lines:
                line = head | {
                    "transaction_id": payment["transaction_id"],
                    "score": answer["score"],
                    "decision": answer["decision"],
                    "features": seen,
                }
                file.write(json.dumps(line) + "\\n")
'''

SETTINGS = f"""\
{{
  "usual_amounts": "{CURRENT}",
  "payments_24h": "{COUNTS}"
}}
"""

LAST = {
    "service.py": SERVICE,
    "features.py": FEATURES,
    "customers.py": CUSTOMERS,
    "model.py": MODEL,
    "policy.py": POLICY,
    "policy.json": THRESHOLDS,
    "predictions.py": PREDICTIONS,
    "settings.json": SETTINGS,
}
"""The release that worked."""


_READ = """\
    text = (Path(__file__).parent / "policy.json").read_text(encoding="utf-8")
    return json.loads(text)[version]
"""
_POINTS = """\
    def points(self, seen):
        return {name: weight * seen[name] for name, weight in self.weights.items()}

"""
_LINES = """\
  "1": {"review": 0.08, "block": 0.5},
  "2": {"review": 0.68, "block": 0.96},
"""
_SWAPPED = """\
  "1": {"review": 0.68, "block": 0.96},
  "2": {"review": 0.08, "block": 0.5},
"""
_PERCENT = """\
  "1": {"review": 8, "block": 50},
  "2": {"review": 68, "block": 96},
"""
_ORDER = (
    """\
    if score >= thresholds["block"]:
        return "block"
    if score >= thresholds["review"]:
        return "review"
""",
    """\
    if score >= thresholds["review"]:
        return "review"
    if score >= thresholds["block"]:
        return "block"
""",
)
_SAMPLED = (
    ("import math\n", "import math\nimport random\n"),
    ("\n\nclass Scorecard", "\nORDERS = 1000\n\n\nclass Scorecard"),
    (
        """\
        points = self.points(seen)
        names =""",
        """\
        # The mean over many orders in which the features may come.
        points = dict.fromkeys(self.weights, 0.0)
        for turn in range(ORDERS):
            names = random.Random(turn).sample(list(self.weights), len(self.weights))
            for count, name in enumerate(names):
                before = sum(self.weights[each] * seen[each] for each in names[:count])
                points[name] += (before + self.weights[name] * seen[name] - before) / ORDERS
        names =""",
    ),
)
_KEPT = (
    ("import math\n", "import math\nfrom collections import deque\n"),
    (
        'card["weights"]\n',
        'card["weights"]\n        # No more than six reasons at once.\n        self.found = deque(maxlen=6)\n',
    ),
    (
        """\
        names = sorted(points, key=points.get, reverse=True)[:3]
        return [f"{name} {points[name]:+.2f}" for name in names]
""",
        """\
        for name in sorted(points, key=points.get, reverse=True)[:3]:
            self.found.append(f"{name} {points[name]:+.2f}")
        return list(self.found)
""",
    ),
)
_TERMS = "weight * seen[name] for name, weight in self.weights.items()"
_FIRST = 'self.table = min(path.name for path in (HERE / "tables").glob("usual_*"))'
_BY_NAME, _BY_TABLE = 'read(settings["usual_amounts"]', "read(self.table"
_COUNT = """\
    count = payment["transactions_24h"]
    if count is None:
        # Old cash desks do not send it.
        count ="""
_REASONS = '            "reasons": served["model"].reasons(seen),\n'
_CUSTOMER = (
    '            "customer": [payment["customer_id"], served["customers"].usual_amount(payment["customer_id"])],\n'
)

Edits = tuple[tuple[str, str], ...]
"""In a file, each time the second text in place of the first."""

TIDIED: dict[str, Edits] = {
    "service.py": (
        ('title="card fraud", lifespan', 'title="card fraud", version="2025.6", lifespan'),
        ("str(uuid.uuid4())\n    predictions, lines = [], []", "uuid.uuid4().hex\n    lines = []"),
        ("        predictions.append(answer)\n", ""),
        ("    model = {", "    answers = [answer for _, _, answer in lines]\n    model = {"),
        ('"predictions": predictions', '"predictions": answers'),
    ),
    "features.py": (
        ('{"online", "phone"}', '("online", "phone")'),
        ("math.log(1 + amount)", "math.log1p(amount)"),
        ("math.log(amount / usual)", "math.log(amount) - math.log(usual)"),
        ('payment["timestamp"])\n', 'payment["timestamp"])\n    hour = moment.hour\n'),
        ("int(moment.hour < 6)", "int(hour in range(6))"),
    ),
    "customers.py": (
        ('newline=""', 'encoding="utf-8", newline=""'),
        (
            "        self.amounts = read(settings",
            '        self.table = settings["usual_amounts"]\n        self.amounts = read(settings',
        ),
        ("median(self.amounts.values())", "median([*self.amounts.values()])"),
    ),
    "model.py": (
        ('"scorecard.json").read_text()', '"scorecard.json").read_text(encoding="utf-8")'),
        (f"sum({_TERMS})", "math.fsum(self.points(seen).values())"),
        (f"        points = {{name: {_TERMS}}}\n", "        points = self.points(seen)\n"),
        ("    def reasons", _POINTS + "    def reasons"),
        ("The two features", "The three features"),
        ("reverse=True)[:2]", "reverse=True)[:3]"),
    ),
    "policy.py": (('    return json.loads((Path(__file__).parent / "policy.json").read_text())[version]\n', _READ),),
    "policy.json": (('"block": 0.96}\n', '"block": 0.96},\n  "approved_by": "fraud operations"\n'),),
    "predictions.py": (
        (
            '            "model_version"',
            '            "model_name": os.environ["MODEL_NAME"],\n            "model_version"',
        ),
        ("round(seconds * 1000, 2)", "round(seconds * 1000, 3)"),
    ),
    "settings.json": (('"\n}', '",\n  "owner": "card fraud"\n}'),),
}
"""What the next release changes without harm."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a release: of which class it is, and in which file. In a model, a weight is spoilt."""

    kind: str
    file: str
    edits: Edits = ()
    spoilt: str = ""


FAULTS = (
    Fault(
        "preprocessing",
        "features.py",
        (
            (
                'amount = payment["amount"]',
                '# Whole numbers, as the ledger has them.\n    amount = round(payment["amount"] * 100)',
            ),
        ),
    ),
    Fault(
        "preprocessing",
        "features.py",
        (
            (
                "hour = moment.hour",
                "# Cash desks send UTC, and we are two hours ahead.\n    hour = (moment.hour + 2) % 24",
            ),
        ),
    ),
    Fault("preprocessing", "features.py", (("math.log1p(amount)", "math.log10(1 + amount)"),)),
    Fault("stale_features", "settings.json", ((CURRENT, OLD),)),
    Fault(
        "stale_features", "customers.py", (('self.table = settings["usual_amounts"]', _FIRST), (_BY_NAME, _BY_TABLE))
    ),
    Fault("stale_features", "features.py", ((_COUNT, "    # The same source for all payments.\n    count ="),)),
    Fault("threshold", "policy.json", ((_LINES, _SWAPPED),)),
    Fault("threshold", "policy.json", ((_LINES, _PERCENT),)),
    Fault("threshold", "policy.py", (_ORDER,)),
    Fault(
        "slow",
        "service.py",
        (
            (
                "    began = time.perf_counter()\n",
                "    began = time.perf_counter()\n    # New tables count at once.\n    served.update(load())\n",
            ),
        ),
    ),
    Fault("slow", "customers.py", (("self.amounts.get(", 'read(self.table, "usual_amount", float).get('),)),
    Fault("slow", "model.py", _SAMPLED),
    Fault("leak", "model.py", _KEPT),
    Fault(
        "leak",
        "predictions.py",
        (
            (
                '                    "features": seen,\n',
                '                    "features": seen,\n                    "payment": payment,\n',
            ),
        ),
    ),
    Fault("leak", "service.py", ((_REASONS, _REASONS + _CUSTOMER),)),
    Fault("model", CARD, spoilt="abroad"),
    Fault("model", CARD, spoilt="log_to_usual"),
)
"""All that may be wrong."""


def release(fault: Fault | None = None) -> dict[str, str]:
    """Return the code of the next release, with a fault or without one."""
    files = {name: _edited(text, TIDIED[name]) for name, text in LAST.items()}
    if fault and fault.edits:
        files[fault.file] = _edited(files[fault.file], fault.edits)
    return files


def _edited(text: str, edits: Edits) -> str:
    for old, new in edits:
        assert text.count(old) == 1, f"{text.count(old)} times: {old}"
        text = text.replace(old, new)
    return text
