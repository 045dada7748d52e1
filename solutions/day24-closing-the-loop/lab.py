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
# # Day 24: Closing the loop
#
# About 90 minutes. You need the platform (`infra up`). You write files in this folder, with JupyterLab's editor, with
# another one, or from cells: only what stands at the end counts.

# %% [markdown]
# ## Why
#
# The card-fraud team has all the parts: a drift report (day 23), a training pipeline (day 15), a gate (day 13), a
# registry (day 11) and deployments (day 17). Between the parts sit people. In July the fraudsters changed their tactics.
# The report said so on the 1st of August; somebody read it on the 19th, trained on the 28th, and the new model went out
# on the 11th of September. So in autumn somebody wrote a script that does all of it, each night. These were its first
# weeks:
#
# - It trained each night, whether anything had changed or not. After a month the registry had 31 versions, and nobody
#   could say what was wrong with the 30 before.
# - In October a join mixed up the labels. The script trained on them, measured the new model **on the rows that it had
#   learned from**, found it brilliant, and promoted it.
# - In November, drift came on the 1st. The labels of a month come 30 to 60 days later; the script took "no label yet"
#   for "no fraud", and the new model had learned that there is none.
# - After a good promotion in December it went on to compare each month with March. So each month had drifted, for ever.
#
# A loop that nobody watches needs more than glue. It must know when to start, when to **wait**, when to say **no**, and
# when to come to **rest**; and it must write down why. You build one today. Drift is its alarm, and nothing more: what
# is promoted is for the gate to say.

# %% [markdown]
# ## End state
#
# <!-- end state -->
#
# ### How the loop is called
#
# `python -m loop MONTH`, as in `python -m loop 2025-09`, in this folder. A scheduler calls it when a month has arrived,
# and again whenever it likes. It finds
#
# | what | where |
# |---|---|
# | the month | `data/MONTH.csv`: payments in order of time, with the eight features of the training pipeline as numbers, and `is_fraud`: 1, 0, or **empty** while nobody knows. Where nothing is known yet, the whole column may be missing |
# | the month that the champion learned from | the champion's version has a tag `month`; the file lies in `data/` as well |
# | the registry | MLflow, at `MLFLOW_TRACKING_URI`; the model is called `day24-card-fraud`, its alias `champion` |
# | how to deploy | the variable `DEPLOY_COMMAND` holds a command line. If it is not set, or empty, nothing is deployed |
#
# The champion's model loads with `mlflow.sklearn.load_model`, and the second column of its `predict_proba` is the
# score. Its version has three tags: `month`, `data_sha256`, and `average_precision`, what it was worth on a part of its
# own month when it was made.
#
# ### What it decides
#
# | decision | when | what happens |
# |---|---|---|
# | `keep` | the month has not drifted against the champion's month | nothing |
# | `wait` | it has drifted, and fewer than 80% of its payments have a label | nothing. It is called again later |
# | `refuse` | a candidate was trained on the month, and the gate says no | the alias stays |
# | `promote` | the gate says yes | the alias moves, the version gets its record, then `DEPLOY_COMMAND` is run |
#
# - **Drifted** means: at least one of the eight features is clearly distributed otherwise. The checker's months are clear
#   cases. Nothing has changed in them, or as much as between `data/2025-03.csv` and `data/2025-09.csv`, or amounts are 40%
#   higher.
# - **The gate** is `judge` in `gate.py`: both models score the same payments of the new month, which the candidate has not
#   learned from; the candidate's average precision must be 0.1 higher, and a few things besides. You may add to the gate,
#   but not take away.
# - **Each decision** is written to `decisions/MONTH.json`: a JSON object with `decision`, one of the four words, and
#   `reason`. More keys are welcome. The exit status is 0 for all four decisions, and another one only for what could not
#   be decided.
# - **Training** is a run of a kfp pipeline below `runs/` (`pipeline_root="runs"`): that in `training.py`, or one of yours,
#   with whatever kind of model you like. The new version's model must load in another process, with
#   `mlflow.sklearn.load_model` (then the second column of `predict_proba` is taken) or `mlflow.pyfunc.load_model` (then
#   what `predict` answers, or its second column).
#
# ### How the checker looks at it
#
# It calls your loop eight times, in copies of this folder without a network: with your `.py` files, `*.toml`, `*.json`,
# `*.yaml`, `*.yml`, `*.ini` and `*.cfg` beside them and all of a folder `loop`; with `data/2025-03.csv` and the month in question;
# with a registry of its own, a file of SQLite, in which a champion stands that learned from `2025-03`. What one call
# leaves in the folder, the next call finds. The names of the hidden months say nothing about what is in them. A call may
# take 60 seconds of CPU time, and the folder may grow to 48 MiB. (To import Evidently takes some 20 of these seconds.)

