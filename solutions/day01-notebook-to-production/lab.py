# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Day 1: From notebook to production
#
# About an hour. You work in this folder, in this notebook, in a terminal, or in both: only what stands at the end
# counts.

# %% [markdown]
# ## Why
#
# The card-fraud team of a bank has a model. It is a notebook, `legacy.ipynb`, and its F1 stands on a slide that
# went to the head of risk. The author has moved to another team. Now you are asked to train the model on
# February, and first to confirm the number for January.
#
# You open the notebook, restart the kernel, run all cells, and the second cell stops. You mend the path, and the
# next one stops. In the end everything runs, and each run gives another F1. Which one is on the slide? Nobody can
# say. Worse: one cell makes the score look far better than it is, and no error will ever tell you.
#
# Google's guide to MLOps calls this **level 0**: every step is done by hand, and what is handed over is a model
# and no way to make it again. The levels after it build on one property that you make today: **anybody can run
# it, and the same inputs give the same result.** A pipeline that runs a notebook like this one every night only
# makes wrong numbers faster.
#
# The tools of today:
#
# - **scikit-learn**, where one argument, `random_state`, decides whether a result can be had again.
# - **papermill**, which runs a notebook from a clean kernel, with parameters from outside, and keeps the executed
#   copy as a record. It comes from the nteract project; Netflix made it known in 2018 by telling how it schedules
#   its notebooks with it.

# %% [markdown]
# ## End state
#
# <!-- end state -->
#
# The checker runs `train.ipynb` itself, in another folder, on your rows, on rows that you never saw, and on these
# again with other labels for the rows that you hold out. So it is no use to write the right numbers into a file.

# %% [markdown]
# ## Do
#
# What lies in this folder:
#
# | file | what it is |
# |---|---|
# | `legacy.ipynb` | the colleague's notebook; leave it as it is |
# | `data/transactions.csv` | one row for each card payment of January; `is_fraud` is the label, between 1 and 2 of 100 rows are fraud |
# | `dice.ipynb` | a small notebook with parameters, to try papermill on |

# %% [markdown]
# ### Task 1: Audit the notebook
#
# Open `legacy.ipynb` and **read** it as if you had to run it tomorrow on a fresh machine. The first line of each
# code cell has its number (`# cell 4`). The numbers in the square brackets show in which order the cells ran
# last; notice what they tell you.
#
# Write `audit.csv`: the columns `cell,fault`, and one line for each code cell and each fault that it has. These
# are the faults that an audit may name. Six of them are there, some in more than one cell; two are not there.
#
# | fault | what it means | what happens to the next person |
# |---|---|---|
# | `hidden-state` | the cell uses a name that no cell above it sets; it lived only in the author's kernel | `NameError`, or another value |
# | `late-import` | the cell uses a library that only a later cell imports | `NameError` from a clean kernel |
# | `leakage` | rows that will be tested are copied to where they will be trained on | a score that production will never see |
# | `needs-network` | the cell downloads something while it runs | fails, or gets something newer |
# | `outside-path` | the cell reads or writes outside the notebook's folder | `FileNotFoundError`, or a result that lands somewhere |
# | `rerun-changes` | run twice, the cell changes again what it has changed already, such as dividing a column by 100 in place | a silent second change |
# | `typed-constant` | a number was read off an earlier output and typed in | right for the old data only |
# | `unseeded` | the cell draws at random and no seed is given | another result each time |
#
# For example, take this cell of another notebook:
#
# ```python
# # cell 3
# sample = prices.sample(100)
# sample["price"] = sample["price"] - 17.3048   # the mean, see above
# ```
#
# It draws at random without a seed, and its constant was typed in from an output. Its lines would be:
#
# ```
# cell,fault
# 3,unseeded
# 3,typed-constant
# ```
#
# Every fault is worth the same, when all of its cells are named. Lines that accuse a cell wrongly are false
# alarms: more than two of them, and the audit earns nothing, since nobody reads an audit that cries wolf.
#
# <details><summary>Hint</summary>
#
# Go through the notebook once for each fault, not once for each cell. For `unseeded`: which calls draw at random?
# Sampling rows, splitting rows and growing a random forest are three different draws. For `leakage`: follow a
# single fraud row. After the cell that repeats rows, how many copies of it are there, and which side of the split
# does each go to?
# </details>

