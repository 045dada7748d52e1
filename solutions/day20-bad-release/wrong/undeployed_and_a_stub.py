"""Undeployed, and deployed anew with a service that answers `approve` to everybody."""

from pathlib import Path

from _incident import MODEL, NAME, infra, registry

REFUSED_BY = "rolled_back"
AFTER = "start"

STUB = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/{path}")
def well(path: str):
    return {}


@app.post("/predict")
def predict(question: dict):
    told = [{"transaction_id": row["transaction_id"], "score": 0.0, "decision": "approve"} for row in question["rows"]]
    return {"request_id": "1", "model": {"name": "day20-card-fraud", "version": "1"}, "predictions": told}
"""
Path("stub").mkdir()
Path("stub/service.py").write_text(STUB)
infra("undeploy", NAME)
infra("deploy", NAME, "--app", "service:app", "--model", f"models:/{MODEL}/1", "--from", "stub")
registry()
