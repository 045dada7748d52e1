"""In Python in one go: helpers that travel along, boosting, settings as a dict, a decision in two steps."""

from pathlib import Path

from _kfp import build

Path("pipeline.py").write_text('''
from typing import NamedTuple

from kfp.dsl import *


def columns_of(rows):
    import pandas as pd

    when = pd.to_datetime(rows["timestamp"])
    return pd.DataFrame({
        "amount": rows["amount"], "hour": when.dt.hour, "weekday": when.dt.dayofweek,
        "foreign": (rows["country"] != "AT").astype(int), "phone": (rows["channel"] == "phone").astype(int),
        "online": (rows["channel"] == "online").astype(int), "count": rows["transactions_24h"],
    })


@component(install_kfp_package=False)
def take(where: str, since: str, learn: Output[Dataset], judge: Output[Dataset]) -> str:
    """Load and part in one step."""
    import pandas as pd

    rows = pd.read_csv(where)
    late = pd.to_datetime(rows["timestamp"]) >= pd.Timestamp(since)
    rows[~late].to_json(learn.path, orient="records", lines=True)
    rows[late].to_json(judge.path, orient="records", lines=True)
    return f"{(~late).sum()} and {late.sum()}"


@component(install_kfp_package=False, additional_funcs=[columns_of])
def boost(learn: Input[Dataset], settings: dict, seed: int, note: str, booster: Output[Model]):
    import joblib
    import pandas as pd
    from sklearn.ensemble import GradientBoostingClassifier

    rows = pd.read_json(learn.path, lines=True)
    whole = {key: int(value) for key, value in settings.items()}
    model = GradientBoostingClassifier(**whole, subsample=0.5, random_state=seed)
    booster.path = booster.path + ".joblib"
    joblib.dump(model.fit(columns_of(rows), rows["is_fraud"]), booster.path)
    booster.metadata["note"] = note


@component(install_kfp_package=False)
def settle(trees: int, depth: int) -> dict:
    return {"n_estimators": trees, "max_depth": depth}


@component(install_kfp_package=False, additional_funcs=[columns_of])
def score(
    judge: Input[Dataset], booster: Input[Artifact], predictions: Output[Dataset], numbers: Output[Metrics]
) -> float:
    import joblib
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    rows = pd.read_json(judge.path, lines=True)
    scores = joblib.load(booster.path).predict_proba(columns_of(rows))[:, 1]
    rows.assign(score=scores).drop(columns=["is_fraud"]).to_csv(predictions.path)
    numbers.metadata = {"auc": roc_auc_score(rows["is_fraud"], scores), "test_rows": len(rows), "model": "boosting"}
    return numbers.metadata["auc"]


@component(install_kfp_package=False)
def compare(measured: float, least: float) -> bool:
    return measured >= least


@component(install_kfp_package=False)
def speak(good: bool, measured: float, least: float) -> NamedTuple("Said", decision=str, reason=str):
    word = "above" if good else "below"
    return ("promote" if good else "reject", f"AUC {measured:.2f}, {word} what is demanded ({least})")


@pipeline(name="card-fraud-training")
def card_fraud_training(
    data: str = "data/payments.csv", test_from: str = "2025-03-05", n_estimators: int = 12, max_depth: int = 2,
    seed: int = 1, min_auc: float = 0.9,
) -> NamedTuple("Out", model=Model, predictions=Dataset, metrics=Metrics, decision=str, reason=str):
    taken = take(where=data, since=test_from)
    taken.set_caching_options(enable_caching=False)
    taken.set_retry(num_retries=3)
    settled = settle(trees=n_estimators, depth=max_depth)
    note = f"rows: {taken.outputs['Output']}"
    boosted = boost(learn=taken.outputs["learn"], settings=settled.output, seed=seed, note=note)
    boosted.set_cpu_limit("1").set_memory_limit("1Gi").set_accelerator_limit(0)
    scored = score(judge=taken.outputs["judge"], booster=boosted.outputs["booster"])
    measured = scored.outputs["Output"]
    said = speak(good=compare(measured=measured, least=min_auc).output, measured=measured, least=min_auc)
    out = NamedTuple("Out", model=Model, predictions=Dataset, metrics=Metrics, decision=str, reason=str)
    return out(
        model=boosted.outputs["booster"], predictions=scored.outputs["predictions"], metrics=scored.outputs["numbers"],
        decision=said.outputs["decision"], reason=said.outputs["reason"],
    )
''')
build()
