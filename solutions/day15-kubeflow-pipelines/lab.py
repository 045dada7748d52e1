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
# # Day 15: Kubeflow pipelines
#
# About 90 minutes. You write a file `pipeline.py` in this folder, with JupyterLab's editor, with another one, or from
# cells, and run it: only what stands at the end counts.

# %% [markdown]
# ## Why
#
# The fraud model is trained again each month. Until now that was a notebook on one person's machine, and the machine
# was also where the data lay, where the packages were installed that nobody had written down, and where the variable
# `df` was still in memory from a cell that had been deleted since. When that person was ill in June, a colleague ran
# the notebook. It went through. The evaluation read `test.csv` from the folder in which it lay since May, so the report
# said that the new model was as good as the old one. It was about the old one's data.
#
# On a cluster, that cannot happen, and not because people are more careful there. Each step is a container of its own,
# on some machine, with an empty disk. A step sees what is handed to it, and nothing else is there to be read by
# mistake. For that, somebody has to say what is handed to whom: which inputs a step has, which outputs, of which types,
# and which output goes into which input. **Kubeflow Pipelines** (kfp) is a way to say it in Python. The Python is
# compiled into a text, the **IR** (intermediate representation), and this text is all that the cluster gets. It can be
# read, compared, reviewed, stored and run again, on another cluster or, as today, on your own machine.
#
# The price is a way of writing that feels odd at first: functions whose imports stand inside, and files that must be
# written to a path that you did not choose. Today you see what each of these rules is for.

# %% [markdown]
# ## End state
#
# <!-- end state -->
#
# ### The pipeline from outside
#
# | parameter | type | default | what it is |
# |---|---|---|---|
# | `data` | `str` | `data/payments.csv` | path of a CSV with labelled payments, as `data/payments.csv` has them |
# | `test_from` | `str` | yours, such as `2025-03-01` | a day: payments with this `timestamp` or a later one are to test on, all earlier ones to learn from |
# | `n_estimators`, `max_depth`, `seed` | `int` | yours | number and depth of the trees, and what everything random begins from |
# | `min_auc` | `float` | yours, such as `0.8` | what the gate demands |
#
# | output | type | what it is |
# |---|---|---|
# | `model` | `Model` | the trained model, in whatever format you like |
# | `predictions` | `Dataset` | a CSV with `transaction_id` and `score`, one row for each payment to test on; more columns are welcome |
# | `metrics` | `Metrics` | with `auc` and `test_rows`; more entries are welcome |
# | `decision` | `str` | `promote` or `reject` |
# | `reason` | `str` | why, in words, with the number that was measured |
#
# How many tasks the pipeline has, what they are called, and what kind of trees you take is up to you.
#
# ### How the checker looks at it
#
# It reads `pipeline.yaml` (not `pipeline.py`) and the newest run in `runs/`. Then it runs the IR itself, task by task,
# with kfp's own executor, in a copy, without a network: each task in a new empty folder with the values and artifacts
# that are wired to it. The file that `data` names lies there for those tasks that get the parameter `data` straight.
# First with the defaults; then with each hyperparameter changed; then with other payments, under another path, with
# another `test_from`; then with some labels dealt out anew. A task for which nothing changed is not run again. Each may
# take 15 seconds of CPU time and write 16 MiB. `python` has the packages of this course; nothing can be installed.
#
# Where your platform is a cluster with Kubeflow Pipelines, it also asks these for the newest run of the pipeline, and
# compares what that was given with `pipeline.yaml`.

# %% [markdown]
# ## Do
#
# In this folder is `data/payments.csv`: the card payments of January to March, each with its label `is_fraud`.

# %% language="bash"
# head -n 3 data/payments.csv
# python -c "import kfp; print('kfp', kfp.__version__)"

# %% [markdown]
# The tasks below show kfp on something else: readings of a thermometer, in a temporary folder.

# %%
import os
import tempfile

os.environ["EXAMPLE"] = tempfile.mkdtemp(prefix="weather-")

# %% [markdown]
# ### Task 1: Components
#
# A **component** is a function, an image to run it in, and an interface. The interface is the function's signature:

# %% language="bash"
# cd "$EXAMPLE"
# printf 'day,celsius\n2025-06-01,19.5\n2025-06-02,\n2025-06-03,27.0\n2025-06-04,31.5\n' > june.csv
# cat > weather.py <<'END'
# from typing import NamedTuple
#
# from kfp import dsl
# from kfp.dsl import Dataset, Input, Metrics, Output
#
# component = dsl.component(base_image="registry.example/weather/python:1.4", install_kfp_package=False)
#
#
# @component
# def read(path: str, readings: Output[Dataset]):
#     """Take the readings in, without the gaps."""
#     import csv
#
#     with open(path) as file:
#         rows = [row for row in csv.DictReader(file) if row["celsius"]]
#     with open(readings.path, "w") as file:
#         file.writelines(f"{row['day']},{row['celsius']}\n" for row in rows)
#     readings.metadata["rows"] = len(rows)
#
#
# @component
# def count(readings: Input[Dataset], warm: float, summary: Output[Metrics]) -> int:
#     """Count the warm days."""
#     with open(readings.path) as file:
#         degrees = [float(line.split(",")[1]) for line in file]
#     days = sum(each >= warm for each in degrees)
#     summary.log_metric("warm_days", days)
#     summary.log_metric("warmest", max(degrees))
#     return days
# END

