"""The training pipeline of the card-fraud team, made smaller: part the rows by time, and train.

    from kfp import local
    from training import card_fraud_retraining

    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="runs", raise_on_error=True)
    done = card_fraud_retraining(path="data/2025-03.csv")
    done.outputs["model"].path, done.outputs["train"].path, done.outputs["test"].path
"""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

component = dsl.component(base_image="registry.example/fraud/python-training:2026.11", install_kfp_package=False)


@component
def part(path: str, train: Output[Dataset], test: Output[Dataset]):
    """The rows with a label: the first two thirds to learn from, the rest to judge by."""
    import csv

    with open(path, newline="") as file:
        head, *rows = csv.reader(file)
    label = head.index("is_fraud")
    rows = [row for row in rows if row[label]]
    late = len(rows) * 2 // 3
    for some, artifact in ((rows[:late], train), (rows[late:], test)):
        with open(artifact.path, "w", newline="") as file:
            csv.writer(file).writerows([head, *some])
        artifact.metadata["rows"] = len(some)


@component
def fit(train: Input[Dataset], trees: int, seed: int, model: Output[Model]):
    """Train a random forest."""
    import joblib
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier

    table = pd.read_csv(train.path)
    rows = table.drop(columns="is_fraud").astype("float64")
    forest = RandomForestClassifier(trees, max_depth=8, min_samples_leaf=4, random_state=seed)
    joblib.dump(forest.fit(rows, table["is_fraud"].astype(int)), model.path)
    model.metadata.update({"train_rows": len(table), "trees": trees})


OUTPUTS = [("model", Model), ("train", Dataset), ("test", Dataset)]


@dsl.pipeline(name="card-fraud-retraining", description="Train on one month, and keep its last third to judge by.")
def card_fraud_retraining(path: str, trees: int = 40, seed: int = 7) -> NamedTuple("Outputs", OUTPUTS):
    # What reads from outside of the pipeline is not taken from a cache.
    parted = part(path=path).set_caching_options(False)
    fitted = fit(train=parted.outputs["train"], trees=trees, seed=seed)
    return NamedTuple("Outputs", OUTPUTS)(
        model=fitted.outputs["model"], train=parted.outputs["train"], test=parted.outputs["test"]
    )
