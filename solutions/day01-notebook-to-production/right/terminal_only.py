"""All in a terminal: the notebook from a text file with jupytext, a module beside it, papermill's command line,
rounded scores, more keys than asked for, an audit in another order with the cells written as in the notebook."""

import subprocess
from pathlib import Path

AFTER = "start"

Path("audit.csv").write_text(
    "fault,cell,why\n"
    "unseeded,5,sample\nunseeded,cell 6,split\nunseeded,7,forest\n"
    "Leakage,5,copies before the split\nleakage,6,the split comes too late\n"
    "outside_path,2,a share\noutside path,11,two folders up\n"
    "typed-constant,8,threshold\nhidden-state,7,best_depth\nlate-import,3,plt\nlate-import,10,here is the import\n"
)
Path("train_lib.py").write_text(
    '''"""The training, apart from the notebook."""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train(path, seed):
    table = pd.read_csv(path)
    test = table.sample(frac=0.3, random_state=seed).sort_index()
    rest = table.drop(index=test.index)
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    model.fit(rest.drop(columns="is_fraud"), rest["is_fraud"])
    scores = model.predict_proba(test.drop(columns="is_fraud"))[:, 1]
    flagged = scores > 0.8
    return {
        "seed": seed,
        "rows": len(table),
        "test_rows": test.index.tolist(),
        "flagged_rows": sorted(test.index[flagged].tolist()),
        "scores": scores.tolist(),
        "f1": round(f1_score(test["is_fraud"], flagged), 3),
        "average_precision": round(average_precision_score(test["is_fraud"], scores), 3),
        "model": "logistic regression",
        "threshold": 0.8,
    }
'''
)
Path("train.py").write_text(
    """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Fraud team
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Training

# %% tags=["parameters"]
seed, data, out = 7, "data/transactions.csv", "runs/first.json"

# %%
# %matplotlib inline
import json
from pathlib import Path

import matplotlib.pyplot as plt
import train_lib

# %%
result = train_lib.train(data, seed)
plt.bar(["F1"], [result["f1"]])
plt.show()

# %%
Path(out).parent.mkdir(parents=True, exist_ok=True)
Path(out).write_text(json.dumps(result, indent=2))
# !ls
display({"f1": result["f1"]})

# %%
"""
)
COMMANDS = """
set -e
jupytext --quiet --to ipynb train.py
rm train.py
mkdir runs
papermill --no-progress-bar train.ipynb runs/first.ipynb
papermill --no-progress-bar train.ipynb runs/second.ipynb -p out runs/second.json
papermill --no-progress-bar train.ipynb runs/other.ipynb -p out runs/other.json -p seed 8
"""
subprocess.run(["bash", "-c", COMMANDS], check=True)
