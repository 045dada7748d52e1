# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] nbgrader={"grade": false, "grade_id": "title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Day 11: The model registry
#
# *About 75 minutes. You need the platform (`infra up`), since models are registered on an MLflow server.*

# %% [markdown] nbgrader={"grade": false, "grade_id": "why", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Why
#
# The fraud model of the bank learned from the payments of January to March. It did well. In July the fraudsters
# changed their ways: no longer a few large payments abroad, but many small ones at home. By September the losses are
# back, and a new model, trained on the summer, is ready.
#
# The last change of models went like this. On a Friday evening somebody copied a new `model.pkl` over the old one on
# the scoring server. On Saturday the call centre had twice as many calls. On Sunday the team wanted the old model
# back: it was gone. On Monday the auditors asked four questions. Which model ran on Saturday? What did it learn from?
# Why was it changed? Who said yes? Nobody could answer one of them.
#
# A **model registry** is the list of the models that may go to production. It answers the four questions, and it
# makes "give us the old one back" one command. Its words, as MLflow 3 uses them:
#
# | word | what it is | example |
# |---|---|---|
# | logged model | a model as a run left it, with an id of its own: files, signature, input example | `models:/m-2394fb0d...` |
# | registered model | a name under which the company knows a model | `card-fraud` |
# | version | a number under that name. It points to one logged model and never to another | `models:/card-fraud/7` |
# | alias | a word that points to one version, and that you can move | `models:/card-fraud@champion` |
# | version tag, description | what people say about a version | `approved_by = ...` |
#
# The service that scores payments loads `models:/card-fraud@champion`. It knows no version. So a **promotion** only
# moves a pointer: nothing is copied and nothing is built anew, and what goes live is byte for byte what was tested.
# A **rollback** is the same command with the old number.
#
# You may meet *stages* in older texts and code: `Staging`, `Production`, `Archived`. MLflow has marked them as
# deprecated since version 2.9. There were four fixed words, and people took them for environments and for approvals,
# which they never were. Use aliases for "which one", tags for "what was decided", and separate servers or catalogs
# for "which environment".
#
# A pointer that anybody can move needs two things beside it: a rule for when it may move, and a record of why it did.
# That is today's work.

# %% [markdown] nbgrader={"grade": false, "grade_id": "end-state", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## End state
#
# This is the whole contract. How you get there (this notebook, a script, the REST API, the MLflow page) is up to you.
#
# <!-- end state -->
#
# The data: `data/spring.csv` has the payments of January to March, `data/summer.csv` those of June to August,
# `data/september.csv` those of September. Every column is a number, `is_fraud` comes last. The models answer 0 or 1
# from the eight other columns. Which classifier you take, and the name of the experiment, are your choice.

# %% [markdown] nbgrader={"grade": false, "grade_id": "do", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Do
#
# Each task shows the tool once on something else: a model about tumours, with data that comes with scikit-learn, under
# the name `day11-scratch`. Then it is your turn with the bank's model, `day11-card-fraud`.

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": false, "schema_version": 3, "solution": false, "task": false}
import logging
import os
import tempfile
import warnings
from pathlib import Path

import mlflow
import pandas as pd
import yaml
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

# MLflow hints that whole numbers cannot be missing. In this data nothing is missing.
warnings.filterwarnings("ignore", message=".*integer column.*")
# A relative path fits two kinds of local source, and MLflow says that it takes one of them.
warnings.filterwarnings("ignore", message=".*multiple ways.*")
logging.getLogger("mlflow.store.model_registry.abstract_store").setLevel(logging.WARNING)

os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
os.environ["DVC_NO_ANALYTICS"] = "1"
os.environ["EXAMPLE"] = tempfile.mkdtemp(prefix="tumours-")
os.environ.pop("FORCE_COLOR", None)  # Jupyter sets it, and DVC would draw moving dots into the output
print("Models and runs go to", mlflow.get_tracking_uri())

# %% [markdown] nbgrader={"grade": false, "grade_id": "task1", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 1: Give the training data a name that cannot drift
#
# "What did it learn from?" is answered by a chain: version, logged model, run, dataset, file, bytes. The last link is
# DVC's: a small text file `x.csv.dvc` holds the MD5 sum of `x.csv`, and DVC's cache holds the bytes under that sum.
#
# You know this from day 3. Here it goes without git: `dvc init --no-scm`. At work, git would keep the `.dvc` files.

