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
# # Day 8: Experiment tracking
#
# *About 60 minutes. You need the platform (`infra up`), since today's work lives on an MLflow server.*

# %% [markdown] nbgrader={"grade": false, "grade_id": "why", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Why
#
# The card-fraud team has its first model in production. Monday's meeting: which of the models that were tried in
# spring is it? One notebook says F1 0.81. A slide says 0.84. A chat message says "the deep one, but with the new
# data". Three people remember three settings, and nobody has the file any more. The model that stops payments of real
# customers is a file called `model_final_v3_ok.pkl`.
#
# Nobody did anything wicked. Each number was true when it was written down. But it was written down apart from the
# settings, the data and the model that it belongs to.
#
# A **tracking server** keeps these together. One training is one **run**, and a run holds
#
# - **params**: what you chose (`max_depth=6`),
# - **metrics**: what came out (`valid_f1=0.74`),
# - **dataset inputs**: which rows the model learned from, with a digest,
# - **a logged model**: the model itself, with a signature of its inputs and outputs,
# - **tags**: what people or programs say about the run later, such as `stage=candidate`.
#
# Runs of one question stand together in an **experiment**. Then "which one is in production, and why?" is a query and
# not a memory.
#
# There is a catch, and today you will meet it: a metric is a number that *the client sends*. MLflow stores what it is
# told. A run is a **claim**. It is worth something when somebody else can take the logged model and get the same
# number. That is what the grader of this lab does, and what a colleague will do.

# %% [markdown] nbgrader={"grade": false, "grade_id": "end-state", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## End state
#
# This is the whole contract. How you get there (this notebook, a script, a terminal) is up to you.
#
# <!-- end state -->
#
# The data: `data/train.csv` has the payments of months 1 to 3, `data/valid.csv` those of month 4. Every column is a
# number, `is_fraud` comes last. The models answer 0 or 1 from the eight other columns.

# %% [markdown] nbgrader={"grade": false, "grade_id": "do", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Do
#
# Each task shows the tool once on something else: a tiny data set about tumours that comes with scikit-learn, in an
# experiment called `day08-scratch`. Then it is your turn with the bank's data, in `day08-baseline`.

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": false, "schema_version": 3, "solution": false, "task": false}
import warnings

import mlflow
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
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

# %% [markdown] nbgrader={"grade": false, "grade_id": "task1", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 1: Find the server, open an experiment
#
# The address of the server comes from the environment variable `MLFLOW_TRACKING_URI`, which `infra up` sets for
# JupyterLab. (In a terminal: `eval "$(infra env)"`.) Write no address into code: the same notebook then runs against
# the team's server tomorrow.
#
# `mlflow.set_experiment(name)` makes the experiment if it is not there and sends all following runs to it. The call
# is easily forgotten, and then the runs land in an experiment called `Default`, where nobody looks.

# %% nbgrader={"grade": false, "grade_id": "example1", "locked": false, "schema_version": 3, "solution": false, "task": false}
print("Runs go to", mlflow.get_tracking_uri())

scratch = mlflow.set_experiment("day08-scratch")
print("Experiment", scratch.experiment_id, "is called", scratch.name)

# %% [markdown] nbgrader={"grade": false, "grade_id": "task1-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# If the first line shows `sqlite:///mlflow.db`, no server is set: stop, run `infra up`, and open this notebook from
# the JupyterLab that it starts.
#
# **Your turn.** Open the experiment `day08-baseline`. Read both tables into `train` and `valid`, and split features
# (`X_train`, `X_valid`) from the label `is_fraud` (`y_train`, `y_valid`).
#
# <details><summary>Hint</summary>
#
# `pd.read_csv("data/train.csv")`, then `train.drop(columns="is_fraud")`. Do not drop, shuffle or convert anything in
# `train`: its digest is part of the contract.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution1", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
experiment = mlflow.set_experiment("day08-baseline")