# %% nbgrader={"grade": false, "grade_id": "audit", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
from pathlib import Path

Path("audit.csv").write_text("""cell,fault
2,outside-path
3,late-import
5,leakage
5,unseeded
6,unseeded
7,unseeded
7,hidden-state
8,typed-constant
11,outside-path
""")
### END SOLUTION

# %% [markdown]
# ### Task 2: Give a notebook parameters
#
# First see it on something else. `dice.ipynb` throws a die. One of its cells has the **cell tag** `parameters`
# and sets the values to start from. papermill puts a new cell after it, tagged `injected-parameters`, with the
# values that you give; then it runs everything from the top in a new kernel, and writes the executed copy. The
# original stays as it is.

# %% language="bash"
# papermill dice.ipynb dice-run.ipynb -p seed 3 -p throws 50 -p out dice.json --no-progress-bar 2>&1 | tail -n 3
# cat dice.json

# %% [markdown]
# Open `dice-run.ipynb` beside `dice.ipynb` and find the cell that was added.
#
# The same from Python, where a number stays a number and a list a list:
#
# ```python
# import papermill
# papermill.execute_notebook("dice.ipynb", "dice-run.ipynb", parameters={"seed": 3, "throws": 50, "out": "dice.json"})
# ```
#
# Two traps. Without the tag, papermill still runs: it puts its values into the **first** cell, and your own `seed
# = ...` further down overwrites them without a word (papermill warns on its log, where nobody looks). And on the
# command line, `-p seed 7` is a number while `-r seed 7` is the text `"7"`.
#
# Now yours: make a new notebook `train.ipynb` in this folder (File > New > Notebook), with one code cell that is
# tagged `parameters` and sets
#
# - `seed`, the seed of everything that draws at random,
# - `data`, the path of the table to train on, at first `data/transactions.csv`,
# - `out`, the path of the JSON file for the result.
#
# <details><summary>Hint</summary>
#
# The tag, in JupyterLab: click into the cell, open the property inspector (the gears at the top right), type
# `parameters` where it says "Add Tag", press Enter, save. In a terminal you can write the notebook as a text file
# `train.py` whose first cell begins with `# %% tags=["parameters"]`, and turn it into a notebook with `jupytext
# --to ipynb train.py`.
# </details>

# %% [markdown]
# ### Task 3: Train so that it can be had again
#
# Fill `train.ipynb`. It reads the table that `data` names, holds out a test part, trains any model you like on
# the rest to predict `is_fraud`, scores it on the held-out rows, and writes to the path `out` one JSON object:
#
# | key | value |
# |---|---|
# | `seed` | the seed that was used |
# | `rows` | the number of data rows in the file that `data` names |
# | `test_rows` | a list: the numbers of the rows held out, between 10% and 50% of all, each once; the first data row is 0 |
# | `flagged_rows` | a list: those of the `test_rows` that the model calls fraud |
# | `scores` | a list: the model's score for each of the `test_rows`, in the same order, not rounded; the higher, the more like fraud |
# | `f1` | the F1 of the fraud class on `test_rows` |
# | `average_precision` | the average precision of `scores` on `test_rows`: how well they rank fraud before the rest, over all thresholds |
#
# More keys do no harm. `f1` and `average_precision` are fractions, not per cent; round them to three decimals or
# not at all. Why the lists? With `test_rows`, `flagged_rows` and `scores`, anybody who has the labels can compute
# both numbers again without your code and without your model. A score that cannot be recomputed is only a claim.
#
# It will be run in a folder where nothing else exists than `train.ipynb`, `.py` files of yours that lie beside
# it, and the table. So it must not read from anywhere else.
#
# How a seeded split and the row numbers look, on something else:

# %%
import pandas as pd
from sklearn.model_selection import train_test_split

letters = pd.DataFrame({"letter": list("abcdefgh"), "vowel": [1, 0, 0, 0, 1, 0, 0, 0]})
for attempt in (1, 2):
    seeded, _ = train_test_split(letters, test_size=0.5, random_state=3)
    free, _ = train_test_split(letters, test_size=0.5)
    print(f"attempt {attempt}: with a seed {seeded.index.tolist()}, without {free.index.tolist()}")

# %% [markdown]
# The index that `pandas.read_csv` made stays with each row, so `.index` tells which rows of the file were drawn.
#
# Everything that draws needs the seed, not only the split: a forest and most solvers have a `random_state` of
# their own. And keep the order: **split first**, by the seed and, if you like, stratified by the label, and by
# nothing else. What you repeat, oversample, scale or impute, and the threshold above which a row is flagged, you
# may learn from the training part only. Otherwise the model knows something of the test part, and the score
# measures memory.
#
# The checker has a way to see this. It runs your notebook on new rows, and then once more on the same rows, but
# those that you held out have changed places and left their labels behind. A model that has not met these labels
# says of each payment what it said before; one that has met them says something else. You can do the same with
# any score that looks too good.
#
# <details><summary>Hint</summary>
#
# - `X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=y)`;
#   `stratify` keeps the share of fraud equal in both parts, which matters when there is so little of it.
# - A pipeline, `make_pipeline(StandardScaler(), LogisticRegression())`, learns its scaling in `fit` from the
#   training part only. A small `RandomForestClassifier(n_estimators=60, random_state=seed)` does well here.
# - `average_precision_score(y_test, scores)` wants scores, `model.predict_proba(X_test)[:, 1]`, and not the 0 and
#   1 of `predict`. If you sort `test_rows`, sort `scores` with them.
# - `json.dump` refuses numpy's numbers: `int(...)`, `float(...)` and `.tolist()` turn them into Python's.
# - Kernel > Restart Kernel and Run All Cells is the first test, each time.
# </details>

# %% nbgrader={"grade": false, "grade_id": "train", "locked": false, "schema_version": 3, "solution": true, "task": false}
# You can make train.ipynb by hand and leave this cell as it is.
### BEGIN SOLUTION
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