# %% [markdown]
# - **Parameters** are plain values: `str`, `int`, `float`, `bool`, `list`, `dict`. They travel as JSON, are shown in the
#   pages of the tool, and are small. A single value that is returned is an output called `Output`; several are a
#   `NamedTuple` (task 3).
# - **Artifacts** are files, or folders, with a type (`Dataset`, `Model`, `Metrics`, or plain `Artifact`), an address and
#   `metadata`. An `Output[...]` is **not returned**: you get an object and write to its `.path`. That path is given to
#   you. On a cluster it belongs to a volume whose content is uploaded when the function ends, **that path and nothing
#   beside it**: `joblib.dump(model, model.path + ".joblib")` works on your machine and loses the model on a cluster.
# - **`Metrics`** is an artifact without a file: `log_metric` writes into its metadata.
# - **The imports stand inside**, and so does all else that the function uses. kfp does not pickle the function: it takes
#   its **source text**. Nothing of the file around it comes along, no constant, no helper function, no
#   `from __future__ import annotations`.
# - **`base_image`** is where the function runs on a cluster. `python:3.11` is the default, and has no pandas. One can
#   name `packages_to_install`, and then each run of each step downloads them anew, with whatever they depend on that day.
#   A team builds one image and pins it. The local runner takes no notice of images: it uses the Python that you are in.
#   `install_kfp_package=False` says that kfp is in the image already; without it, each step begins with a `pip install`.
#
# What happens to a function that is not complete in itself?

# %% language="bash"
# cd "$EXAMPLE"
# cat > incomplete.py <<'END'
# from kfp import local
# from weather import component
#
# DEGREES = "Celsius"
#
#
# @component
# def unit() -> str:
#     return DEGREES
#
#
# local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="tries", raise_on_error=False)
# unit()
# END
# python incomplete.py 2>&1 | grep -E "NameError|finished"

# %% [markdown]
# A single component can be called and run like this, which makes a quick test, as long as its inputs are parameters.
#
# Now yours. Begin `pipeline.py` with the components that load and prepare the payments: one that reads the file that
# `data` names, refuses what is no table of labelled payments, and writes a Dataset; and one that turns payments into
# numbers to learn from, and parts them into train and test by `test_from`. Put what is worth knowing into the metadata.
#
# <details><summary>Hint</summary>
#
# - What says something about fraud before July: `amount`, the hour of the `timestamp`, whether the `country` is another
#   one than `AT`, whether the card was there (`channel` is `chip` or `contactless`), `transactions_24h`.
# - The timestamps are ISO texts, so `rows["timestamp"] >= test_from` compares them correctly as texts.
# - Keep `transaction_id` in both parts; you need it for the predictions.
# - A function may have two outputs: `train: Output[Dataset], test: Output[Dataset]`.
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-1", "locked": false, "schema_version": 3, "solution": true, "task": false}
# # You can write the file with an editor and leave these cells as they are.
# ### BEGIN SOLUTION
# cat > pipeline.py <<'END'
# """The card-fraud team's training pipeline: load, prepare, train, evaluate, decide."""
#
# from typing import NamedTuple
#
# from kfp import dsl
# from kfp.dsl import Dataset, Input, Metrics, Model, Output
#
# component = dsl.component(base_image="registry.example/fraud/python-training:2026.11", install_kfp_package=False)
#
#
# @component
# def load(data: str, payments: Output[Dataset]):
#     """Take the payments in, and refuse what is none."""
#     import pandas as pd
#
#     rows = pd.read_csv(data)
#     if rows.empty or rows["amount"].min() <= 0 or not rows["is_fraud"].isin([0, 1]).all():
#         raise ValueError("this is no table of labelled payments")
#     rows.to_csv(payments.path, index=False)
#     payments.metadata.update({"rows": len(rows), "frauds": int(rows["is_fraud"].sum())})
#
#
# @component
# def prepare(payments: Input[Dataset], test_from: str, train: Output[Dataset], test: Output[Dataset]):
#     """Make numbers of the payments, and part them by time."""
#     import pandas as pd
#
#     rows = pd.read_csv(payments.path)
#     table = pd.DataFrame(
#         {
#             "transaction_id": rows["transaction_id"],
#             "amount": rows["amount"],
#             "hour": pd.to_datetime(rows["timestamp"]).dt.hour,
#             "is_foreign": (rows["country"] != "AT").astype(int),
#             "card_present": rows["channel"].isin(["chip", "contactless"]).astype(int),
#             "transactions_24h": rows["transactions_24h"],
#             "is_fraud": rows["is_fraud"],
#         }
#     )
#     late = rows["timestamp"] >= test_from
#     for part, artifact in ((table[~late], train), (table[late], test)):
#         if not 0 < part["is_fraud"].sum() < len(part):
#             raise ValueError(f"no frauds, or nothing else, on one side of {test_from}")
#         part.to_csv(artifact.path, index=False)
#         artifact.metadata["rows"] = len(part)
# END
# ### END SOLUTION