train = pd.read_csv("data/train.csv")
valid = pd.read_csv("data/valid.csv")
X_train, y_train = train.drop(columns="is_fraud"), train["is_fraud"]
X_valid, y_valid = valid.drop(columns="is_fraud"), valid["is_fraud"]
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task2", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 2: Say which data it is
#
# "Trained on the spring data" means nothing in autumn. `mlflow.data.from_pandas` makes a **dataset** object with a
# name, a source, a schema, the number of rows and a **digest**. Nothing is uploaded: it is a description.

# %% nbgrader={"grade": false, "grade_id": "example2", "locked": false, "schema_version": 3, "solution": false, "task": false}
tumours = load_breast_cancer(as_frame=True).frame
learn, test = train_test_split(tumours, random_state=0)

described = mlflow.data.from_pandas(
    learn, source="sklearn.datasets.load_breast_cancer", targets="target", name="tumours"
)
print(described.digest, described.profile)
print("one row fewer:", mlflow.data.from_pandas(learn.iloc[1:]).digest)
print("as floats:    ", mlflow.data.from_pandas(learn.astype("float64")).digest)

# %% [markdown] nbgrader={"grade": false, "grade_id": "task2-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# The digest changes with the rows, with their order and even with the type of a column. Two limits are worth knowing:
# it is short (eight characters), and for tables of more than 10,000 rows it looks at the first 10,000, at the names of
# the columns and at the number of rows. It tells honest data sets apart. It is no proof against somebody who wants to
# deceive, and no replacement for data versioning (day 3).
#
# **Your turn.** Describe the training data as `training_data`, with `data/train.csv` as its source and `is_fraud` as
# its target.
#
# <details><summary>Hint</summary>
#
# Give it the whole frame `train` as it was read, not a sample of it. `targets="is_fraud"` names the label.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution2", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
training_data = mlflow.data.from_pandas(train, source="data/train.csv", targets="is_fraud", name="card-payments-train")
print(training_data.digest, training_data.profile)
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task3", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 3: One run that keeps everything
#
# `with mlflow.start_run():` opens a run and closes it: as `FINISHED` when the block ends, as `FAILED` when an error
# leaves it. All that happens to one model belongs inside the block. Here is a whole run on the tumours. Read what each
# line adds.

# %% nbgrader={"grade": false, "grade_id": "example3", "locked": false, "schema_version": 3, "solution": false, "task": false}
mlflow.set_experiment("day08-scratch")

X_learn, y_learn = learn.drop(columns="target"), learn["target"]
X_test, y_test = test.drop(columns="target"), test["target"]

with mlflow.start_run(run_name="tumours-C0.1"):
    settings = {"C": 0.1, "max_iter": 500}
    mlflow.log_params(settings)
    mlflow.log_input(described, context="training")

    tumour_model = make_pipeline(StandardScaler(), LogisticRegression(**settings)).fit(X_learn, y_learn)

    # F1 of the answers that `predict` gives, on rows that the model has not learned from.
    mlflow.log_metric("test_f1", f1_score(y_test, tumour_model.predict(X_test)))

    mlflow.sklearn.log_model(
        tumour_model,
        name="model",
        signature=mlflow.models.infer_signature(X_learn, tumour_model.predict(X_learn)),
        pip_requirements=["scikit-learn", "skops"],
    )