# %% nbgrader={"grade": false, "grade_id": "example1-data", "locked": false, "schema_version": 3, "solution": false, "task": false}
frame = load_breast_cancer(as_frame=True).frame.iloc[:, -5:]
learn, test = train_test_split(frame, random_state=0)
learn.to_csv(Path(os.environ["EXAMPLE"], "tumours.csv"), index=False)

# %% language="bash" nbgrader={"grade": false, "grade_id": "example1", "locked": false, "schema_version": 3, "solution": false, "task": false}
# set -e
# cd "$EXAMPLE"
# dvc init --quiet --no-scm
# dvc add --quiet tumours.csv
# cat tumours.csv.dvc
# echo "--- the bytes, named by their sum"
# find .dvc/cache/files -type f

# %% [markdown] nbgrader={"grade": false, "grade_id": "task1-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# **Your turn.** Track `data/spring.csv` and `data/summer.csv` in your workspace.
#
# <details><summary>Hint</summary>
#
# The cell starts in the folder of this notebook, which is your workspace. `dvc add` takes several files at once. If
# you prefer git beside it, run `git init` first and then `dvc init` without `--no-scm`.
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "solution1", "locked": false, "schema_version": 3, "solution": true, "task": false}
# set -e
# ### BEGIN SOLUTION
# dvc init --quiet --no-scm
# dvc add --quiet data/spring.csv data/summer.csv
# cat data/*.dvc
# ### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task2", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 2: Log two models that somebody else can use
#
# A model that only its author can call does not belong into a registry. Two things make it usable by others:
#
# - the **signature**: names and types of the columns that go in, and of what comes out. MLflow enforces it before each
#   prediction;
# - the **input example**: a few rows that really work. Whoever builds the service tries it out with them. MLflow
#   stores them beside the model, also in the form that a scoring server takes (`serving_input_example.json`).
#
# And one thing makes it traceable: the run says which data it used, by the dataset (as on day 8) and by DVC's sum.
#
# Here is such a run on the tumours. `dvc_sum` reads the sum from the small file.


# %% nbgrader={"grade": false, "grade_id": "example2", "locked": false, "schema_version": 3, "solution": false, "task": false}
def dvc_sum(path):
    """The MD5 sum under which DVC tracks `path`, as its `.dvc` file says."""
    return yaml.safe_load(Path(f"{path}.dvc").read_text())["outs"][0]["md5"]


mlflow.set_experiment("day11-scratch")
tumours = str(Path(os.environ["EXAMPLE"], "tumours.csv"))
learn = pd.read_csv(tumours)
X_learn, y_learn = learn.drop(columns="target"), learn["target"]
X_test, y_test = test.drop(columns="target"), test["target"]


def train_tumours(strength):
    with mlflow.start_run(run_name=f"tumours-C{strength}"):
        mlflow.log_param("C", strength)
        dataset = mlflow.data.from_pandas(learn, source=tumours, targets="target", name="tumours")
        mlflow.log_input(dataset, context="training")
        mlflow.set_tag("dvc_md5", dvc_sum(tumours))

        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(X_learn, y_learn)
        return mlflow.sklearn.log_model(
            model,
            name="model",
            signature=mlflow.models.infer_signature(X_learn, model.predict(X_learn)),
            input_example=X_learn.head(3),
            pip_requirements=["scikit-learn", "skops"],
        )


weak, strong = train_tumours(0.001), train_tumours(1.0)
print(weak.model_uri)
print(weak.signature)

# %% [markdown] nbgrader={"grade": false, "grade_id": "task2-traps", "locked": true, "schema_version": 3, "solution": false, "task": false}
# The traps:
#
# - **`X` without the label.** `infer_signature(train, ...)` on the whole table makes a model that demands `is_fraud`
#   from the service that wants to know it.
# - **A few rows, not the table.** `input_example=X` copies the whole training set into the registry, where more people
#   may read than in the data lake. In a bank, even the few rows are made up or anonymised.
# - **Trees and skops.** As on day 8, a tree needs `skops_trusted_types=["sklearn.tree._tree.Tree"]`.
# - **A tag is typed.** MLflow believes any `dvc_md5` that you set. It is worth something because the `.dvc` file and the
#   bytes are there to compare it with, and because the dataset's digest must fit as well. It still does not prove
#   that the model learned from these bytes: only training it again would.
#
# **Your turn.** Train one model on `data/spring.csv`, as the bank has it in production, and one on `data/summer.csv`.
# Log each in a run of its own, in an experiment of your choice, with signature, input example, dataset and `dvc_md5`.
# Keep what `log_model` returns: its `model_uri` is the address of the logged model.
#
# <details><summary>Hint</summary>
#
# Write a function `train_fraud(path)` like the one above and call it with both paths. A
# `DecisionTreeClassifier(max_depth=5, random_state=0)` will do. Call `mlflow.set_experiment` first. Give the whole
# table as it was read to `from_pandas`, with `source=path`, where `path` is `data/spring.csv` or `data/summer.csv`.
# Leave `data/september.csv` alone: it decides in Task 4, and a judge must not be a party.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution2", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
mlflow.set_experiment("day11-models")