# %% [markdown]
# ### Task 2: Hand a model on
#
# Write the component that trains, and the one that evaluates. Between them lie two machines, so the model travels as an
# artifact: a file that the first writes to `model.path`, and the second reads from `model.path`. Any format does. In
# this example, a fitted line travels as JSON, and its metadata say what it is:

# %% language="bash"
# cd "$EXAMPLE"
# cat > line.py <<'END'
# from kfp import dsl
# from kfp.dsl import Dataset, Input, Model, Output
# from weather import component
#
#
# @component
# def fit(readings: Input[Dataset], line: Output[Model]):
#     """Fit a straight line through the degrees."""
#     import json
#
#     import numpy as np
#
#     degrees = np.loadtxt(readings.path, delimiter=",", usecols=1)
#     slope, start = np.polyfit(np.arange(len(degrees)), degrees, 1)
#     with open(line.path, "w") as file:
#         json.dump({"slope": slope, "start": start}, file)
#     line.metadata.update({"format": "json", "fitted_on": readings.uri.rpartition("/")[2]})
# END
# python -c "import line; print({name: port.type for name, port in line.fit.component_spec.inputs.items()})"

# %% [markdown]
# The evaluation scores the test rows, writes the scores as a Dataset of their own, and logs the metrics. Why both? A
# number says how good; only the predictions let anybody count again, look at the worst mistakes, or compare two models
# payment by payment.
#
# Two things to watch. Everything random begins from `seed`: a step that gives another result each time makes caches,
# comparisons and searches for errors worthless. And what the model is asked with must not contain the label, nor
# anything of payments that come later.
#
# <details><summary>Hint</summary>
#
# - `joblib.dump(forest, model.path)` and `joblib.load(model.path)`. A pickle runs code when it is loaded: fine between two
#   steps of your own pipeline, and nothing to take from strangers.
# - `metrics.log_metric("auc", float(...))`: numpy's own numbers do not travel as JSON, plain `float` and `int` do.
# - Return the AUC as well (`-> float`): the gate wants a value, and a value is easier to hand on than a file.
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-2", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# cat >> pipeline.py <<'END'
#
#
# @component
# def train(train: Input[Dataset], n_estimators: int, max_depth: int, seed: int, model: Output[Model]):
#     """Train a random forest."""
#     import joblib
#     import pandas as pd
#     import sklearn
#     from sklearn.ensemble import RandomForestClassifier
#
#     rows = pd.read_csv(train.path)
#     forest = RandomForestClassifier(n_estimators=n_estimators, max_depth=max_depth, random_state=seed)
#     forest.fit(rows.drop(columns=["transaction_id", "is_fraud"]), rows["is_fraud"])
#     joblib.dump(forest, model.path)
#     model.metadata.update({"framework": f"scikit-learn {sklearn.__version__}", "train_rows": len(rows)})
#
#
# @component
# def evaluate(
#     test: Input[Dataset], model: Input[Model], predictions: Output[Dataset], metrics: Output[Metrics]
# ) -> float:
#     """Score the test rows, and say how well frauds rank before honest payments."""
#     import joblib
#     import pandas as pd
#     from sklearn.metrics import average_precision_score, roc_auc_score
#
#     rows = pd.read_csv(test.path)
#     forest = joblib.load(model.path)
#     rows["score"] = forest.predict_proba(rows.drop(columns=["transaction_id", "is_fraud"]))[:, 1].round(6)
#     rows[["transaction_id", "score"]].to_csv(predictions.path, index=False)
#     auc = float(roc_auc_score(rows["is_fraud"], rows["score"]))
#     metrics.log_metric("auc", auc)
#     metrics.log_metric("average_precision", float(average_precision_score(rows["is_fraud"], rows["score"])))
#     metrics.log_metric("test_rows", len(rows))
#     return auc
# END
# ### END SOLUTION

# %% [markdown]
# ### Task 3: Decide, and say why
#
# A pipeline that trains and reports leaves the decision to whoever reads the report, on a Friday. A **gate** is a step
# that decides by a rule, and writes the reason down. It returns two values, with a `NamedTuple`. Here is one about the
# weather:

# %% language="bash"
# cd "$EXAMPLE"
# cat >> weather.py <<'END'
#
#
# @component
# def judge(warm_days: int, wanted: int) -> NamedTuple("Verdict", [("season", str), ("why", str)]):
#     """Call it summer, or not."""
#     from collections import namedtuple
#
#     season = "summer" if warm_days >= wanted else "spring"
#     return namedtuple("Verdict", ["season", "why"])(season, f"{warm_days} warm days of {wanted} wanted")
# END

# %% [markdown]
# (The annotation is copied into the component's module, where `from typing import *` stands at the top, so `NamedTuple`
# is known there. `namedtuple` in the body is not, and is imported.)
#
# Write the component that returns `decision` and `reason`. It decides with what was measured and with `min_auc`, both
# of which come in as parameters. At work, a `promote` would now move the alias of the registry (day 11); here, it is
# an output of the pipeline, for whoever called it.
#
# <details><summary>Hint</summary>
#
# At least: `auc >= min_auc` promotes. Put the number into the reason with three or four decimals: `f"{auc:.4f}"`.
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-3", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# cat >> pipeline.py <<'END'
#
#
# @component
# def gate(auc: float, min_auc: float) -> NamedTuple("Decision", [("decision", str), ("reason", str)]):
#     """Decide whether the model may go on."""
#     from collections import namedtuple
#
#     decision = "promote" if auc >= min_auc else "reject"
#     reason = f"the AUC on the payments to test on is {auc:.4f}, and at least {min_auc} is demanded"
#     return namedtuple("Decision", ["decision", "reason"])(decision, reason)
# END
# ### END SOLUTION

# %% [markdown]
# ### Task 4: Wire it, and compile it
#
# In a function with `@dsl.pipeline`, calling a component runs nothing. It makes a **task**, and the task's outputs are
# placeholders that can be handed to other tasks. That is all the wiring there is:

# %% language="bash"
# cd "$EXAMPLE"
# cat >> weather.py <<'END'
#
#
# @dsl.pipeline(name="what-season", description="Call it summer, or not.")
# def what_season(
#     path: str = "june.csv", warm: float = 25.0, wanted: int = 2
# ) -> NamedTuple("Outputs", [("summary", Metrics), ("season", str)]):
#     taken = read(path=path).set_caching_options(False)
#     counted = count(readings=taken.outputs["readings"], warm=warm)
#     judged = judge(warm_days=counted.outputs["Output"], wanted=wanted)
#     outputs = NamedTuple("Outputs", [("summary", Metrics), ("season", str)])
#     return outputs(summary=counted.outputs["summary"], season=judged.outputs["season"])
# END
# kfp dsl compile --py weather.py --output weather.yaml
# sed -n '/^root:/,/^schemaVersion/p' weather.yaml
# echo '--- further up, the program of judge:'
# sed -n '/^    exec-judge:/,/^    exec-read:/p' weather.yaml

# %% [markdown]
# This is the IR. Read it from the bottom:
#
# - **`root`** is the pipeline itself: its `inputDefinitions` and `outputDefinitions`, and its `dag` of `tasks`. Each task
#   says where each input comes from: `componentInputParameter` is a parameter of the pipeline, `taskOutputArtifact` and
#   `taskOutputParameter` are outputs of other tasks. **`dependentTasks`** follows from that. (`task.after(other)` adds to
#   it without handing anything on. If you need it, ask yourself what it is that the second step wants from the first.)
# - **`components`** are the interfaces, with the types. They are compared when you compile: a `Model` does not go into
#   an `Input[Dataset]`.
# - **`deploymentSpec`** has for each component the image and the command. Look at the command: a shell, a temporary file,
#   and **your source as a text**. Whoever has this file can run the pipeline without your `pipeline.py`.
#
# The IR is data, and no Python. The pipeline's function ran **once**, when it was compiled: an `if` or a `print` in it is
# done then, and never again. (What depends on a task's output needs `dsl.If` and its like, which this day leaves out.)
# And when you change `pipeline.py`, the IR stays as it was until you compile it again.
#
# Now yours: a pipeline `card-fraud-training` with the parameters and outputs of the tables above, compiled to
# `pipeline.yaml`. The path goes to the step that loads; all others get artifacts.
#
# <details><summary>Hint</summary>
#
# - `kfp dsl compile --py pipeline.py --output pipeline.yaml`, or in Python
#   `compiler.Compiler().compile(card_fraud_training, "pipeline.yaml")` with `from kfp import compiler`.
# - A pipeline's `NamedTuple` mixes artifacts and values: `[("model", Model), ("decision", str), ...]`.
# - A task with one returned value has it as `task.output`, and with artifacts besides as `task.outputs["Output"]`.
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-4", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# cat >> pipeline.py <<'END'
#
#
# OUTPUTS = [("model", Model), ("predictions", Dataset), ("metrics", Metrics), ("decision", str), ("reason", str)]
#
#
# @dsl.pipeline(name="card-fraud-training", description="Train a fraud model, and decide whether it may go on.")
# def card_fraud_training(
#     data: str = "data/payments.csv",
#     test_from: str = "2025-03-01",
#     n_estimators: int = 30,
#     max_depth: int = 6,
#     seed: int = 7,
#     min_auc: float = 0.8,
# ) -> NamedTuple("Outputs", OUTPUTS):
#     loaded = load(data=data)
#     parts = prepare(payments=loaded.outputs["payments"], test_from=test_from)
#     trained = train(train=parts.outputs["train"], n_estimators=n_estimators, max_depth=max_depth, seed=seed)
#     judged = evaluate(test=parts.outputs["test"], model=trained.outputs["model"])
#     decided = gate(auc=judged.outputs["Output"], min_auc=min_auc)
#     return NamedTuple("Outputs", OUTPUTS)(
#         model=trained.outputs["model"],
#         predictions=judged.outputs["predictions"],
#         metrics=judged.outputs["metrics"],
#         decision=decided.outputs["decision"],
#         reason=decided.outputs["reason"],
#     )
# END
# ### END SOLUTION