# %% [markdown]
# ## Do
#
# What lies in this folder:
#
# | path | what it is |
# |---|---|
# | `data/2025-03.csv` | March, from which the first champion learned |
# | `data/2025-05.csv` | May |
# | `data/2025-09.csv` | September, with its labels |
# | `data/2025-10.csv` | October, of which no label is known yet |
# | `first_champion.py` | registers the first champion. Run it again to begin anew |
# | `training.py` | the training pipeline |
# | `gate.py` | the gate |
# | `service.py` | a small service, for those who want to deploy |
#
# Register the first champion, and read the other three; none is long.

# %% language="bash"
# python first_champion.py
# head -n 3 data/2025-09.csv
# cat gate.py

# %% [markdown]
# The tasks show the tools on something else: a bakery that learns how many loaves it sells.

# %%
import os
import tempfile

os.environ["EXAMPLE"] = tempfile.mkdtemp(prefix="bakery-")
os.environ["DO_NOT_TRACK"] = "1"

# %% [markdown]
# ### Task 1: When to start, and when to wait
#
# What may set a loop going?
#
# | trigger | good for | its trouble |
# |---|---|---|
# | **schedule**: each month | the habit; it needs nothing else | trains when nothing changed, and a month too late when something did |
# | **new data**: a file has arrived | as soon as anything can be learned | the same, as often as data come |
# | **performance**: the score fell below a number | it is what you really want to know | needs labels, which come 30 to 60 days later |
# | **drift**: inputs are distributed otherwise | needs no labels, and sees the change at once | says that something is different, and not that anything is worse |
#
# A loop joins them: called when data arrive, it trains if they have drifted **and** there is something to learn from.
# In the bakery, a month's sales are compared with those that the forecast was made from:

# %%
import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

rng = np.random.default_rng(24)
learned_from = rng.normal(200, 20, 90)
for name, sales in {
    "an ordinary month": rng.normal(200, 20, 30),
    "the month of the fair": rng.normal(260, 30, 30),
}.items():
    apart = wasserstein_distance(learned_from, sales) / learned_from.std()
    print(f"{name:<22} {apart:.2f} standard deviations apart: {'drift' if apart > 0.5 else 'no drift'}")

# %% [markdown]
# Day 23 has said how to choose a statistic and its threshold: look at the noise between quiet months and at the effect
# of a change that matters, and take a number between them. Here the two lie a factor of ten apart, so many will do. A
# p-value will not: with 12000 rows it alarms at anything.
#
# Two more traps. **Evidently's preset for a whole dataset** says drift when *half* of the columns drifted; here three of
# eight have, and fraud is made of few columns. And **an empty label is no 0**: `fillna(0)` turns "nobody knows" into "honest", and
# `table["is_fraud"].mean()` leaves the empty ones out without a word.
#
# Write the part that looks: which columns have drifted, by how much, and how many labels are known. Try it on May,
# September and October against March.
#
# <details><summary>Hint</summary>
#
# - `wasserstein_distance` divided by the standard deviation, as above, is one way: with a threshold near 0.1. The
#   population stability index over ten bins with equally many rows of the champion's month is another: near 0.05.
# - `table["is_fraud"].notna().mean()` is the share of known labels; and where there is no such column?
# - Print what you find. A loop that says "drift" and no number will not be believed at night.
# </details>