# %% [markdown] nbgrader={"grade": false, "grade_id": "task3-traps", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Some of this has teeth.
#
# - **The signature** records the names and types of what the model takes and gives. MLflow checks them before each
#   prediction. Without it, only the author knows what the model wants, and wrong columns may be answered all the same.
# - **The format of the model.** MLflow writes scikit-learn models with *skops*, which can be read back without
#   running foreign code. skops refuses types that it does not know to be safe. Trees are among them: logging a
#   `DecisionTreeClassifier` or a `RandomForestClassifier` ends with `Untrusted types found in the file:
#   ['sklearn.tree._tree.Tree']`. You have just trained the tree yourself, so you can say that you trust it:
#   `skops_trusted_types=["sklearn.tree._tree.Tree"]`. The other way is `serialization_format="cloudpickle"`. It takes
#   everything, and whoever loads such a file runs whatever is in it. Never load a pickle from a stranger.
# - **Do not wrap `log_model` in `try`/`except`.** The run would end as FINISHED, with a metric and without a model:
#   the number on the slide that nobody can check. MLflow lists such a model as *upload failed*.
# - **`pip_requirements`** says what the model needs. If you leave it out, MLflow loads your model in another process
#   and watches what it imports, which takes long each time.
# - **Which F1?** `f1_score(y, answers)` is that of class 1, the frauds. With `average="weighted"` it looks splendid,
#   because almost all payments are honest.
#
# **Your turn.** Train one classifier on `X_train` and log it to `day08-baseline` as one run with everything: its
# params, the training data (context `training`), the metric `valid_f1` on `data/valid.csv`, and the model with its
# signature. Put it into a function, for you will need it again.
#
# <details><summary>Hint</summary>
#
# The example has set another experiment: call `mlflow.set_experiment` again. A function such as
# `track(name, model, settings)` with one `with mlflow.start_run(run_name=name):` block in it is enough. A tree with
# `max_depth=4` is a good first model. Give `skops_trusted_types` for trees.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution3", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
mlflow.set_experiment("day08-baseline")


def track(name, model, settings):
    """Train `model` and log one run that keeps everything about it."""
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_params({"model": type(model).__name__, **settings})
        mlflow.log_input(training_data, context="training")
        model.fit(X_train, y_train)
        mlflow.log_metric("valid_f1", f1_score(y_valid, model.predict(X_valid)))
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=mlflow.models.infer_signature(X_train, model.predict(X_train)),
            skops_trusted_types=["sklearn.tree._tree.Tree"],
            pip_requirements=["scikit-learn", "skops"],
        )
    return run.info.run_id


settings = {"max_depth": 3, "random_state": 0}
track("tree-3", DecisionTreeClassifier(**settings), settings)
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task4", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 4: Vary one thing at a time
#
# A comparison needs runs that differ in what you say they differ in. A loop over settings does it; MLflow draws the
# comparison. On the tumours:

# %% nbgrader={"grade": false, "grade_id": "example4", "locked": false, "schema_version": 3, "solution": false, "task": false}
mlflow.set_experiment("day08-scratch")

for strength in (0.01, 1.0):
    with mlflow.start_run(run_name=f"tumours-C{strength}"):
        mlflow.log_params({"C": strength, "max_iter": 500})
        mlflow.log_input(described, context="training")
        tumour_model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))
        tumour_model.fit(X_learn, y_learn)
        mlflow.log_metric("test_f1", f1_score(y_test, tumour_model.predict(X_test)))

# %% [markdown] nbgrader={"grade": false, "grade_id": "task4-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# These two runs keep no model. For a scratch experiment that may do. For the fraud team it does not.
#
# **Your turn.** Add at least two more runs to `day08-baseline`, each with another setting or another kind of
# classifier. Log only what you really set: a param that says `max_depth=9` beside a model of depth 3 is worse than
# none. A run that went wrong can be deleted: `mlflow.delete_run(run_id)`, or with the boxes in the MLflow page.
#
# <details><summary>Hint</summary>
#
# Call your function with `max_depth` 5 and 8, or with a small `RandomForestClassifier(n_estimators=20, max_depth=10)`.
# A `LogisticRegression` wants a `StandardScaler` before it, in one `make_pipeline`: log the pipeline, so that the
# scaling travels with the model. Train on `train.csv` alone, even if `valid.csv` would make the number nicer.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution4", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
mlflow.set_experiment("day08-baseline")

