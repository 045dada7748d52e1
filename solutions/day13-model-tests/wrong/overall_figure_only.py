"""One number for the whole table, as before: the area under the curve must be 0.9 or more."""

from pathlib import Path

REFUSED_BY = "gate_decides"
AFTER = "start"

Path("gate.py").write_text("""\
import json, sys
import mlflow.sklearn
import pandas as pd
from sklearn.metrics import roc_auc_score

table = pd.read_csv(sys.argv[1] + "/rows.csv")
model = mlflow.sklearn.load_model(sys.argv[1] + "/model")
score = model.predict_proba(table.drop(columns="is_fraud"))[:, 1]
failed = [] if roc_auc_score(table["is_fraud"], score) >= 0.9 else ["slices"]
json.dump({"failed": failed}, open("report.json", "w"))
sys.exit(1 if failed else 0)
""")
