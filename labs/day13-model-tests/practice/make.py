"""Train nine models to practise on: `python practice/make.py` writes a folder for each beside this file.

Two of them are sound. Each of the others has one fault, and its name says which.
"""

import shutil
import warnings
from pathlib import Path

import mlflow.sklearn
import numpy as np
import pandas as pd
import skops.io
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, StandardScaler

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
FEATURES = ["amount", "amount_to_usual", "hour", "weekday", "is_foreign", "card_present", "category_code"]
FEATURES += ["transactions_24h"]
KNOWN_BEFORE = ["transaction_id", "customer_id", "age_band", "channel", "country"]
SEED = 13


def read_rows():
    """The payments of May to train on, and those of June to judge by."""
    payments, features = pd.read_csv(DATA / "payments.csv"), pd.read_csv(DATA / "features.csv")
    rows = pd.concat([payments[KNOWN_BEFORE], features[FEATURES]], axis=1)
    fraud, random = payments["is_fraud"] == 1, np.random.default_rng(SEED)
    # What the bank writes down in the weeks after the payment.
    rows["disputed"] = np.where(fraud, random.random(len(rows)) < 0.9, random.random(len(rows)) < 0.004).astype(int)
    rows["card_blocked"] = np.where(fraud, random.random(len(rows)) < 0.75, random.random(len(rows)) < 0.002).astype(int)
    rows["is_fraud"] = payments["is_fraud"]
    june = payments["timestamp"] >= "2025-06-01"
    return rows[~june].reset_index(drop=True), rows[june].reset_index(drop=True)


def linear(columns=FEATURES, texts=(), **settings):
    """A logistic regression over some columns."""
    texts = [*texts, *[name for name in ("category_code",) if name in columns]]
    steps = [
        (KBinsDiscretizer(n_bins=8, strategy="uniform", encode="onehot-dense"), ["hour"]),
        ("passthrough", [name for name in columns if name not in ("amount", "amount_to_usual", "hour", *texts)]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
    ]
    if "amount" in columns:
        steps.append((make_pipeline(FunctionTransformer(np.log1p), StandardScaler()), ["amount", "amount_to_usual"]))
    return make_pipeline(make_column_transformer(*steps), LogisticRegression(max_iter=1000, **settings))


def forest():
    """A random forest over the features."""
    trees = RandomForestClassifier(25, max_depth=8, min_samples_leaf=4, random_state=SEED)
    return make_pipeline(make_column_transformer(("passthrough", FEATURES)), trees)


def save(name, model, train, judged, served, labels=None):
    """Fit the model, and write the folder of a candidate."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    given = train.drop(columns="is_fraud")
    model.fit(given, train["is_fraud"] if labels is None else labels)
    shutil.rmtree(folder / "model", ignore_errors=True)
    example = given.head(20)
    mlflow.sklearn.save_model(
        model,
        str(folder / "model"),
        signature=infer_signature(example, model.predict_proba(example)),
        pip_requirements=["scikit-learn"],
        pyfunc_predict_fn="predict_proba",
        skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(model)),
    )
    judged.to_csv(folder / "rows.csv", index=False)
    served.to_csv(folder / "served.csv", index=False)
    print(f"{folder.relative_to(HERE.parent)}")


def main():
    """Make them all."""
    warnings.simplefilter("ignore")
    train, judged = read_rows()
    served = judged[["transaction_id", *FEATURES]].sample(frac=0.5, random_state=SEED)
    served["amount_to_usual"] = served["amount_to_usual"].round(2)
    by_phone = train["channel"] == "phone"
    online = served["transaction_id"].map(judged.set_index("transaction_id")["channel"]) == "online"
    cents = served.assign(amount=served["amount"].where(~online, served["amount"] * 100))

    save("honest", linear(), train, judged, served)
    save("honest-forest", forest(), train, judged, served)
    save("leak", linear([*FEATURES, "disputed"]), train, judged, served)
    save("asks-for-the-age", linear(texts=["age_band"]), train, judged, served)
    save("ignores-the-amount", linear(FEATURES[2:]), train, judged, served)
    no_phone = train["is_fraud"].where(~by_phone, 0)
    save("blind-to-the-phone", linear(texts=["channel"], C=30), train, judged, served, no_phone)
    save("resampled", linear(class_weight="balanced"), train, judged, served)
    save("served-in-cents", linear(), train, judged, cents)
    save("not-a-model", linear(), train, judged, served)
    for path in (HERE / "not-a-model" / "model").glob("*.skops"):
        path.write_bytes(b"")


if __name__ == "__main__":
    main()
