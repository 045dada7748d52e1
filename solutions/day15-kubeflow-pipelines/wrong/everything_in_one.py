"""Load, prepare, train, evaluate and decide in one component: it runs, and there is no graph."""

from pathlib import Path

from _kfp import build

REFUSED_BY = "steps_are_wired"
AFTER = "solution"

text = Path("pipeline.py").read_text()
head, tail = text.split("\n\nOUTPUTS = ")
one = """

@component
def do_it_all(
    data: str, test_from: str, n_estimators: int, max_depth: int, seed: int, min_auc: float,
    model: Output[Model], predictions: Output[Dataset], metrics: Output[Metrics],
) -> NamedTuple("Decision", [("decision", str), ("reason", str)]):
    import joblib
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score

    rows = pd.read_csv(data)
    numbers = rows[["amount", "transactions_24h"]].assign(foreign=rows["country"] != "AT")
    late = rows["timestamp"] >= test_from
    forest = RandomForestClassifier(n_estimators=n_estimators, max_depth=max_depth, random_state=seed)
    forest.fit(numbers[~late], rows["is_fraud"][~late])
    joblib.dump(forest, model.path)
    test = rows[late].assign(score=forest.predict_proba(numbers[late])[:, 1])
    test[["transaction_id", "score"]].to_csv(predictions.path, index=False)
    auc = float(roc_auc_score(test["is_fraud"], test["score"]))
    metrics.log_metric("auc", auc)
    metrics.log_metric("test_rows", len(test))
    return ("promote" if auc >= min_auc else "reject", f"the AUC is {auc:.4f}")
"""
signature, body = tail.split("    loaded = load(")
wired = """    done = do_it_all(
        data=data, test_from=test_from, n_estimators=n_estimators, max_depth=max_depth, seed=seed, min_auc=min_auc
    )
    done.set_caching_options(False).set_retry(2).set_cpu_limit("2").set_memory_limit("2G")
    return NamedTuple("Outputs", OUTPUTS)(
        **{name: done.outputs[name] for name in ("model", "predictions", "metrics", "decision", "reason")}
    )
"""
Path("pipeline.py").write_text(head + one + "\n\nOUTPUTS = " + signature + wired)
build()