def train_fraud(path):
    table = pd.read_csv(path)
    X, y = table.drop(columns="is_fraud"), table["is_fraud"]
    settings = {"max_depth": 5, "random_state": 0}
    with mlflow.start_run(run_name=f"tree-{Path(path).stem}"):
        mlflow.log_params({"model": "DecisionTreeClassifier", **settings})
        mlflow.log_input(mlflow.data.from_pandas(table, source=path, targets="is_fraud"), context="training")
        mlflow.set_tag("dvc_md5", dvc_sum(path))
        model = DecisionTreeClassifier(**settings).fit(X, y)
        return mlflow.sklearn.log_model(
            model,
            name="model",
            signature=mlflow.models.infer_signature(X, model.predict(X)),
            input_example=X.head(5),
            skops_trusted_types=["sklearn.tree._tree.Tree"],
            pip_requirements=["scikit-learn", "skops"],
        )


spring, summer = train_fraud("data/spring.csv"), train_fraud("data/summer.csv")
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task3", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 3: Register both, and say which is which
#
# `mlflow.register_model` makes a version. The first call makes the registered model too. Numbers are given by the
# server and never given twice, even if you delete a version. So never write a number into code: keep what the call
# returns.

# %% nbgrader={"grade": false, "grade_id": "example3", "locked": false, "schema_version": 3, "solution": false, "task": false}
client = mlflow.MlflowClient()

first = mlflow.register_model(weak.model_uri, "day11-scratch")
second = mlflow.register_model(strong.model_uri, "day11-scratch")
client.update_model_version("day11-scratch", first.version, description="Cautious: C=0.001. The first try.")
client.update_model_version("day11-scratch", second.version, description="C=1.0, scikit-learn's default.")

client.set_registered_model_alias("day11-scratch", "champion", first.version)
client.set_registered_model_alias("day11-scratch", "challenger", second.version)

for alias in ("champion", "challenger"):
    found = client.get_model_version_by_alias("day11-scratch", alias)
    print(f"{alias:10} -> version {found.version} -> {found.source} -> run {found.run_id}")

# %% [markdown] nbgrader={"grade": false, "grade_id": "task3-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# An alias is a single pointer: set it again and it has moved. MLflow refuses an alias to a version that does not exist,
# and deletes a version's aliases with the version, so a service that loads `@champion` then finds nothing. The names
# are a convention. `champion` is the one in use, `challenger` the one it is compared with.
#
# **Your turn.** Register both models as `day11-card-fraud`, and give each version a description: what it is and what
# it learned from. Set the aliases as things are *today*, before any decision: the spring model is the champion, the
# summer model the challenger.
#
# <details><summary>Hint</summary>
#
# `mlflow.register_model(spring.model_uri, "day11-card-fraud")` and so on, with what your Task 2 returned. Did you
# register the wrong one? Register the right one too, and let the aliases point there; a version too many does no harm.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution3", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
NAME = "day11-card-fraud"

old = mlflow.register_model(spring.model_uri, NAME)
new = mlflow.register_model(summer.model_uri, NAME)
client.update_model_version(NAME, old.version, description="Tree of depth 5, learned from January to March.")
client.update_model_version(NAME, new.version, description="Tree of depth 5, learned from June to August.")
client.set_registered_model_alias(NAME, "champion", old.version)
client.set_registered_model_alias(NAME, "challenger", new.version)
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task4", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 4: Compare them as they would be used
#
# Compare what the registry serves, not the variables that are left in the notebook. `mlflow.pyfunc.load_model` takes
# the alias, fetches the files and loads them, as the service does.

# %% nbgrader={"grade": false, "grade_id": "example4", "locked": false, "schema_version": 3, "solution": false, "task": false}
for alias in ("champion", "challenger"):
    loaded = mlflow.pyfunc.load_model(f"models:/day11-scratch@{alias}")
    print(f"{alias:10} F1 on the test rows {f1_score(y_test, loaded.predict(X_test)):.4f}")