# %% [markdown]
# ### Task 5: What a cluster needs to know
#
# On a cluster each task is a pod: it waits for a node with room, pulls its image, downloads its inputs, runs, and uploads
# its outputs. The IR can say more about that than about your machine. These are methods of a **task**, in the pipeline's
# function:
#
# | method | in the IR | what a cluster does with it |
# |---|---|---|
# | `set_caching_options(False)` | `cachingOptions` of the task | by default, a task with the same image, command, values and input artifacts as an earlier one is **not run**: it takes over that one's outputs. `False` runs it each time |
# | `set_retry(num_retries=2, backoff_duration="30s")` | `retryPolicy` of the task | tries again when the pod fails |
# | `set_cpu_limit("2")`, `set_memory_limit("2G")` | `resources` of the executor | finds a node with room, slows down what takes more CPU, and ends what takes more memory |
# | `set_env_variable(name, value)`, `set_display_name(text)` | the same places | what their names say |
#
# The local runner does none of this, and never caches. So a mistake in it does not show today. The worst one: the step
# that loads gets a **path**. Next month the path is the same, and the file behind it is another. For the cache, path and
# code are what they were: it hands out last month's payments, all steps after it are cached as well, the run is green
# within seconds, and the model is last month's. What reads from outside of the pipeline must not be cached, or gets
# something as a parameter that changes with the content: a date in the path, a version, a sum. For all other steps the
# cache is safe, and saves hours.
#
# How it shows in the IR of the example, whose first task switches it off (`{}`: there is no `enableCache: true`):

# %% language="bash"
# cd "$EXAMPLE"
# sed -n '/^    tasks:/,/^  inputDef/p' weather.yaml | grep -A 1 -E "^      [a-z]+:|cachingOptions" | grep -v -- --

# %% [markdown]
# Say in your pipeline: no cache and at least one retry for what gets `data`; the cache for all others; limits for CPU and
# memory for the step that trains. Then compile it again.
#
# <details><summary>Hint</summary>
#
# The methods return the task, so they can be chained: `load(data=data).set_caching_options(False).set_retry(2)`. Caching is
# on unless you switch it off. (`dsl.pipeline` and `kfp dsl compile` have switches for all tasks; an environment variable
# `KFP_DISABLE_EXECUTION_CACHING_BY_DEFAULT` as well. Look at the IR when you are not sure.)
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-5", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# python - <<'END'
# from pathlib import Path
#
# text = Path("pipeline.py").read_text()
# text = text.replace(
#     "loaded = load(data=data)\n",
#     'loaded = load(data=data).set_caching_options(False).set_retry(num_retries=2, backoff_duration="30s")\n',
# )
# text = text.replace("    judged = evaluate(", '    trained.set_cpu_limit("2").set_memory_limit("2G")\n    judged = evaluate(')
# Path("pipeline.py").write_text(text)
# END
# kfp dsl compile --py pipeline.py --output pipeline.yaml
# ### END SOLUTION

# %% [markdown]
# ### Task 6: Run it here, and trace what it made
#
# `kfp.local` runs a pipeline without a cluster. With the `SubprocessRunner`, each task is a process of its own in the
# Python that you are in (`use_venv=False`); with the `DockerRunner` it is a container with its own image, which is nearer to
# the truth. Call the pipeline, and it runs:

# %% language="bash"
# cd "$EXAMPLE"
# cat > run.py <<'END'
# from kfp import local
# from weather import what_season
#
# local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="runs", raise_on_error=True)
# done = what_season(wanted=1)
# print(done.outputs["season"], done.outputs["summary"].metadata)
# END
# python run.py > log.txt 2>&1 || tail -n 20 log.txt
# tail -n 1 log.txt
# find runs -type f
# cat runs/*/read/executor_output.json

