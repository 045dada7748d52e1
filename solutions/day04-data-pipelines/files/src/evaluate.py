"""Score the test payments, and say how good the alarms are."""

import json
from pathlib import Path

import joblib
import pandas as pd
from common import FEATURES

THRESHOLD = 0.3

test = pd.read_csv("build/test_features.csv")
model = joblib.load("build/model.joblib")["model"]
scores = test[["transaction_id", "is_fraud"]].assign(score=model.predict_proba(test[FEATURES])[:, 1].round(6))
scores.to_csv("scores.csv", index=False)


def rates(threshold):
    """Return precision and recall of the alarms at a threshold; 0 where there is nothing to divide by."""
    alarm, fraud = scores["score"] >= threshold, scores["is_fraud"] == 1
    hits = int((alarm & fraud).sum())
    return hits / max(1, int(alarm.sum())), hits / max(1, int(fraud.sum()))


precision, recall = rates(THRESHOLD)
alarms = int((scores["score"] >= THRESHOLD).sum())
Path("metrics.json").write_text(json.dumps({"precision": precision, "recall": recall, "alarms": alarms}, indent=2) + "\n")
curve = [(step / 20, *rates(step / 20)) for step in range(1, 19)]
pd.DataFrame(curve, columns=["threshold", "precision", "recall"]).to_csv("curve.csv", index=False)