# %% nbgrader={"grade": false, "grade_id": "watch", "locked": false, "schema_version": 3, "solution": true, "task": false}
# You can write the files by hand and leave these cells as they are.
### BEGIN SOLUTION
from pathlib import Path

Path("watch.py").write_text('''\
"""Has a month drifted against another one, and is there enough to learn from?"""

import numpy as np

LABEL = "is_fraud"
DRIFTED = 0.05
ENOUGH_LABELS = 0.8


def psi(before, now):
    """The population stability index, over the tenths of the column before, or over its few values."""
    values = np.unique(before)
    edges = values[1:] if len(values) <= 20 else np.unique(np.quantile(before, np.linspace(0.1, 0.9, 9)))
    shares = []
    for column in (before, now):
        counts = np.bincount(np.searchsorted(edges, column, side="right"), minlength=len(edges) + 1)
        shares.append(np.maximum(counts / len(column), 1e-4))
    return float(np.sum((shares[0] - shares[1]) * np.log(shares[0] / shares[1])))


def drift(reference, current):
    """Each feature with its PSI."""
    return {name: psi(reference[name], current[name]) for name in reference.columns if name != LABEL}


def has_drifted(found):
    return max(found.values()) >= DRIFTED


def can_learn(current):
    return share_known(current) >= ENOUGH_LABELS


def share_known(current):
    return float(current[LABEL].notna().mean()) if LABEL in current else 0.0
''')

from watch import drift, share_known

months = {name: pd.read_csv(f"data/{name}.csv") for name in ("2025-03", "2025-05", "2025-09", "2025-10")}
print(pd.DataFrame({name: drift(months["2025-03"], table) for name, table in months.items()}).round(3))
print({name: share_known(table) for name, table in months.items()})
### END SOLUTION

# %% [markdown]
# ### Task 2: Start the pipeline
#
# A pipeline need not be started by a person. What day 15 has compiled and run by hand is a function that a program can
# call; on a cluster, the same line would be `kfp.Client().create_run_from_pipeline_package(...)`. The bakery's:

# %% language="bash"
# cd "$EXAMPLE"
# printf '210\n190\n250\n270\n' > june.txt
# cat > bakery.py <<'END'
# from pathlib import Path
#
# from kfp import dsl, local
# from kfp.dsl import Model, Output
#
#
# @dsl.component(base_image="registry.example/bakery/python:1.2", install_kfp_package=False)
# def learn(path: str, forecast: Output[Model]):
#     """The mean of the sales."""
#     sales = [float(line) for line in open(path)]
#     with open(forecast.path, "w") as file:
#         file.write(str(sum(sales) / len(sales)))
#     forecast.metadata["days"] = len(sales)
#
#
# @dsl.pipeline(name="bakery")
# def bakery(path: str) -> Model:
#     return learn(path=path).outputs["forecast"]
#
#
# if __name__ == "__main__":
#     local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="runs", raise_on_error=True)
#     made = bakery(path="june.txt").output
#     print("learned", Path(made.path).read_text(), "from", made.metadata["days"], "days in", Path(made.path).parts[-3])
# END
# python bakery.py | tail -n 1

# %% [markdown]
# `raise_on_error=True` matters: without it a failed step ends in a message, and your loop goes on with a model that is not
# there. The name of the run's folder goes into the record (task 4): it leads from a version to the data and the code
# that it was made by.
#
# Write the part that trains. It gets the path of a month, calls the pipeline of `training.py` and hands back the
# candidate, the rows that the candidate has **not** learned from, and the name of the run. (What the pipeline prints is
# for a log; let it.)
#
# <details><summary>Hint</summary>
#
# - `done = card_fraud_retraining(path=...)`, then `done.outputs["model"].path`; see the head of `training.py`.
# - `joblib.load` gives the model back, `pandas.read_csv` the rows.
# - Import kfp inside of the function: a loop that keeps what it has needs none of it, and kfp takes a second to import.
# </details>