for depth in (5, 8):
    settings = {"max_depth": depth, "random_state": 0}
    track(f"tree-{depth}", DecisionTreeClassifier(**settings), settings)

settings = {"n_estimators": 20, "max_depth": 10, "random_state": 0}
track("forest-20", RandomForestClassifier(**settings), settings)
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task5", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 5: Find the best run and mark it
#
# `mlflow.search_runs` gives the runs of an experiment as a table: `params.C`, `metrics.test_f1`, `tags.stage` and so
# on are its columns. Tags can be set after the run has ended; that is how a decision is recorded.

# %% nbgrader={"grade": false, "grade_id": "example5", "locked": false, "schema_version": 3, "solution": false, "task": false}
found = mlflow.search_runs(
    experiment_names=["day08-scratch"],
    filter_string="attributes.status = 'FINISHED' and metrics.test_f1 > 0.5",
    order_by=["metrics.test_f1 ASC"],
)
worst = found.iloc[0]
mlflow.MlflowClient().set_tag(worst.run_id, "verdict", "rejected")
found[["run_id", "params.C", "metrics.test_f1"]]

# %% [markdown] nbgrader={"grade": false, "grade_id": "task5-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# **Your turn.** Find the run of `day08-baseline` with the highest `valid_f1` and give it the tag `stage` with the value
# `candidate`. No other run may carry it: if you train again later and another run wins, move the tag.
#
# <details><summary>Hint</summary>
#
# Order by `metrics.valid_f1 DESC` and take the first row. `MlflowClient().delete_tag(run_id, "stage")` takes a tag
# away.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution5", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
ranking = mlflow.search_runs(
    experiment_names=["day08-baseline"],
    filter_string="attributes.status = 'FINISHED'",
    order_by=["metrics.valid_f1 DESC"],
)
client = mlflow.MlflowClient()
for run_id in ranking.run_id[1:]:
    if client.get_run(run_id).data.tags.get("stage"):
        client.delete_tag(run_id, "stage")
client.set_tag(ranking.run_id[0], "stage", "candidate")
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "look", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Look
#
# The next cell prints the address of the experiment's page. Open it. Tick your runs and press **Compare**: the page
# draws params against metrics. Open one run: *Overview* has params, metrics, tags, the dataset and the logged model.
# Open the model: its file `MLmodel` shows the signature, the flavors and the run it came from.

# %% nbgrader={"grade": false, "grade_id": "look-page", "locked": false, "schema_version": 3, "solution": false, "task": false}
baseline = mlflow.get_experiment_by_name("day08-baseline")
if baseline is None:
    print("There is no experiment day08-baseline yet: do Task 1 first.")
else:
    print(f"{mlflow.get_tracking_uri().rstrip('/')}/#/experiments/{baseline.experiment_id}")

# %% nbgrader={"grade": false, "grade_id": "look-table", "locked": false, "schema_version": 3, "solution": false, "task": false}
table = pd.DataFrame() if baseline is None else mlflow.search_runs([baseline.experiment_id])
wanted = ["tags.mlflow.runName", "status", "params.max_depth", "metrics.valid_f1", "tags.stage", "run_id"]
table.reindex(columns=wanted).rename(columns=lambda name: name.split(".")[-1])

# %% [markdown] nbgrader={"grade": false, "grade_id": "look-plot", "locked": true, "schema_version": 3, "solution": false, "task": false}
# The same as a picture: one point for each run, with its depth on the horizontal and its `valid_f1` on the vertical
# axis, and its name beside it. Runs without a `max_depth` are left out. If you logged the depth under another name,
# change it here.

# %% nbgrader={"grade": false, "grade_id": "look-picture", "locked": false, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt

points = table.reindex(columns=["params.max_depth", "metrics.valid_f1", "tags.mlflow.runName"])
points["depth"] = pd.to_numeric(points["params.max_depth"], errors="coerce")
points = points.dropna(subset=["depth", "metrics.valid_f1"])