# %% [markdown]
# Below `pipeline_root` there is a folder for each run, and in it one for each task: the artifacts, under the names of the
# outputs, and `executor_output.json` with the values and the metadata. On a cluster the same lies in an object store
# and in a database, together with who got what from whom: that is the **lineage**. Here you find it by following the
# wires of the IR. The local runner does not write down which values a run was called with, so yours shall be one with
# the defaults.
#
# Run your pipeline with its defaults and with `pipeline_root="runs"`, in this folder. If a task fails, the end of its
# traceback stands in the log. When you change `pipeline.py` afterwards, compile **and** run again: the checker runs
# `pipeline.yaml` with its defaults and compares with your newest run.
#
# <details><summary>Hint</summary>
#
# - Put the lines into a file `run.py`, or below `if __name__ == "__main__":` in `pipeline.py`.
# - The processes share your disk here. Something that works in this run and not in the checker's is a step that reads
#   what was not handed to it: a fixed path, a file beside an artifact, an import from a file of yours.
# - Delete runs that you do not need any more: `rm -r runs`.
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-6", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# cat > run.py <<'END'
# """Run the pipeline here, with its defaults."""
#
# from kfp import local
#
# from pipeline import card_fraud_training
#
# local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="runs", raise_on_error=True)
# done = card_fraud_training()
# print(done.outputs["decision"], "-", done.outputs["reason"])
# END
# python run.py > log.txt 2>&1 || tail -n 30 log.txt
# tail -n 1 log.txt
# rm log.txt
# ### END SOLUTION

# %% [markdown]
# ### On a cluster, if you have one
#
# `infra up --profile kind --overlay full` makes a cluster on your machine, with Kubeflow Pipelines in it. It takes 12 GB
# of memory. Without it, read this and go on: the check for it is skipped then, and costs you nothing.
#
# The graph stays as it is. Three things around it change, and each of them is a trap on any cluster:
#
# - **The data need an address.** A pod does not see your folder. MLflow keeps files and hands them out over HTTP; for pods
#   of this cluster it is called `mlflow.mlops-labs`, and listens on port 5000. (The address that your notebook has for it
#   means nothing there: inside of a pod, `127.0.0.1` is the pod.) `pandas.read_csv` takes such an address as it takes a
#   path; `open` does not.
# - **The image must be there**, with kfp, pandas and scikit-learn in it. The course has one, which `infra up` has built
#   and put on the node of the cluster; its name is in the variable `MLOPS_LABS_COURSE_IMAGE`. Nobody has looked at `base_image`
#   until now. With a name that does not exist, the pod waits in `ImagePullBackOff`, and nothing fails for a long time.
# - **What you submit is the file.** Change the image in `pipeline.py`, and compile again, or the old one runs.
#
# For the thermometer (and with `pandas.read_csv(path)` in `read`) it would be:
#
# ```python
# import os
#
# import kfp
# import mlflow
#
# mlflow.set_experiment("weather")
# with mlflow.start_run() as run:
#     mlflow.log_artifact("june.csv")
# place = run.info.artifact_uri.removeprefix("mlflow-artifacts:")  # such as /7/0a1b2c/artifacts
# address = f"http://mlflow.mlops-labs:5000/api/2.0/mlflow-artifacts/artifacts{place}/june.csv"
#
# client = kfp.Client(host=os.environ["MLOPS_LABS_KFP_URL"])
# started = client.create_run_from_pipeline_package("weather.yaml", arguments={"path": address, "wanted": 1})
# print(started.wait_for_run_completion(timeout=1800).state)
# ```
#
# Run your pipeline so. Then open the address in `MLOPS_LABS_KFP_URL` with a browser: the graph that you wired, and for each
# task its log, its inputs and outputs, and where in the object store they lie. `kubectl get pods --namespace kubeflow`
# shows two pods for each task, a driver and the one with your program. Submit it a second time: which tasks run again?
#
# <details><summary>Hint</summary>
#
# - `kubectl describe pod NAME --namespace kubeflow` ends with the events: what the pod waits for.
# - A task that fails in the cluster and not here has read something that was not handed to it, or lacks a package.
# - The arguments of a run may differ from the defaults. The pipeline itself must be that of your `pipeline.yaml`; when you
#   change it, submit it once more.
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "cluster", "locked": false, "schema_version": 3, "solution": true, "task": false}
# # For a cluster with Kubeflow Pipelines only; leave it as it is where you have none.
# ### BEGIN SOLUTION
# cat > submit.py <<'END'
# """Run `pipeline.yaml` on the cluster, with the payments at an address that its pods can reach."""
#
# import os
#
# import kfp
# import mlflow
#
# mlflow.set_experiment("day15-payments")
# with mlflow.start_run() as run:
#     mlflow.log_artifact("data/payments.csv")
# place = run.info.artifact_uri.removeprefix("mlflow-artifacts:")
# address = f"http://mlflow.mlops-labs:5000/api/2.0/mlflow-artifacts/artifacts{place}/payments.csv"
#
# client = kfp.Client(host=os.environ["MLOPS_LABS_KFP_URL"])
# started = client.create_run_from_pipeline_package("pipeline.yaml", arguments={"data": address})
# print(started.wait_for_run_completion(timeout=1800).state)
# END
# if [ -n "$MLOPS_LABS_KFP_URL" ]; then
#   python - <<'END'
# import os
# from pathlib import Path
#
# text = Path("pipeline.py").read_text()
# Path("pipeline.py").write_text(text.replace("registry.example/fraud/python-training:2026.11", os.environ["MLOPS_LABS_COURSE_IMAGE"]))
# END
#   kfp dsl compile --py pipeline.py --output pipeline.yaml
#   python submit.py
# fi
# ### END SOLUTION