# %% [markdown] nbgrader={"grade": false, "grade_id": "task4-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# A comparison needs its rule *before* its result. The team's rule: the challenger replaces the champion if its F1 on
# a month that neither has learned from is **at least 0.05 higher**. A smaller gain is not worth the risk of a change,
# and could be chance.
#
# **Your turn.** Measure the F1 of both on `data/september.csv`, loaded by their aliases, into the variables
# `champion_f1` and `challenger_f1`. What does the rule say?
#
# <details><summary>Hint</summary>
#
# Split `data/september.csv` into features and `is_fraud` first. `f1_score` without further arguments is that of class
# 1, the frauds. Do not be surprised at the champion: look at the date of its data.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution4", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
september = pd.read_csv("data/september.csv")
X_september, y_september = september.drop(columns="is_fraud"), september["is_fraud"]


def measured(alias):
    return f1_score(y_september, mlflow.pyfunc.load_model(f"models:/{NAME}@{alias}").predict(X_september))


champion_f1, challenger_f1 = measured("champion"), measured("challenger")
print(f"champion {champion_f1:.4f}, challenger {challenger_f1:.4f}, gain {challenger_f1 - champion_f1:.4f}")
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task5", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 5: Promote it, on the record
#
# An alias has no memory. When it has moved, MLflow does not tell where it was before, who moved it, or why. The
# **approval record** tells it. Write it *before* the pointer moves: whoever finds a new champion must find the reason
# beside it. On the tumours, and then back again:

# %% nbgrader={"grade": false, "grade_id": "example5", "locked": false, "schema_version": 3, "solution": false, "task": false}
record = {
    "reason": "Fewer tumours are missed on the test rows.",
    "requested_by": "data science",
    "approved_by": "head of pathology",
    "replaces": first.version,
}
for key, value in record.items():
    client.set_model_version_tag("day11-scratch", second.version, key, value)


def loaded_by_the_service():
    return mlflow.pyfunc.load_model("models:/day11-scratch@champion").metadata.model_id


print("before the promotion:", loaded_by_the_service())
client.set_registered_model_alias("day11-scratch", "champion", second.version)
client.set_registered_model_alias("day11-scratch", "challenger", first.version)
print("after it:            ", loaded_by_the_service())
client.set_registered_model_alias("day11-scratch", "champion", first.version)
client.set_registered_model_alias("day11-scratch", "challenger", second.version)
print("rolled back:         ", loaded_by_the_service())

# %% [markdown] nbgrader={"grade": false, "grade_id": "task5-traps", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Three things to know.
#
# - **The service must notice.** `load_model` resolves the alias once. A server that loaded the champion in the morning
#   answers with it until it loads again. Restart it, let it ask for the alias every minute, or let a webhook tell it.
# - **Two moves are not one.** Between the two calls both aliases point to the same version. Let no program rely on
#   their being different at every moment.
# - **The record is typed too.** On a server without logins anybody can write any name. `approved_by` is a claim until
#   the server knows who is asking. So the numbers stand beside it, which anybody can measure again. The checker does.
#
# **Your turn.** Put the record on the version that becomes champion: `reason` (a sentence), `requested_by`,
# `approved_by` (another person, and not the user who ran the training), `replaces` (the number of the version that
# was champion), and the two numbers of your decision: `valid_f1`, its own F1 on `data/september.csv`, and
# `replaced_f1`, that of the version that it replaces. Then swap the aliases: the summer model is `champion`, and the
# spring model stays at hand as `challenger`.
#
# <details><summary>Hint</summary>
#
# `set_model_version_tag` as above; the values are texts, `f"{challenger_f1:.4f}"` is one. Tags of the run or of the
# registered model are something else. Have you swapped before you took down the numbers? Then the champion is the one
# that was the challenger when you measured.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution5", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
record = {
    "reason": "In September the spring model misses nearly all frauds; the new one finds many of them.",
    "requested_by": "card-fraud data science",
    "approved_by": "head of fraud operations",
    "replaces": old.version,
    "valid_f1": f"{challenger_f1:.4f}",
    "replaced_f1": f"{champion_f1:.4f}",
}
for key, value in record.items():
    client.set_model_version_tag(NAME, new.version, key, value)

client.set_registered_model_alias(NAME, "champion", new.version)
client.set_registered_model_alias(NAME, "challenger", old.version)
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "look", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Look
#
# The next cell prints the address of the registered model's page. Open it: versions, aliases, tags. Open a version:
# the page shows its signature and leads to the run and to the logged model. Open the logged model and its *Artifacts*:
# `MLmodel`, `input_example.json`.

