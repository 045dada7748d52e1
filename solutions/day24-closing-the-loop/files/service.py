"""A small service around the champion, for those who want to deploy for real: day 17 in 25 lines."""

import os
from contextlib import asynccontextmanager

import mlflow.sklearn
import pandas as pd
from fastapi import FastAPI

served = {}


@asynccontextmanager
async def lifespan(app):
    served["model"] = mlflow.sklearn.load_model(os.environ["MODEL_URI"])
    yield


app = FastAPI(title="card fraud", lifespan=lifespan)


@app.get("/health")
def health():
    return {"status": "alive", "version": os.environ.get("MODEL_VERSION")}


@app.post("/predict")
def predict(rows: list[dict[str, float]]):
    table = pd.DataFrame(rows)[list(served["model"].feature_names_in_)]
    return {"scores": served["model"].predict_proba(table)[:, 1].tolist()}