# %% nbgrader={"grade": false, "grade_id": "train", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("train.py").write_text('''\
"""Start the training pipeline on a month."""

from pathlib import Path

import pandas as pd


def train(path):
    """Return the candidate, the rows to judge it by, and the name of the run."""
    import joblib
    from kfp import local
    from training import card_fraud_retraining

    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="runs", raise_on_error=True)
    made = card_fraud_retraining(path=str(path)).outputs
    return joblib.load(made["model"].path), pd.read_csv(made["test"].path), Path(made["model"].path).parts[-3]
''')
### END SOLUTION

# %% [markdown]
# ### Task 3: Champion and challenger on the same rows
#
# Is the candidate better? The number that the champion had when it was made is in its tags, and it is tempting. But it
# is about other rows. The bakery's old forecast of 200 had a mean error of 16 loaves when it was made. A new one has an
# error of 25 in the month of the fair. Is it worse?

# %%
fair = rng.normal(260, 30, 300)
seen, unseen = fair[:200], fair[200:]
for name, forecast in {"old forecast, 200": 200.0, "new forecast, learned at the fair": seen.mean()}.items():
    print(f"{name:<35} error on the same unseen days: {abs(unseen - forecast).mean():.1f}")

# %% [markdown]
# Three rules make a comparison fair:
#
# - **The same rows** for both, row by row, since months differ in how hard they are.
# - **Rows that the candidate has not learned from.** It knows the others by heart. (Nor may the champion have learned from
#   them: that is why they come from the new month.)
# - **A margin.** With equal models, one of the two is ahead in every second comparison, by chance alone. And each promotion is
#   a risk, so it should be worth it.
#
# What drifted is not what decides. When prices rise by 40%, the inputs drift, and the champion may still be the best there is.
#
# Write the part that compares. Load the champion by its version, let both models score the rows to judge by, and
# ask `judge`.
#
# <details><summary>Hint</summary>
#
# - `mlflow.sklearn.load_model(f"models:/day24-card-fraud/{version}")`. By the version that you have looked up at the
#   beginning, and not by the alias: between two look-ups the alias may have moved.
# - The scores are `predict_proba(rows)[:, 1]`, and `rows` has no `is_fraud`. Put the columns in the order of
#   `model.feature_names_in_`.
# </details>

# %% nbgrader={"grade": false, "grade_id": "contest", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("contest.py").write_text('''\
"""Champion and challenger on the same rows."""

from gate import judge
from watch import LABEL


def contest(champion, candidate, test):
    """Return whether the candidate may be promoted, and why; `test` are rows that neither has learned from."""
    scores = [model.predict_proba(rows_for(model, test))[:, 1] for model in (champion, candidate)]
    return judge(test[LABEL], *scores)


def rows_for(model, table):
    return table[list(model.feature_names_in_)].astype("float64")
''')
### END SOLUTION

# %% [markdown]
# ### Task 4: Promote, write it down, deploy
#
# The order is: log the model, register a version **without** the alias, with its record; ask the gate; move the alias;
# deploy. A deployment looks up what the alias names at that moment, so one that runs before the alias moves brings out the
# old model once more, and reports success.
#
# The **record** is what an auditor reads a year later, and what your colleague reads tonight. Tags of the version are the
# place for it, since they stay with it wherever the alias goes:
#
# ```python
# version = mlflow.register_model(logged.model_uri, "bakery", tags={"month": "2025-06", "replaces": "7"})
# client = mlflow.MlflowClient()
# client.set_model_version_tag("bakery", version.version, "reason", "error 24 against 60 on 100 days of the fair")
# client.set_registered_model_alias("bakery", "champion", version.version)
# ```
#
# A sum of the bytes (SHA-256) tells *which* data: a name does not, since a month may be delivered again. What becomes of a
# refused candidate is your choice. Registered, with a tag that says so, it can be looked at in the morning.
#
# The command that deploys is handed to the loop in a variable, so that the loop knows nothing about the platform:

# %% language="bash"
# export DEPLOY_COMMAND="echo 'the oven is told:' bake as models:/bakery@champion says"
# python - <<'END'
# import os, shlex, subprocess
#
# subprocess.run(shlex.split(os.environ["DEPLOY_COMMAND"]), check=True)
# END

# %% [markdown]
# With `check=True`, a deployment that failed is an error, and the loop ends with another status than 0: somebody must look.
# (Then the alias names a model that is not running. What should the loop do about it? That is the first question below.)
#
# Write the part that logs and registers, and the one that promotes.
#
# <details><summary>Hint</summary>
#
# - Logging a forest: `mlflow.sklearn.log_model(model, name="model", signature=..., pip_requirements=["scikit-learn",
#   "skops"], skops_trusted_types=...)`; `first_champion.py` shows it whole.
# - The tags that the End state wants are known before the gate is asked, all but the reason.
# - `hashlib.sha256(path.read_bytes()).hexdigest()`
# </details>

# %% nbgrader={"grade": false, "grade_id": "promote", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("promote.py").write_text('''\
"""What the registry and the deployment get to know."""