# %% nbgrader={"grade": false, "grade_id": "look-page", "locked": false, "schema_version": 3, "solution": false, "task": false}
versions = mlflow.search_model_versions(filter_string="name = 'day11-card-fraud'")
if not versions:
    print("There is no version of day11-card-fraud yet: do Task 3 first.")
else:
    print(f"{mlflow.get_tracking_uri().rstrip('/')}/#/models/day11-card-fraud")
aliases = client.get_registered_model("day11-card-fraud").aliases if versions else {}
pd.DataFrame(
    [
        {
            "version": version.version,
            "aliases": ", ".join(alias for alias, number in aliases.items() if number == version.version),
            "description": version.description,
            **{key: version.tags.get(key, "") for key in ("reason", "approved_by", "valid_f1", "replaced_f1")},
        }
        for version in versions
    ]
)

# %% [markdown] nbgrader={"grade": false, "grade_id": "look-lineage", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Now be the auditor. The next cell knows nothing but the words `day11-card-fraud@champion` and follows the chain to the
# bytes. Each line is one link. The last line hashes the file in DVC's cache again: it must give its own name.

# %% nbgrader={"grade": false, "grade_id": "look-chain", "locked": false, "schema_version": 3, "solution": false, "task": false}
import hashlib

if "champion" in aliases:
    version = client.get_model_version_by_alias("day11-card-fraud", "champion")
    model = mlflow.get_logged_model(version.source.removeprefix("models:/"))
    run = client.get_run(model.source_run_id)
    print("alias         champion")
    print("version      ", version.version, "registered", pd.Timestamp(version.creation_timestamp, unit="ms"))
    print("logged model ", model.model_id, model.status)
    print("run          ", run.info.run_name, run.info.status, "by", run.data.tags.get("mlflow.user"))
    for given in run.inputs.dataset_inputs:
        print("dataset      ", given.dataset.name, "digest", given.dataset.digest, "source", given.dataset.source)
    md5 = run.data.tags.get("dvc_md5", "")
    print("dvc_md5      ", md5 or "none")
    stored = Path(".dvc/cache/files/md5", md5[:2], md5[2:])
    if md5 and stored.is_file():
        print("bytes        ", hashlib.md5(stored.read_bytes()).hexdigest(), f"({stored.stat().st_size} bytes)")
else:
    print("Nothing has the alias champion yet: do Task 3 first.")

# %% [markdown] nbgrader={"grade": false, "grade_id": "check", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Check
#
# The checker reads the registry, follows both chains, and lets both models predict: on September, and on payments that
# nobody has seen. Run it as often as you like.

# %% nbgrader={"grade": false, "grade_id": "check-load", "locked": false, "schema_version": 3, "solution": false, "task": false}
# %load_ext checker

# %% nbgrader={"grade": false, "grade_id": "check-run", "locked": false, "schema_version": 3, "solution": false, "task": false}
# %check

# %% [markdown] nbgrader={"grade": false, "grade_id": "reflect", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Reflect
#
# **Question 1.** In the night the alias `champion` went back to the spring model. In the morning it points to the
# summer model again, and losses are up. What can you still find out from the registry as you set it up today, and what
# not? Name two changes that would have made the night visible.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# One sees which version the alias names now, that version's record, and both versions with their models, so both can
# be scored again. One does not see that the alias moved, when, or by whom: MLflow keeps the present pointer and no
# history of it, and a server without logins does not know who asked. Tags could have been written afterwards. What
# helps: logins with permissions on the registered model, so that few may move the alias and requests have a name; a
# webhook on alias events (or the access log of a proxy before the server) that writes to a log which nobody can edit;
# promotion only by a pipeline after a reviewed change in git, whose history is the record; and the service writing
# the version that it really loaded beside each prediction.
#
# **Rubric.** 1 mark: says that the alias has no history and that tags and names are typed by the client. 1 mark: two
# changes that really leave a trace outside of the learner's own reach (permissions with identity, event log, pipeline
# in git, version logged with predictions). "Write a better description" is none.

