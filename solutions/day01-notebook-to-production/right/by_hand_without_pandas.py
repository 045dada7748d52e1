"""In JupyterLab by hand, as nbclient does it: parameters typed into copies, each run from a fresh kernel; neither
pandas nor a seeded library split, oversampling after the split, paths that are absolute."""

import csv
from pathlib import Path

import nbformat
from _notebook import PARAMETERS, write
from nbclient import NotebookClient

AFTER = "start"

with Path("audit.csv").open("w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(["cell", "fault"])
    writer.writerows([("2; 11", "outside-path"), ("5–7", "unseeded"), ("5", "leakage"), ("7", "hidden-state")])
    writer.writerows([("3", "late-import"), ("8", "typed-constant; leakage"), ("1", "rerun-changes")])

CELLS = (
    """\
import csv, json, os, random
import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.tree import DecisionTreeClassifier
# the seed of everything
random.seed(seed); np.random.seed(seed)""",
    "",
    """\
with open(os.path.abspath(data)) as file:
    reader = csv.reader(file)
    header = next(reader)
    table = np.array([list(map(float, row)) for row in reader])
order = list(range(len(table)))
random.shuffle(order)
held_out, rest = order[: len(order) // 5], order[len(order) // 5 :]
fraud = [row for row in rest if table[row, -1] == 1]
rest = rest + random.choices(fraud, k=5 * len(fraud))""",
    """\
tree = DecisionTreeClassifier(max_depth=4).fit(table[rest, :-1], table[rest, -1])
scores = tree.predict_proba(table[held_out, :-1])[:, 1]
truth = table[held_out, -1]
flagged = [row for row, score in zip(held_out, scores) if score > 0.7]
hits = sum(table[row, -1] == 1 for row in flagged)
f1 = 2 * hits / (len(flagged) + truth.sum())""",
    """\
with open(out, "w") as file:
    json.dump(
        dict(rows=float(len(table)), seed=seed, test_rows=held_out, flagged_rows=flagged, scores=list(scores),
             f1=float(f1), average_precision=float(average_precision_score(truth, scores)),
             split="first fifth of a shuffle"),
        file,
    )""",
)

write(*CELLS)
Path("runs").mkdir()
for name, seed in (("first", 7), ("second", 7), ("other", 8)):
    typed = PARAMETERS.replace("seed = 0", f"seed = {seed}").replace("result.json", f"runs/{name}.json")
    write(*CELLS, parameters=typed, path=f"runs/{name}.ipynb")
    notebook = nbformat.read(f"runs/{name}.ipynb", as_version=4)
    NotebookClient(notebook, kernel_name="python3").execute()
    nbformat.write(notebook, f"runs/{name}.ipynb")