figure, axes = plt.subplots(figsize=(7, 4))
axes.scatter(points["depth"], points["metrics.valid_f1"], marker="o")
for depth, score, name in points[["depth", "metrics.valid_f1", "tags.mlflow.runName"]].itertuples(index=False):
    axes.annotate(str(name), (depth, score), xytext=(5, 5), textcoords="offset points")
axes.set(title="day08-baseline: F1 on month 4", xlabel="max_depth", ylabel="valid_f1")
plt.show()

# %% [markdown] nbgrader={"grade": false, "grade_id": "look-load", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Last, do what a colleague would do with your candidate: take the model from the server, knowing nothing but the tag,
# and measure it again. If the two numbers differ, find out why before the grader does.

# %% nbgrader={"grade": false, "grade_id": "look-again", "locked": false, "schema_version": 3, "solution": false, "task": false}
ids = [] if baseline is None else [baseline.experiment_id]
candidates = mlflow.search_runs(ids, filter_string="tags.stage = 'candidate'", output_format="list") if ids else []
for run in candidates:
    logged = mlflow.search_logged_models(
        ids, filter_string=f"source_run_id = '{run.info.run_id}'", output_format="list"
    )
    payments = pd.read_csv("data/valid.csv")
    for model in logged:
        answers = mlflow.pyfunc.load_model(f"models:/{model.model_id}").predict(payments.drop(columns="is_fraud"))
        print(f"reported {run.data.metrics.get('valid_f1')}, measured again {f1_score(payments['is_fraud'], answers)}")
if not candidates:
    print("No run carries the tag stage=candidate yet: do Task 5 first.")

# %% [markdown] nbgrader={"grade": false, "grade_id": "check", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Check
#
# The checker reads the server, takes each logged model, and lets it predict on the validation rows and on payments
# that nobody has seen. Run it as often as you like.

# %% nbgrader={"grade": false, "grade_id": "check-load", "locked": false, "schema_version": 3, "solution": false, "task": false}
# %load_ext checker

# %% nbgrader={"grade": false, "grade_id": "check-run", "locked": false, "schema_version": 3, "solution": false, "task": false}
# %check

# %% [markdown] nbgrader={"grade": false, "grade_id": "reflect", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Reflect
#
# **Question 1.** A colleague shows a run with `valid_f1 = 0.97`. It has params, the right dataset digest and a tidy
# name. Why is this number still only a claim? Name two ways in which it can be wrong without anybody lying, and say
# what you would do to confirm it.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The client computes the metric and sends it; the server stores what it is told, times and digests included. It can be
# wrong without a lie: measured on training rows, on a validation set that leaked into the training (the model was
# tuned or fitted on it), with another average (weighted instead of class 1), with a threshold that the logged model
# does not use, or from a cell that was run in another order, so that the model in memory was another one. To confirm
# it: load the logged model by its id in a clean process, score it on the named validation data, then on rows that
# came later and that nobody had when the run was made.
#
# **Rubric.** 1 mark: says that the client sends the number and that two honest causes are possible, both concrete.
# 1 mark: a confirmation that uses the logged model and data that the author of the run did not choose.

# %% [markdown] nbgrader={"grade": false, "grade_id": "reflect-question-2", "locked": true, "schema_version": 3, "solution": false, "task": false}
# **Question 2.** An auditor asks in a year: "Build exactly this model again." What do your runs hold that helps, and
# what else would have to be recorded?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# There are: params with the random seed, the digest and the row count of the training data, the signature, the list of
# requirements, and the model file itself. Missing are: the code (a git commit of a clean tree; a notebook's state is
# none), the data itself in a version that can be fetched (the digest recognises it, it does not bring it back; it
# covers only the first 10,000 rows), exact versions of all packages and of Python, how the features were made from raw
# transactions, who decided on the candidate and by which rule. Hardware and thread counts can change the last digits.
#
# **Rubric.** 1 mark: names code version and retrievable data version as missing. 1 mark: names the environment in
# exact versions and at least one more (feature pipeline, seed policy, decision record), and does not claim that the
# digest stores the data.