import os
import shlex
import subprocess

import mlflow
import mlflow.sklearn

NAME = "day24-card-fraud"


def register(candidate, example, tags):
    """Log the candidate and register it, without any alias; return the number of its version."""
    import skops.io
    from mlflow.models import infer_signature

    mlflow.set_experiment("day24-loop")
    with mlflow.start_run(run_name=tags["month"]):
        logged = mlflow.sklearn.log_model(
            candidate,
            name="model",
            signature=infer_signature(example, candidate.predict_proba(example)),
            pip_requirements=["scikit-learn", "skops"],
            pyfunc_predict_fn="predict_proba",
            skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(candidate)),
        )
    return mlflow.register_model(logged.model_uri, NAME, tags=tags).version


def promote(client, version):
    """Move the alias, then let the deployment follow."""
    client.set_registered_model_alias(NAME, "champion", version)
    command = os.environ.get("DEPLOY_COMMAND", "")
    if command.strip():
        subprocess.run(shlex.split(command), check=True)
''')
### END SOLUTION

# %% [markdown]
# ### Task 5: Put it together, and let it come to rest
#
# A scheduler calls twice. It was restarted, it missed an answer, somebody pressed the button to be sure. What is done
# twice must have the effect of once: the loop is **idempotent**. A thing is known to be done when it is written down by what
# it was done *with*:

# %% language="bash"
# cd "$EXAMPLE"
# bake() {
#     sum=$(sha256sum "$1" | cut -c 1-64)
#     if grep -qs "$sum" done.txt; then echo "$1: done already"; return; fi
#     echo "$1: baking"; echo "$sum $1" >> done.txt
# }
# bake june.txt; bake june.txt
# echo 300 >> june.txt
# bake june.txt

# %% [markdown]
# In the last line the file is another one, so there is something new to decide: a corrected delivery, or labels that have
# arrived. For the same reason `wait` is no decision to stay with. If `keep` is looked at again, it costs a second.
#
# The other way not to come to rest is a **reference** that stays where it was. After a promotion, the champion has
# learned from September. October is like September, and should start nothing. So the reference is not a setting of the
# loop: it belongs to the champion, and the loop reads it from the champion's tags, each time anew.
#
# Write `loop.py`, so that `python -m loop MONTH` does all of it, and writes `decisions/MONTH.json`.
#
# <details><summary>Hint</summary>
#
# - `client.get_model_version_by_alias("day24-card-fraud", "champion")` has `.version` and `.tags`.
# - For a month that was promoted or refused, read `decisions/MONTH.json` at the beginning. Keep the file's sum in it.
# - To practise without the platform's registry: `MLFLOW_TRACKING_URI=sqlite:///practice.db python first_champion.py`, and the
#   same for the loop. Delete `practice.db`, `mlruns`, `runs` and `decisions`, and all is as before.
# - For a bad month, mix up the labels of September yourself, and save it as `data/2025-12.csv`.
# </details>

# %% nbgrader={"grade": false, "grade_id": "loop", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("loop.py").write_text('''\
"""`python -m loop MONTH`: has the world moved, is a new model better, and what follows from that?"""