# %% [markdown] nbgrader={"grade": false, "grade_id": "reflect-question-2", "locked": true, "schema_version": 3, "solution": false, "task": false}
# **Question 2.** You showed that version, run, dataset digest, `dvc_md5` and the bytes fit together. Does that prove
# that the champion learned from exactly this file? Which links can somebody check by computing, which are claims, and
# what would it take to be sure?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# It does not. Computable: the sum of the bytes in the cache against the `.dvc` file and the tag; the digest of the
# table against that of the run's dataset; the champion's score on any rows. Claims: that the run logged the dataset
# from which it really fitted, that the tag was set at training time and not later, the params, the user's name. A
# version can be registered from any logged model, and a client may log a model that it did not train. To be sure one
# trains again from commit, data and environment, as on day 10, and compares the predictions; or training happens only
# in a pipeline that nobody can enter, which fetches the data by its sum and signs what it made (an attestation).
#
# **Rubric.** 1 mark: says no, and sorts at least two links right on each side. 1 mark: reproducing the training, or
# a trusted pipeline that makes and signs the link, as what would settle it.

# %% [markdown] nbgrader={"grade": false, "grade_id": "further", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Go further
#
# **The same by REST.** Everything above is a small HTTP API, which any language can use:
#
# ```sh
# api="$MLFLOW_TRACKING_URI/api/2.0/mlflow"
# curl -s "$api/registered-models/alias?name=day11-card-fraud&alias=champion"
# curl -s -X POST "$api/registered-models/alias" -H 'Content-Type: application/json' \
#      -d '{"name": "day11-card-fraud", "alias": "champion", "version": "1"}'
# ```
#
# The second line is the whole rollback. It also shows why the server must not be open to everybody.
#
# **Try the input example.** `mlflow models predict -m models:/day11-card-fraud@champion --env-manager local -i FILE`
# takes the file `serving_input_example.json` of the logged model, and `mlflow models serve` makes a server of it
# (day 17).
#
# **The same idea in other registries.**
#
# | registry | versions and pointers | approval | think twice when |
# |---|---|---|---|
# | MLflow (own server) | versions; aliases; tags | none of its own: a convention, as today, with `basic-auth` permissions and webhooks (still called experimental) around it | you need an audit trail that holds by itself |
# | Unity Catalog with MLflow (Databricks; also an open-source server) | `catalog.schema.model`, versions, aliases; no stages | grants on catalog, schema and model; deployment jobs with an approval step; on Databricks, audit logs and lineage | you are not on that platform: the open-source catalog has far less around it |
# | SageMaker Model Registry | model package groups with numbered versions; no aliases | built in: `ModelApprovalStatus` is pending, approved or rejected; a change is an EventBridge event that starts a pipeline | you want one pointer to "the current one": you ask for the newest approved version instead |
# | Vertex AI Model Registry (Google now files it under its Agent Platform) | versions, aliases, one of which is always `default` | none of its own: IAM and a pipeline with a manual step | an approval must be a field that can be queried |
# | Azure Machine Learning | versions, tags; registries to share models between workspaces. It speaks to the MLflow client, not in all parts | none of its own: access roles, and approvals in Azure DevOps or GitHub | you count on MLflow's newest features |
# | Weights & Biases Registry | collections, versions `v0`, `v1`, ...; aliases, `latest` by itself | protected aliases, which only a registry's admins move; automations on alias changes; history of actions | models may not leave the house and there is no licence for a server |
# | Hugging Face Hub | git repositories: commits, branches, tags; a model card as its front page | pull requests and roles in an organisation; gated access | "which one is in production" must be one fact: the Hub publishes, it does not deploy for you |
#
# Choose the one that belongs to the platform on which the model will run: a registry that the deployment does not read
# is a list. Have one registry that decides, and let others copy from it.
#
# **What a big house does differently.**
#
# - **No person moves the alias.** A pipeline does, after a pull request has been approved. People hold read permission.
#   The approval is the review in git, and the tags are its copy.
# - **Environments are separate.** Development, staging and production have catalogs or servers of their own, and a
#   tested version is copied (`MlflowClient().copy_model_version`), never trained again.
# - **The challenger runs in the shadow.** It gets the same payments and its answers are only recorded (day 21).
# - **A gate before the registry** refuses models without signature, tests or a model card (days 13 and 26).
# - **For a high-risk system** under the EU AI Act, logs and records of changes are a duty and not a habit (day 26).

# %% [markdown] nbgrader={"grade": false, "grade_id": "sources", "locked": true, "schema_version": 3, "solution": false, "task": false}
# To read on: the MLflow documentation on *Model Registry*, *Model Signatures and Input Examples* and *Webhooks*; the
# discussion in the MLflow repository in which stages were given up (issue 10336).