# %% [markdown] nbgrader={"grade": false, "grade_id": "further", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Go further
#
# **Autolog.** One line, `mlflow.sklearn.autolog()`, before `fit` logs params, training metrics, a dataset and the
# model by itself. Its metrics are those of the *training* data (`training_f1_score`), so your own `valid_f1` still has
# to be logged, and its model is written with the default format, so trees need a thought about trusted types.
#
# **The same run in other tools.** The ideas are the same everywhere; the names differ.
#
# ```python
# # Weights & Biases: without a network, WANDB_MODE=offline writes to a folder; `wandb sync` sends it later.
# import wandb
#
# with wandb.init(project="day08-baseline", config={"max_depth": 5}, mode="offline") as run:
#     run.log({"valid_f1": score})
#     artifact = wandb.Artifact("tree", type="model")
#     artifact.add_file("model.skops")
#     run.log_artifact(artifact)
# ```
#
# ```python
# # Comet: an OfflineExperiment writes an archive; `comet upload` sends it.
# from comet_ml import OfflineExperiment
#
# experiment = OfflineExperiment(project_name="day08-baseline", offline_directory="comet")
# experiment.log_parameters({"max_depth": 5})
# experiment.log_metric("valid_f1", score)
# experiment.end()
# ```
#
# ```python
# # ClearML: a Task records the git commit, uncommitted changes and installed packages by itself.
# from clearml import Task
#
# Task.set_offline(True)
# task = Task.init(project_name="day08-baseline", task_name="tree-5")
# task.connect({"max_depth": 5})
# task.get_logger().report_single_value("valid_f1", score)
# task.close()
# ```
#
# **When to pick which.**
#
# | tool | runs where | strong at | think twice when |
# |---|---|---|---|
# | MLflow | your server, open source (Apache 2.0); hosted by Databricks and by several clouds | one system for runs, models and registry; no vendor needed | many teams must be kept apart: its own access control is basic |
# | Weights & Biases | hosted, or a licensed server of your own | live charts, sweeps, reports that people like to read | data may not leave the house and there is no budget for a server licence |
# | Comet | hosted, or a licensed server of your own | comparing runs, panels, production monitoring beside it | you want the whole stack as open source |
# | ClearML | open-source server of your own, or hosted | records code and environment by itself; queues and agents that run experiments again | you only want a log: it wants to be the platform |
# | Neptune | nowhere new: its maker announced at the end of 2025 that it joins OpenAI, and the hosted service closed in 2026 | | always: export what is there. It shows why runs must be exportable |
#
# Two questions decide more than features do: may the data and the metrics leave your network, and can you get
# everything out again when the vendor stops?
#
# **What a team's server looks like.** Today's server keeps runs in SQLite and models in a folder. A team's has
#
# - PostgreSQL behind it (`--backend-store-uri postgresql://...`), because many clients write at once,
# - an object store for models (`--artifacts-destination s3://...`), with versioning and a retention rule,
# - logins: `--app-name basic-auth` brings users and permissions for each experiment; bigger houses put single sign-on
#   in a proxy before it. **Without that, everybody who reaches the port can edit and delete every run**,
# - backups of both stores together, since one without the other is useless,
# - and a rule about what must be in a run before its model may be registered. That is day 11.

# %% [markdown] nbgrader={"grade": false, "grade_id": "sources", "locked": true, "schema_version": 3, "solution": false, "task": false}
# To read on: the MLflow documentation on *Tracking*, on *Dataset tracking* and on *Models*; "Hidden Technical Debt in
# Machine Learning Systems" (Sculley and others, 2015) on what happens where nobody tracks.
