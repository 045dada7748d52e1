"""Write `train.ipynb` in variants, and run it as task 4 asks."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

PARAMETERS = 'seed = 0\ndata = "data/transactions.csv"\nout = "result.json"'
IMPORTS = """\
import json

import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import train_test_split"""
SPLIT = """\
table = pd.read_csv(data)
X, y = table.drop(columns="is_fraud"), table["is_fraud"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=y)"""
MODEL = """\
model = RandomForestClassifier(n_estimators=60, random_state=seed).fit(X_train, y_train)
predicted = model.predict(X_test)
scores = model.predict_proba(X_test)[:, 1]"""
RECORD = """\
result = {
    "seed": seed,
    "rows": len(table),
    "test_rows": X_test.index.tolist(),
    "flagged_rows": X_test.index[predicted == 1].tolist(),
    "scores": scores.tolist(),
    "f1": float(f1_score(y_test, predicted)),
    "average_precision": float(average_precision_score(y_test, scores)),
}
with open(out, "w") as file:
    json.dump(result, file)"""
GOOD = (IMPORTS, SPLIT, MODEL, RECORD)


def write(*cells, parameters=PARAMETERS, tags=("parameters",), path="train.ipynb"):
    """Write a notebook with a first cell of parameters."""
    first = new_code_cell(parameters, metadata={"tags": list(tags)})
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    nbformat.write(
        new_notebook(cells=[first, *map(new_code_cell, cells)], metadata={"kernelspec": kernel}),
        path,
    )


RUNS = {"first": 7, "second": 7, "other": 8}


def run(*names):
    """Run `train.ipynb` with papermill: all three runs, or those that are named."""
    import papermill

    Path("runs").mkdir(exist_ok=True)
    for name in names or RUNS:
        parameters = {"seed": RUNS[name], "data": "data/transactions.csv", "out": f"runs/{name}.json"}
        papermill.execute_notebook("train.ipynb", f"runs/{name}.ipynb", parameters=parameters, progress_bar=False)


def imitate(*names):
    """Leave what `run` leaves, without starting kernels: the cells run here, in a namespace for each run."""
    for name in names or RUNS:
        notebook = nbformat.read("train.ipynb", as_version=4)
        values = f'seed = {RUNS[name]}\ndata = "data/transactions.csv"\nout = "runs/{name}.json"'
        injected = new_code_cell(values, metadata={"tags": ["injected-parameters"]})
        tagged = "parameters" in notebook.cells[0].metadata.get("tags", [])
        notebook.cells.insert(1 if tagged else 0, injected)
        namespace = {}
        for number, cell in enumerate(notebook.cells, start=1):
            exec(cell.source, namespace)
            cell.execution_count = number
        nbformat.write(notebook, f"runs/{name}.ipynb")