# %% [markdown]
# ## Look
#
# kfp's own page draws the graph of each run on a cluster. It draws it from the IR, and so can you: boxes for tasks, and
# arrows with the names of what travels along them.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import yaml

ir = yaml.safe_load(Path("pipeline.yaml").read_text()) if Path("pipeline.yaml").exists() else {"root": {}}
tasks = ir["root"].get("dag", {}).get("tasks", {})
wires = {}
for name, task in tasks.items():
    for kind, key in (("artifacts", "taskOutputArtifact"), ("parameters", "taskOutputParameter")):
        for source in task.get("inputs", {}).get(kind, {}).values():
            if key in source:
                label = source[key].get("outputArtifactKey") or source[key]["outputParameterKey"]
                wires.setdefault((source[key]["producerTask"], name), []).append(label)


def rank(name):
    """How many steps come before a task, on the longest way."""
    return max((1 + rank(before) for before, after in wires if after == name), default=0)


columns = {}
for name in tasks:
    columns.setdefault(rank(name), []).append(name)
places = {name: (x, (x % 2) - 0.6 * y) for x, names in columns.items() for y, name in enumerate(sorted(names))}
figure, axes = plt.subplots(figsize=(2.2 * max(1, len(columns)), 2.6))
for (before, after), labels in wires.items():
    arrow = {"arrowstyle": "->", "shrinkA": 24, "shrinkB": 24}
    axes.annotate("", places[after], places[before], arrowprops=arrow)
    (x0, y0), (x1, y1) = places[before], places[after]
    text = ", ".join(sorted(set(labels)))
    axes.text((x0 + x1) / 2, (y0 + y1) / 2, text, ha="center", va="center", fontsize=8, backgroundcolor="white")
for name, (x, y) in places.items():
    axes.text(x, y, name, ha="center", va="center", bbox={"boxstyle": "round", "facecolor": "white"})
heights = [y for _, y in places.values()] or [0]
limits = {"xlim": (-0.6, max(columns, default=0) + 0.6), "ylim": (min(heights) - 0.4, max(heights) + 0.4)}
axes.set(title="What the tasks hand on", **limits)
axes.axis("off")
plt.show()

# %% [markdown]
# And the artifacts of the newest run: who wrote them, how large they are, their SHA-256 sums, and what the steps said
# about them. The sum is an artifact's true name. Run the pipeline once more with the defaults and compare: which sums
# stay? With another `max_depth`: which ones change, and which do not?

# %%
import hashlib
import json

import pandas as pd

rows = []
for output in sorted(Path("runs").glob("card-fraud-training-*/*/executor_output.json")):
    for key, listed in json.loads(output.read_text()).get("artifacts", {}).items():
        artifact = listed["artifacts"][0]
        path = Path(artifact["uri"])
        content = path.read_bytes() if path.is_file() else b""
        rows.append(
            {
                "run": output.parts[1].removeprefix("card-fraud-training-"),
                "task": output.parts[2],
                "artifact": key,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest()[:12] if content else "(metadata only)",
                "metadata": json.dumps(artifact["metadata"]),
            }
        )
table = pd.DataFrame(rows)
if not table.empty:
    newest = table[table["run"] == table["run"].max()]
    print(newest.drop(columns="run").to_string(index=False))

# %% [markdown]
# ## Check
#
# The checker runs your IR in eight ways, as far as it must, so this takes some seconds. In a terminal:
# `checker grade 15`.

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** Your pipeline runs on the cluster on the first of each month, with `data` set to `s3://fraud/payments/latest.csv`. In
# October the run is green after eleven seconds instead of forty minutes, and the metrics are to the last digit those of
# September. What has happened? A colleague proposes to switch the cache off for the whole pipeline. What speaks against it,
# and what would you do?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The step that loads was cached: its key is made of image, command and parameter values, and the path is the same, so the
# cluster handed out September's artifact without reading the file; all later steps then had the same inputs and were
# cached, too. Without any cache, each retry and each change of the last step pays for all steps again, forty minutes and
# the cost of the nodes, and a run that failed at the end begins anew. Better: switch it off for what reads from outside
# only, or make the content part of the interface: a dated path or an object version as a parameter, or a first step (not
# cached) that finds the newest version and returns its id, which the loading step gets as a parameter. A check that the
# payments are of the month they should be would have stopped the run.
#
# **Rubric** 1 mark: the cache knows the path and not the content, and the hit spreads to the steps after it. 1 mark: says what
# the cache is good for, and names a narrow remedy (half a mark for `set_caching_options(False)` on the loading step, the
# whole for a version, date or sum as a parameter, or a check of the content).

