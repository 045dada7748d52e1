"""What the loop begins with: `python first_champion.py` registers a model that learned from March as the champion.

Run it again to begin anew: the new version becomes champion, and the older ones stay for the record.
"""

import hashlib
import logging
import os
import warnings
from pathlib import Path

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
warnings.filterwarnings("ignore")

import mlflow
import mlflow.sklearn
import pandas as pd
import skops.io
from mlflow.models import infer_signature
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score

logging.getLogger("mlflow").setLevel(logging.ERROR)
NAME, MONTH = "day24-card-fraud", "2025-03"


def fitted(rows, labels):
    return RandomForestClassifier(40, max_depth=8, min_samples_leaf=4, random_state=7).fit(rows, labels)


def main():
    file = Path("data", f"{MONTH}.csv")
    table = pd.read_csv(file)
    rows, labels = table.drop(columns="is_fraud").astype("float64"), table["is_fraud"]
    late = len(table) * 2 // 3
    trial = fitted(rows[:late], labels[:late])
    measured = average_precision_score(labels[late:], trial.predict_proba(rows[late:])[:, 1])

    model = fitted(rows, labels)
    mlflow.set_experiment("day24-first-champion")
    with mlflow.start_run(run_name=MONTH):
        mlflow.log_metric("average_precision", measured)
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(rows.head(20), model.predict_proba(rows.head(20))),
            pip_requirements=["scikit-learn", "skops"],
            pyfunc_predict_fn="predict_proba",
            skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(model)),
        )
    tags = {
        "month": MONTH,
        "data_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "average_precision": f"{measured:.4f}",
    }
    version = mlflow.register_model(logged.model_uri, NAME, tags=tags).version
    mlflow.MlflowClient().set_registered_model_alias(NAME, "champion", version)
    print(f"{NAME}: version {version}, which learned from {MONTH}, is the champion")


if __name__ == "__main__":
    main()