parameters = new_code_cell(
    """\
seed = 0
data = "data/transactions.csv"
out = "result.json\"""",
    metadata={"tags": ["parameters"]},
)
training = """\
import json

import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import train_test_split

table = pd.read_csv(data)
X, y = table.drop(columns="is_fraud"), table["is_fraud"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=y)"""
model = """\
model = RandomForestClassifier(n_estimators=60, random_state=seed)
model.fit(X_train, y_train)
predicted = model.predict(X_test)
scores = model.predict_proba(X_test)[:, 1]"""
record = """\
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
    json.dump(result, file)
print(f"F1 {result['f1']:.3f}, average precision {result['average_precision']:.3f}")"""
notebook = new_notebook(
    cells=[
        new_markdown_cell("# Fraud model\n\nParameters: `seed`, `data`, `out`."),
        parameters,
        *map(new_code_cell, (training, model, record)),
    ],
    metadata={"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}},
)
nbformat.write(notebook, "train.ipynb")
### END SOLUTION

# %% [markdown]
# ### Task 4: Run it three times
#
# With papermill, run `train.ipynb` on `data/transactions.csv`:
#
# | seed | executed copy | result |
# |---|---|---|
# | 7 | `runs/first.ipynb` | `runs/first.json` |
# | 7 | `runs/second.ipynb` | `runs/second.json` |
# | 8 | `runs/other.ipynb` | `runs/other.json` |
#
# The three copies must come from `train.ipynb` as it is now. When you change it afterwards, even in one line, run
# all three again: a record that belongs to older code proves nothing about today's. Only the cells with the
# parameters may differ.
#
# A run that you made in JupyterLab counts as well, if you changed the parameters by hand, restarted the kernel,
# ran all cells once and saved the copy under that name. But who does that every night?
#
# <details><summary>Hint</summary>
#
# Papermill does not make folders: `mkdir -p runs` first. Look at the call for the dice in task 2: there are three
# parameters again, and `out` is another one in each run.
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "runs", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# mkdir -p runs
# for run in first:7 second:7 other:8; do
#     papermill train.ipynb "runs/${run%:*}.ipynb" --no-progress-bar \
#         -p seed "${run#*:}" -p data data/transactions.csv -p out "runs/${run%:*}.json"
# done
# ### END SOLUTION

# %% [markdown]
# ## Look
#
# What did the three runs say? Before you look: which columns must be equal in the first two lines, and which must
# not be equal in the third?

# %%
import json
from pathlib import Path

import pandas as pd

results = {name: json.loads(Path(f"runs/{name}.json").read_text()) for name in ("first", "second", "other")}
pd.DataFrame(
    {
        name: {
            "seed": result["seed"],
            "rows": result["rows"],
            "held out": len(result["test_rows"]),
            "flagged": len(result["flagged_rows"]),
            "F1": result["f1"],
            "average precision": result["average_precision"],
        }
        for name, result in results.items()
    }
).T

# %% [markdown]
# The third line is worth a second look. Only the seed is different, and the score moved. With so few fraud rows
# in the test part, a handful of lucky or unlucky rows moves the F1 by several points. Somebody who tries seeds
# until the score is nice has reported luck. A fixed seed makes a number **repeatable**; it does not make it
# **right**.
#
# How much do the held-out rows overlap?

# %%
import matplotlib.pyplot as plt

held_out = {name: set(result["test_rows"]) for name, result in results.items()}
pairs = [("first", "second"), ("first", "other"), ("second", "other")]
shared = [len(held_out[one] & held_out[two]) / len(held_out[one]) for one, two in pairs]
figure, axes = plt.subplots(figsize=(6, 2.2))
bars = axes.barh([f"{one} and {two}" for one, two in pairs], shared, color="0.5")
axes.bar_label(bars, fmt="{:.0%}")
axes.set(xlim=(0, 1.15), xlabel="share of held-out rows in common", title="The same seed holds out the same rows")
plt.show()

# %% [markdown]
# The executed copy is the record. Open `runs/first.ipynb`: the injected cell, the outputs, and no gap in the
# numbers in the square brackets. papermill also writes into its metadata what was run, with what, and for how
# long:

# %%
import nbformat

record = nbformat.read("runs/first.ipynb", as_version=4).metadata.get("papermill", {})
{name: record.get(name) for name in ("version", "parameters", "start_time", "duration", "exception")}

# %% [markdown]
# ## Check
#
# The checker runs your notebook five times, so it takes some seconds. In a terminal: `checker grade 1`.

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** `train.ipynb` now gives the same score today and tomorrow. Somebody finds it in a year, on another
# machine. Name two things that may still give another score or no score at all, and for each what you would keep
# together with the notebook to prevent it.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The versions of Python and of the libraries: another scikit-learn may have other defaults or another random
# stream for the same seed, so the exact versions belong in a lock file or an image. The data: nothing says that
# `data/transactions.csv` is still the same file, so its digest belongs in the result and the file under data
# versioning. Less often: another processor, another number of threads, or a GPU, which change the order of
# additions and with it the last digits.
#
# **Rubric** 1 mark for each thing (2 at most): half for a cause that the seed does not cover (library or Python
# versions, the data file, the machine's arithmetic, a parameter default that changes), half for a remedy that
# fits it (lock file or container image, digest or data versioning, a stated tolerance, the parameters in the
# record). "The seed" as a cause earns nothing: it is fixed.

# %% [markdown]
# **2.** Imagine that you seed everything in `legacy.ipynb`, and change nothing else that decides the score. It
# then gives the same F1 each time. Why is this F1 still wrong, in which direction, and how could you show it to
# somebody who does not read code?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Copies of the same fraud rows are in both parts, since they were made before the split, so the model has seen
# the answers to most of its test. The F1 is too high. The test part also holds far more fraud than a real month,
# which raises the F1 again. The threshold was chosen on the test rows, too. To show it: take rows of a later time
# that the notebook never saw and score the model on these; or shuffle the labels, so that there is nothing to
# learn, and see that the notebook still reports a high score.
#
# **Rubric** 1 mark for the cause (test rows, or their copies, were trained on; half a mark for only the other
# share of fraud or only the threshold) with the right direction (too high). 1 mark for a demonstration that does
# not depend on reading code: unseen later rows, shuffled labels, or the score before and after moving the split
# up. "Run it again" earns nothing: it is repeatable and wrong.

# %% [markdown]
# ## Go further
#
# **Where you stand now.** Google's architecture guide "MLOps: Continuous delivery and automation pipelines in
# machine learning" knows three levels:
#
# | level | what it means there | what it is not |
# |---|---|---|
# | 0, manual process | scripts and notebooks by hand, the model handed over as an artifact, few releases, no monitoring of the model | not a fault by itself: for a model that never changes it can do |
# | 1, pipeline automation | the training pipeline is automated and retrains on new data (continuous training); data and model are validated; metadata and often a feature store | the pipeline itself is still built, tested and deployed by hand |
# | 2, CI/CD pipeline automation | changes of the pipeline's code are built, tested and deployed automatically, too | not a matter of buying a platform |
#
# After today you are still on level 0, with a notebook that is ready to leave it: it takes its inputs from
# outside, and what it says can be repeated and recomputed. Microsoft and others draw their ladders with other
# numbers of steps; when somebody names a level, ask whose.
#
# **Other ways to run a notebook without a person.**
#
# | tool | parameters | what stays | take it when |
# |---|---|---|---|
# | papermill | a tagged cell, from CLI or Python; reads and writes cloud storage with its extras | an executed copy for each run | notebooks are jobs or reports: one copy for each day, customer, seed |
# | `jupyter nbconvert --execute` | none of its own; environment variables or a file | the executed notebook, or HTML, PDF | you publish one notebook, or test in CI that it still runs |
# | jupytext and a script | those of the script (`argparse` and the like) | what the script writes; diffs that can be read | the code will grow; the notebook is only a view of it |
# | marimo | command-line arguments and UI elements | a plain `.py`; cells run in the order of their dependencies, so hidden state cannot build up | you begin anew and may leave `.ipynb` behind |
# | Ploomber | parameters of a pipeline of scripts and notebooks | products for each step, reruns only what changed | you meet it in an existing project; look at how lively it is before you begin with it |
# | DVC stages (day 4), kfp (day 15) | `params.yaml`; typed inputs of components | hashes of all inputs and outputs; a lineage of artifacts | the notebook has become steps that others depend on |
#
# **What a big installation does differently.** Nobody there trusts a seed alone. The image has a digest, the data
# has a version, the code a commit, and the run record holds all three; days 3, 8 and 10 build that. Bitwise
# equality is given up on GPUs, where the fast kernels add in a varying order: PyTorch's
# `torch.use_deterministic_algorithms(True)` costs speed, so teams agree on a tolerance and report the spread over
# several seeds. And notebooks run as scheduled jobs under an account of their own, with an executed copy kept for
# each run, so that at three in the morning somebody can open the one that failed.
#
# Try one of these:
#
# 1. Run `train.ipynb` with the seeds 0 to 19 from a loop with `papermill.execute_notebook`, and plot the twenty
#    F1s. How wide is the spread? What would you write on the slide?
# 2. Run `jupyter nbconvert --to notebook --execute train.ipynb --output again.ipynb`. Which parameters did it
#    use?
# 3. Put the whole `legacy.ipynb` right, one audit line after the other, and write down the F1 after each step.
#    Which line costs the most?