import hashlib
import json
import logging
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
warnings.filterwarnings("ignore")

import pandas as pd
from mlflow import MlflowClient
from promote import NAME, promote, register
from watch import can_learn, drift, has_drifted, share_known

logging.getLogger("mlflow").setLevel(logging.ERROR)

def challenge(client, champion, tags, path):
    """Train a candidate, let the gate compare it with the champion, and do what the gate says."""
    import mlflow.sklearn
    from contest import contest, rows_for
    from train import train

    candidate, test, run = train(path)
    incumbent = mlflow.sklearn.load_model(f"models:/{NAME}/{champion.version}")
    passed, reason = contest(incumbent, candidate, test)
    tags |= {"replaces": champion.version, "pipeline_run": run, "reason": reason}
    tags["gate"] = "passed" if passed else "refused"
    version = register(candidate, rows_for(candidate, test).head(20), tags)
    if passed:
        promote(client, version)
    return ("promote" if passed else "refuse"), f"version {version}: {reason}"


def decide(month):
    path, record = Path("data", f"{month}.csv"), Path("decisions", f"{month}.json")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    before = json.loads(record.read_text()) if record.exists() else {}
    if before.get("data_sha256") == digest and before["decision"] in ("promote", "refuse"):
        return before | {"reason": "decided already; " + before["reason"]}

    client = MlflowClient()
    champion = client.get_model_version_by_alias(NAME, "champion")
    learned_from = champion.tags["month"]
    current = pd.read_csv(path)
    found = drift(pd.read_csv(Path("data", f"{learned_from}.csv")), current)
    most = max(found, key=found.get)
    drifted = f"{most} has a PSI of {found[most]:.3f} against {learned_from}"
    if not has_drifted(found):
        decision, reason = "keep", f"no drift: {drifted}"
    elif not can_learn(current):
        decision, reason = "wait", f"drift: {drifted}, but only {share_known(current):.0%} of the labels are known"
    else:
        tags = {"month": month, "data_sha256": digest, "drift": drifted}
        decision, reason = challenge(client, champion, tags, path)

    told = {"month": month, "decision": decision, "reason": reason, "data_sha256": digest, "drift": found}
    record.parent.mkdir(exist_ok=True)
    record.write_text(json.dumps(told, indent=2) + "\\n")
    return told


if __name__ == "__main__":
    said = decide(sys.argv[1])
    print(said["month"], said["decision"], "-", said["reason"])
