"""What the data science team hands over: `python handover.py` registers their models in MLflow.

It trains a forest on the payments of March and April, and a simpler model that was an experiment. Both become versions
of `day18-card-fraud`; the alias `champion` names the one that was approved. Run it once; each run makes new versions.
"""

import logging
import os
import warnings

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
warnings.filterwarnings("ignore")
logging.getLogger("mlflow").setLevel(logging.ERROR)

import mlflow
import mlflow.sklearn
import pandas as pd
import skops.io
from mlflow.models import infer_signature
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NAME = "day18-card-fraud"


def main():
    table = pd.read_csv("data/payments.csv")
    rows, labels = table.drop(columns="is_fraud"), table["is_fraud"]
    # What a service is asked may have fractions where these months happen to have none.
    rows = rows.astype({"amount": "float64", "amount_to_usual": "float64"})
    forest = RandomForestClassifier(60, max_depth=8, min_samples_leaf=4, random_state=7)
    line = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=500))
    mlflow.set_experiment("day18-handover")
    versions = {}
    for name, model in {"forest": forest, "line": line}.items():
        model.fit(rows, labels)
        with mlflow.start_run(run_name=name):
            logged = mlflow.sklearn.log_model(
                model,
                name="model",
                signature=infer_signature(rows.head(20), model.predict_proba(rows.head(20))),
                pip_requirements=["scikit-learn", "skops"],
                pyfunc_predict_fn="predict_proba",
                skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(model)),
            )
        versions[name] = mlflow.register_model(logged.model_uri, NAME).version
    client = mlflow.MlflowClient()
    client.update_model_version(NAME, versions["forest"], description="60 trees, approved.")
    client.update_model_version(NAME, versions["line"], description="An experiment with class weights. Not approved.")
    client.set_registered_model_alias(NAME, "champion", versions["forest"])
    print(f"{NAME}: version {versions['forest']} is the champion, version {versions['line']} is the newest")


if __name__ == "__main__":
    main()