# %% [markdown]
# **2.** A colleague wants to save the uploads: all steps get the path of a shared network folder as a `str`, write their
# files there, and are put in order with `.after()`. It works, and it is faster. What can nobody tell any more half a year
# later, when it turns out that the payments of one week were wrong? Name one more thing that breaks.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The graph then has no data in it: no artifact, no address, no sum, no link from model to training table to payments. So
# nobody can tell which models were trained on the wrong week, nor bring back what a model was trained on, since the next
# run has written over the folder. What else breaks: two runs at the same time write into one another's files; the cache
# sees only a path that is always the same, so it takes over results that do not belong to the files; a retry begins with
# half-written files; a step cannot be tested or replaced by itself, since what it reads is not in its interface; types are
# not checked.
#
# **Rubric** 1 mark: lineage is lost, said with respect to the question (which models, from which data). 1 mark for one more
# consequence that really follows, such as concurrent runs, wrong cache hits, dirty retries.

# %% [markdown]
# ## Go further
#
# **What becomes of the IR.** On a cluster, kfp's server turns it into a workflow of **Argo**, a controller that makes a pod
# for each step and waits. (You never write Argo's YAML, and can read it.) Beside each step of yours, a small *driver* finds
# the inputs and asks the cache; the step's own container begins with a *launcher* that downloads artifacts to their paths
# and uploads what lies there at the end. Artifacts go into an object store, and runs, artifacts and their links into
# databases. Starting a pod costs seconds, so steps should be worth that.
#
# **The same in other tools.**
#
# | tool | what you write | what travels between steps | take it when | what it does not do |
# |---|---|---|---|---|
# | Kubeflow Pipelines | Python components, compiled to IR | typed artifacts and values, with lineage and a cache | there is a Kubernetes cluster, and steps need their own images and sizes | light: it is a platform to run (databases, object store, controllers); without a cluster there is only the local runner |
# | Vertex AI Pipelines | the same: it takes the IR that `kfp` compiles | the same, in Google's storage and metadata store | the cluster shall be somebody else's task, and the data are in Google's cloud | control flow and features lag or differ in places; `kfp-kubernetes` settings mean nothing there |
# | Argo Workflows | YAML (or Python with Hera), one template for each step | files as artifacts, texts as parameters; no types | any containers, not only machine learning | metadata, lineage, caching by content: memoisation by a key that you name |
# | Tekton | YAML: tasks and pipelines | workspaces (volumes) and short results | builds and releases on Kubernetes | experiments, artifacts of models. A backend for kfp existed; look whether it is kept before you build on it |
# | Airflow | Python that declares a DAG; the scheduler reads the file again and again | small values (XCom); data stay where tasks put them | schedules, backfills, hundreds of sources, people on call (day 14) | artifacts and their lineage come by conventions or plugins |
# | Metaflow | a Python class, a step for each method; `self.x` is saved after each | any Python objects, stored by content | data scientists who want to go from laptop to cloud without YAML; `resume` after a failure | typed interfaces between steps; a component shared by teams as a unit |
# | DVC (day 4) | `dvc.yaml` and scripts | files in the workspace, by sum | one repository and one machine, code and data change together | clusters, containers, retries |
#
# Do not compare by features. Ask who runs the thing at three in the morning, whether your steps need different images and
# sizes, and whether anybody will ever ask where a model came from.
#
# **What a big installation does differently**
#
# - Images are pinned by digest (`...@sha256:...`): a tag can be moved, and then the same IR runs other code. They are built
#   from a locked list of packages, scanned, and signed.
# - Components are published, with versions, and teams use them like libraries: `components.load_component_from_file`, or a
#   registry. The interface is the contract.
# - The compiled IR is an artifact of the build (day 16): compiled once, tested with the local runner on little data,
#   reviewed as a diff, and deployed. Nobody compiles on a laptop for production.
# - Runs have a service account of their own with few rights, quotas, time limits, and a bill for each team.
# - A pipeline ends with a candidate, and not with a deployment: the gate, the registry and a person or a rule decide.
#
# **Try it**
#
# 1. Put `.after()` between two tasks without an artifact, and look for the difference in the IR.
# 2. Hand the model into an `Input[Dataset]`. Who complains, and when?
# 3. Call the pipeline with `min_auc=0.9999`, and follow the decision back to the payments, by hand: which files, which sums?
# 4. Replace `load` by `dsl.importer(artifact_uri=data, artifact_class=Dataset)`. What does the graph say now that it did
#    not say before, and which check of the payments have you lost?
# 5. On day 24, a drift alarm starts this pipeline. Which of its parameters will the alarm set?