''')
### END SOLUTION

# %% [markdown]
# ### Task 6: Let it run
#
# Now on the platform's own registry, as a scheduler would call it. In the bakery's crontab it would be
#
# ```bash
# 0 6 2 * * cd /srv/bakery && flock -n loop.lock python -m loop "$(date -d 'last month' +\%Y-\%m)" >> loop.log 2>&1
# ```
#
# (`flock -n` gives up where the last call is still at work: two loops at once would both train, and both move the alias.)
#
# Call yours for May, October, September, and October again, with a `DEPLOY_COMMAND` that only prints. What do you
# expect each time, and why does the answer for October change?
#
# <details><summary>Hint</summary>
#
# - Something went wrong, and you want to begin anew: `rm -r decisions runs`, `python first_champion.py`, and once more.
# - The last line that your loop prints is enough: `python -m loop 2025-09 2>&1 | tail -n 1`. (What becomes of the exit
#   status then? See day 13.)
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "run", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# export DEPLOY_COMMAND="echo deploying models:/day24-card-fraud@champion"
# for month in 2025-05 2025-10 2025-09 2025-10; do
#     python -m loop $month > loop.log 2>&1; echo "status $?: $(tail -n 1 loop.log)"
# done
# grep -h deploying loop.log || true
# ### END SOLUTION

# %% [markdown]
# **For real, if you like** (no marks). `service.py` answers with the champion:
#
# ```bash
# export DEPLOY_COMMAND="infra deploy card-fraud --app service:app --model models:/day24-card-fraud@champion"
# python first_champion.py; rm -r decisions; python -m loop 2025-09
# infra deployments
# curl "$MLOPS_LABS_SERVING_URL/card-fraud/health"
# ```
#
# The way back is a part of the loop as well, and it has two halves: `infra rollback card-fraud` for what runs, and
# `client.set_registered_model_alias(name, "champion", version.tags["replaces"])` for what the next deployment will find. Whoever
# does one of them alone has a registry that lies.

# %% [markdown]
# ## Look
#
# The registry as the record of what was decided: each version, what it learned from, and why it was or was not
# promoted. The same is on MLflow's page: open the model `day24-card-fraud`, and a version.

# %%
import mlflow

client = mlflow.MlflowClient()
versions = client.search_model_versions("name='day24-card-fraud'")
champion = client.get_registered_model("day24-card-fraud").aliases.get("champion")
shown = [
    {
        "version": version.version,
        "champion": "yes" if version.version == champion else "",
        **{name: version.tags.get(name, "") for name in ("month", "replaces", "gate", "reason")},
    }
    for version in sorted(versions, key=lambda each: int(each.version))
]
with pd.option_context("display.max_colwidth", 90, "display.width", 160):
    print(pd.DataFrame(shown).to_string(index=False))

# %% [markdown]
# And the alarm as Evidently draws it: the report that goes to the people, while the loop needs numbers only. Which columns
# does it name, and what does it say about the dataset as a whole? (The import takes a while.)

# %%
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

march, september = (pd.read_csv(f"data/{name}.csv").drop(columns="is_fraud") for name in ("2025-03", "2025-09"))
definition = DataDefinition(numerical_columns=list(march.columns))
of_march, of_september = (Dataset.from_pandas(table, data_definition=definition) for table in (march, september))
snapshot = Report([DataDriftPreset()]).run(of_september, of_march)
for metric in snapshot.dict()["metrics"]:
    config = metric["config"]
    if config["type"].endswith(":ValueDrift"):
        print(f"{config['column']:<18} {config['method']:<32} {metric['value']:.3f}, threshold {config['threshold']}")
    else:
        print(metric["value"], "for", config.get("drift_share"), "of the columns")

# %% [markdown]
# ## Check
#
# The checker calls your loop eight times, and two of the calls train, so this takes some time: half a minute on a quiet
# machine. In a terminal: `checker grade 24`.

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** Your loop moved the alias, and then the deployment failed. Look at your own code: what will it do when the
# scheduler calls it again, and in the month after? Which two things now disagree, who will be misled by it, and what would
# you change?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The registry says that the new version is champion, the service still runs the old one. Called again, the loop compares
# the month with the champion's month, which is now this very month: no drift, `keep`, status 0, and nobody ever deploys. The
# next month is compared with what the new one learned from, so drift against the model that really runs goes unseen;
# dashboards and audits name a version that scored no payment. Change: treat alias and deployment as one step with a way
# back (on failure move the alias to `replaces`, write `failed` down and end with an error), or make "what runs equals the
# alias" a thing that the loop checks and mends each time that it is called (reconciliation), before it looks at drift. The
# status must not be 0, and somebody must be told.
#
# **Rubric** 1 mark: says what the next calls really do (the loop comes to rest in the wrong state), with alias and running
# release disagreeing. 1 mark for a change that makes them agree again: compensation, or reconciliation at each call.

# %% [markdown]
# **2.** A payment that the model blocks never becomes a loss, so often nobody finds out whether it was fraud. The loop
# retrains each month on what has a label. What happens to the training data, and to the model, after a year of such
# rounds? Name one thing that you would do about it, and one decision in the loop that you would leave to a person.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# A feedback loop: the model chooses its own training data. What it blocks has no label, or counts as honest, so the frauds
# that it knows best vanish from the data; the next model unlearns them, lets them through, and learns them again: it
# oscillates, and the measured precision and recall are about the payments that were let through. What helps: let a small random share
# through in spite of a high score, or send it to manual review (a control group), and weight these rows; keep old labelled
# frauds in the training set; write down for each payment which version decided what. To leave to a person: the
# promotion itself where the candidate changes many decisions, where the gain is near the margin, or after several
# promotions in short time; a change of the gate's numbers; a drift that comes from upstream (a unit).
#
# **Rubric** 1 mark: says that the model's decisions determine which labels there are, and what this does to the next model
# or to its measured figures. 1 mark: one fitting remedy (control group, review, keeping old frauds; half a mark) and one decision for a
# person with a reason (half a mark).

# %% [markdown]
# ## Go further
#
# **Levels.** Google's text on MLOps calls what you have built *level 1*: the pipeline is automated, and the model is trained
# again by itself (continuous training). At level 0, people do all of it by hand. *Level 2* automates how the pipeline itself
# changes, too: a change of `training.py` is tested, built and deployed like any other code (day 16), and day 30 puts the
# two together.
#
# **The same with other tools.** Who calls, who trains, who remembers:
#
# | tool | what it gives you | what it does not | take it when |
# |---|---|---|---|
# | cron and a script, as today | nothing to run but a machine; every line is yours | retries, history, alarms, locks: you write them | one model, one team, and somebody who looks at the log |
# | Kubeflow recurring runs | a pipeline by schedule, with a limit on runs at once, and catch-up | triggers by an event: something else must call the API (Argo Events, a function) | your pipelines are in kfp and a cluster is there (day 15) |
# | Airflow | sensors and asset-aware schedules (run when this data set was updated), retries, history, people who know it | anything about models; the gate and registry are tasks that you write | data pipelines are there already, and training is one more consumer (day 14) |
# | SageMaker Model Monitor and Pipelines | scheduled drift jobs on captured traffic, alarms by CloudWatch, EventBridge rules that start a pipeline, a registry whose approval status can start a deployment | one piece: it is five services with their own permissions; costs while nobody looks | everything else is on AWS |
# | Vertex AI Model Monitoring and Pipelines | drift and skew jobs, notifications, scheduled runs of the same IR that kfp compiles | the decision: a function of yours listens to the notification and starts the run | everything else is on Google's cloud |
# | Databricks Jobs with MLflow | file-arrival and table-update triggers, MLflow's registry in Unity Catalog, deployment jobs that run when a version is made, with an approval step | a way to try it offline | the data live in Databricks |
# | Evidently Cloud, or Evidently's own workspace | reports over time and dashboards; the cloud sends alerts by mail and chat | training, registry, deployment: it ends with the alert | the alarm is for people, or a job of yours reads the report |
#
# No tool decides for you what counts as drift, what "better" means, and who may say no. Read each of them for how it
# treats two calls at once, a step that fails in the middle, and a month that is delivered twice.
#
# **What a big installation does differently.** Between the gate and all customers stand shadow traffic and a canary (day
# 21): offline rows say what the model would have done, and not what fraudsters do about it. Promotions are requests: the loop opens
# one with the report, a named person or a second rule approves, and for models under regulation it must be a person (day 26). A
# budget limits promotions (one in a week), and a switch stops the loop; both are older than the loop itself. Upstream faults
# are caught *before* the loop by contracts (day 6), so that it does not learn cents. There is a performance trigger as well,
# some weeks behind, which catches what drift cannot show (day 25). And the loop itself is monitored: the age of the
# champion, the number of refusals in a row, the last time that it was called at all.
#
# Try one of these:
#
# 1. Multiply the amounts of September's online payments by 100 for half of the month, and leave the labels right. What does your
#    loop do? Should it?
# 2. Train on March **and** September. Is the candidate better on September? And on March, if the old tactics came back?
#    Which of the two would you want, and how would the gate have to change?
# 3. Call the loop for September twice at the same time (`&`), with a new champion and without `decisions/`. How many versions
#    are there? Put `flock` before it.
# 4. Let the loop mend a deployment that failed, as in question 1, and try it with `DEPLOY_COMMAND=false`.
