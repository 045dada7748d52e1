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
# # Day 20: A bad release (broken)
#
# *About 75 minutes. You need the platform (`infra up`): the incident happens on it. **The clock runs since
# `checker start`.***

# %% [markdown] nbgrader={"grade": false, "grade_id": "why", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Why
#
# You are on call, and the page has just come. A release of the card-fraud service went out today, all tests had passed,
# and since then customers complain. Read `page.md` now.
#
# What usually happens next is this. Three people read code. One has a suspicion and writes a fix. The fix is reviewed
# in a hurry, deployed, and does not help, since it was another line. After two hours somebody asks: *"Could we not
# simply have gone back?"* For two hours, payments were decided by something that nobody understood.
#
# How bad an incident is, is mostly how long it lasts. So its parts have names, and are measured:
#
# | time to | from, to | what makes it short |
# |---|---|---|
# | detect | the harm begins, somebody knows | alerts on what customers feel; the share of each decision, not only errors |
# | recover | the harm begins, customers are served well | a way back that is one command, and was tried before |
# | understand | until the cause is known | logs, both releases still there, payments to replay |
#
# The mean of the second is the **MTTR**, and the lesson of this day: *recover first, understand afterwards*. One needs
# no cause to go back, only the fact that it was better before. The cause can wait until nobody is hurt, and is then
# found faster, because nobody is in a hurry.
#
# A release of a model is more than code: code, model, tables and settings go out together, and any of them may be what
# is wrong. Here it is **one change**, of one of six classes. The learner beside you may have another one.

# %% [markdown] nbgrader={"grade": false, "grade_id": "end-state", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## End state
#
# This is the whole contract. How you get there is up to you: this notebook, a terminal, an editor.
#
# <!-- end state -->
#
# `incident.yaml` has these fields, in any order. More are welcome.
#
# | field | what it says |
# |---|---|
# | `bad_release`, `good_release` | the numbers of the releases |
# | `minutes_to_recover` | by the journal, from the deployment of the bad release until only the good one served |
# | `fault` | one of the six words below |
# | `file` | the name of the file in which it is: of the release's code, or `scorecard.json` of its model |
# | `scores_changed`, `decisions_changed` | how many of the 400 payments in `data/replay.csv`, with the good release's model in both codes |
# | `times_slower` | how many times as long the bad code takes, with the same model |
# | `because` | what was wrong, and what it did |
# | `prevent` | what will keep it from happening again: a test, an alert, a rule. Not "be more careful" |
#
# The six classes:
#
# | `fault` | what it means |
# |---|---|
# | `preprocessing` | a feature is computed wrongly from the payment: a unit, a time, a transformation |
# | `stale_features` | a feature comes from data that are older than those which are there |
# | `threshold` | the score is right, and the decision that is made of it is not |
# | `slow` | the answers are right, and take many times as long |
# | `leak` | data of a customer get where the runbook does not allow them: into the log, or into an answer |
# | `model` | the code is right, and the new version of the model is not |
#
# The bad release has many changes, and all but one are harmless. That a value gets one more digit, or that an answer
# has three reasons instead of two, is no fault.

# %% [markdown] nbgrader={"grade": false, "grade_id": "do", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Do
#
# `page.md` is what woke you, `runbook.md` what the team knows, `where.yaml` says where the journal and the log lie, and
# `service/` has the code of both releases, as it was deployed.

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": false, "schema_version": 3, "solution": false, "task": false}
import difflib
import json
import os
import shutil
import statistics
import tempfile
from datetime import datetime
from pathlib import Path

import mlflow
import pandas as pd
import yaml
from replay import payments, served

os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
where = yaml.safe_load(Path("where.yaml").read_text())
print(Path("page.md").read_text())

# %% [markdown] nbgrader={"grade": false, "grade_id": "task1", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 1: Stop the harm
#
# Two questions are enough: *what was changed last*, and *was it better before?* The log of predictions has one line for
# each payment, with the number of the release, so the answer is one `groupby`. This is how it looks for a service that
# says how many days a parcel takes:
#
# ```python
# log = pd.read_json("parcels.jsonl", lines=True)
# log.groupby("release").agg(parcels=("days", "size"), days=("days", "mean"), slowest=("milliseconds", "max"))
# ```
#
# And this is how its traffic is turned. A rollback is a change of the traffic and not of the code: both releases are
# still there, and so it takes seconds.
#
# ```sh
# infra deployments               # what serves, since when
# infra rollback parcels          # as it was before the last change
# infra route parcels 3=100       # or: this release, whatever was before
# infra route parcels 3=90 4=10   # sharing is for tomorrow, not for an incident
# ```
#
# What a rollback is *not*:
#
# - **Moving the alias.** A release keeps the version that it was deployed with. The alias decides about the next one.
# - **Deploying something mended.** That is a third release that nobody knows, at the worst moment.
# - **`infra undeploy`.** No answer at all is an incident of its own.
#
# **Your turn.** Look at both releases in the log, for a minute or two. It need not tell you what is wrong, nor that
# anything is: not every harm shows in such a table. Then take the release back, and look at `infra deployments` again.
#
# <details><summary>Hint</summary>
#
# `where["predictions"]` is the path of the log, `where["deployment"]` the name. Columns that are worth a look:
# `milliseconds`, `score`, `decision`.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution1-look", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
log = pd.read_json(where["predictions"], lines=True)
shares = pd.crosstab(log["release"], log["decision"], normalize="index").round(3)
print(log.groupby("release").agg(payments=("score", "size"), score=("score", "mean"), slow=("milliseconds", "median")))
print(shares)
### END SOLUTION

# %% language="bash" nbgrader={"grade": false, "grade_id": "solution1", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# infra rollback day20-fraud
# ### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task2", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 2: Say in the registry what is true
#
# Customers are served well again, until tonight, when somebody deploys `models:/...@champion` for another reason, and
# the bad release is back. The registry still says what was true this morning. It is not only for machines: the tags of a
# version are where a colleague looks next year, before trying the same again.
#
# For the parcels, it would be:
#
# ```python
# client = mlflow.MlflowClient()
# model = client.get_registered_model("parcels")
# print(model.aliases)
# for version in client.search_model_versions("name = 'parcels'"):
#     print(version.version, version.tags, version.description)
# client.set_registered_model_alias("parcels", "champion", "3")
# client.set_model_version_tag("parcels", "4", "status", "rolled-back")
# ```
#
# Nothing is deleted. A version that was taken back is a fact, and the model in it may well be innocent: it was part of
# a release that was.
#
# **Your turn.** Let alias and tags of `day20-card-fraud` say what is true now. You can mend the reason when you know
# more.
#
# <details><summary>Hint</summary>
#
# Three tags and an alias: `status` of both versions, and `reason` of the one that was taken back.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution2", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
MODEL = where["registered_model"]
client = mlflow.MlflowClient()
client.set_registered_model_alias(MODEL, "champion", "1")
client.set_model_version_tag(MODEL, "1", "status", "live")
client.set_model_version_tag(MODEL, "2", "status", "rolled-back")
client.set_model_version_tag(MODEL, "2", "reason", "Complaints tripled with its release; cause still open.")
for version in client.search_model_versions(f"name = '{MODEL}'"):
    print(version.version, version.tags)
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task3", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 3: The same payments, twice
#
# Now there is time. The log cannot tell the cause: the two releases were asked about different payments, and code and
# model were changed at once. So ask both about the *same* payments, and let only *one thing* differ. With two codes
# and two models there are four combinations; the parcels show why all four are worth a look:

# %% nbgrader={"grade": false, "grade_id": "example3", "locked": false, "schema_version": 3, "solution": false, "task": false}
PARCELS = [{"km": km, "abroad": abroad} for km in (5, 80, 250, 900) for abroad in (False, True)]
CODES = {
    "old": {"distance": lambda parcel: parcel["km"], "border": lambda parcel: 3 * parcel["abroad"]},
    "new": {"distance": lambda parcel: parcel["km"] / 1.6, "border": lambda parcel: 3.0 if parcel["abroad"] else 0.0},
}
MODELS = {"1": {"base": 1.0, "per_km": 0.004}, "2": {"base": 0.9, "per_km": 0.005}}


def days(code, model, parcel):
    """How long a parcel takes, by the parts of a code and a model."""
    return model["base"] + model["per_km"] * code["distance"](parcel) + code["border"](parcel)


def moved(code, model, other_code, other_model):
    """How many parcels get another answer."""
    pairs = ((days(code, model, each), days(other_code, other_model, each)) for each in PARCELS)
    return sum(abs(one - two) > 1e-6 for one, two in pairs)


print("all that was changed:   ", moved(CODES["old"], MODELS["1"], CODES["new"], MODELS["2"]))
print("only the code:          ", moved(CODES["old"], MODELS["1"], CODES["new"], MODELS["1"]))
print("only the model:         ", moved(CODES["old"], MODELS["1"], CODES["old"], MODELS["2"]))

# %% [markdown] nbgrader={"grade": false, "grade_id": "task3-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# A new model is meant to give other scores, so "the scores differ" says nothing about a release whose model is new. That
# the *code* gives other scores for the same payment and the same model, was not meant by anybody.
#
# `replay.py` serves a code with a model, beside the platform. `--help` is its first lines. The models come from the
# registry:
#
# ```python
# mlflow.artifacts.download_artifacts("models:/parcels/3", dst_path="models/3")
# ```
#
# Time is a figure as well. Ask both codes in turn, with one payment at a time, and compare medians: what is done twice
# while something else runs is no measurement.
#
# **Your turn.** Count `scores_changed` and `decisions_changed` over the 400 payments, and measure `times_slower`, all
# with the model of the good release in both codes.
#
# <details><summary>Hint</summary>
#
# - `with served(CODE, "models/1") as release:` and in it `release.ask(payments())`. Both may run at once:
#   `with served(...) as one, served(...) as two:`.
# - Each answer is a dict with `score` and `decision`; they come in the order of the payments.
# - Where a replay takes long, you have measured something already.
# - `release.seconds(row)` for 30 payments, one and the other in turn; `statistics.median`.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution3", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
for version in ("1", "2"):
    mlflow.artifacts.download_artifacts(f"models:/{MODEL}/{version}", dst_path=f"models/{version}")
good, bad = sorted(Path("service").glob("release-*"), key=lambda path: int(path.name.split("-")[1]))
ROWS = payments()
with served(good, "models/1") as one, served(bad, "models/1") as two:
    before, after = one.ask(ROWS), two.ask(ROWS)
    pairs = [(one.seconds(row), two.seconds(row)) for row in ROWS[:30]]
figures = {
    "scores_changed": sum(abs(a["score"] - b["score"]) > 1e-6 for a, b in zip(before, after, strict=True)),
    "decisions_changed": sum(a["decision"] != b["decision"] for a, b in zip(before, after, strict=True)),
    "times_slower": round(statistics.median(b for _, b in pairs) / statistics.median(a for a, _ in pairs), 2),
}
print(figures)
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task4", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 4: Find the one change
#
# `diff` shows some twenty differences, and nobody sees at once which of them bites. It is read better with a question.
# So bisect: take a copy of the bad code, put *one* file of the good code into it, and replay. If the harm is gone, the
# fault was in that file, and you read one diff instead of eight. With the parcels:

# %% nbgrader={"grade": false, "grade_id": "example4", "locked": false, "schema_version": 3, "solution": false, "task": false}
for part in CODES["new"]:
    mixed = CODES["new"] | {part: CODES["old"][part]}
    print(f"new, but {part:<9} is old: {moved(CODES['old'], MODELS['1'], mixed, MODELS['1'])} parcels differ")

# %% [markdown] nbgrader={"grade": false, "grade_id": "task4-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# `border` was rewritten and does the same; `distance` counts in miles. That is what one reads the diff of.
#
# And if nothing differs, neither scores nor decisions nor times? Then look at what you have not compared yet:
#
# - **The whole answer,** field by field, and whether it stays the same when the payments come in another order. What
#   depends on who was asked before is not about this payment.
# - **The log,** line by line: `release.log()`. What stands there that the runbook does not allow?
# - **The model.** Both models in the *good* code, on payments whose labels are known: `data/replay.csv` has the column
#   `is_fraud`. A better model ranks frauds higher (`sklearn.metrics.average_precision_score`); do its weights make
#   sense?
#
# **Your turn.** Find the file, read its diff, and decide which class it is.
#
# <details><summary>Hint</summary>
#
# - `shutil.copytree(bad, target)`, then `shutil.copy(good / name, target / name)`. All files of one release fit into the
#   other. 60 payments are enough for this.
# - `diff service/release-A/features.py service/release-B/features.py` in a terminal.
# - A fault in `features.py` may be of two classes: is the feature *computed* wrongly, or is it *taken* from a wrong place?
# - A comment in the code says what somebody believed.
# </details>


# %% nbgrader={"grade": false, "grade_id": "solution4", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
def harm(one, two, rows):
    """What is worse in the answers and the log of `two` than of `one`: a set of words."""
    found = set()
    first, other, turned = one.ask(rows), two.ask(rows), two.ask(rows[::-1])[::-1]
    if any(abs(a["score"] - b["score"]) > 1e-6 for a, b in zip(first, other, strict=True)):
        found.add("scores")
    elif any(a["decision"] != b["decision"] for a, b in zip(first, other, strict=True)):
        found.add("decisions")
    # One more reason and the model's name were meant to be there.
    if first[0].keys() != other[0].keys() or one.log()[0].keys() != other_log(two).keys():
        found.add("more is told")
    if other != turned:
        found.add("depends on who was asked before")
    times = [(one.seconds(row), two.seconds(row)) for row in rows[:12]]
    if min(b for _, b in times) > 3 * min(a for a, _ in times):
        found.add("slow")
    return found


def other_log(release):
    """A line of the log, without what is new there and harmless."""
    return {name: value for name, value in release.log()[0].items() if name != "model_name"}


names = [path.name for path in sorted(bad.iterdir()) if path.is_file()]
some = ROWS[::7]
culprit = "scorecard.json"
with served(good, "models/1") as one, tempfile.TemporaryDirectory() as scratch:
    with served(bad, "models/1") as two:
        seen = harm(one, two, some)
    print("the bad code:", seen or "nothing")
    for name in names if seen else []:
        mixed = Path(scratch, name)
        shutil.copytree(bad, mixed)
        shutil.copy(good / name, mixed / name)
        with served(mixed, "models/1") as two:
            left = harm(one, two, some)
        print(f"  with the old {name}:", left or "nothing")
        if not left:
            culprit = name
            break
### END SOLUTION

# %% nbgrader={"grade": false, "grade_id": "solution4-diff", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
changed = ""
if culprit == "scorecard.json":
    from sklearn.metrics import average_precision_score

    labels = pd.read_csv("data/replay.csv")["is_fraud"]
    for version in ("1", "2"):
        with served(good, f"models/{version}") as release:
            scores = [answer["score"] for answer in release.ask(ROWS)]
        print("average precision of version", version, round(average_precision_score(labels, scores), 3))
        print(Path(f"models/{version}/scorecard.json").read_text())
else:
    texts = [(folder / culprit).read_text().splitlines() for folder in (good, bad)]
    changed = "\n".join(difflib.unified_diff(*texts, "good", "bad", n=0, lineterm=""))
    print(changed)

# This is where you read; the rule stands for what one sees.
older = culprit in {"settings.json", "customers.py"} or "transactions_24h" in changed
if culprit == "scorecard.json":
    fault = "model"
elif "scores" in seen:
    fault = "stale_features" if older else "preprocessing"
elif "decisions" in seen:
    fault = "threshold"
else:
    fault = "slow" if "slow" in seen else "leak"
print(fault, "in", culprit)
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task5", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 5: Write it down
#
# An incident that nobody writes down happens again. What is written is a **postmortem**, and it is *blameless*: it asks
# how the system let this through, and not who did it. Whoever is afraid of blame hides the next one. Two sentences of
# the parcels' team:
#
# > *because:* The distance was divided by 1.6, since the new map service gives miles; the one in use gives kilometres.
# > 31% of the parcels were promised too early.
# >
# > *prevent:* The pipeline replays 1000 known parcels with old and new code and the same model, and stops when an answer
# > differs.
#
# `minutes_to_recover` is in the journal, one JSON object a line. Each has `at`, `event` and the `weights` *after* it:
#
# ```python
# for line in Path("journal.jsonl").read_text().splitlines()[-5:]:
#     each = json.loads(line)
#     print(each["at"], each["event"], each["weights"])
# ```
#
# **Your turn.** Write `incident.yaml`.
#
# <details><summary>Hint</summary>
#
# - `datetime.fromisoformat(each["at"])`; a difference has `.total_seconds()`.
# - The journal remembers earlier incidents, too: the last ones count.
# - `yaml.safe_dump(dict)` writes texts with colons properly.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution5", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
numbers = [int(path.name.split("-")[1]) for path in (good, bad)]
journal = [json.loads(line) for line in Path(where["journal"]).read_text().splitlines()]
began = next(each for each in journal[::-1] if each["event"] == "deploy" and each["release"] == numbers[1])
ended = next(each for each in journal[journal.index(began) :] if set(each["weights"]) == {str(numbers[0])})
lasted = datetime.fromisoformat(ended["at"]) - datetime.fromisoformat(began["at"])
incident = {
    "bad_release": numbers[1],
    "good_release": numbers[0],
    "minutes_to_recover": round(lasted.total_seconds() / 60, 1),
    "fault": fault,
    "file": culprit,
    **figures,
    "because": f"The change in {culprit} was of the class {fault}, and customers were served worse by it.",
    "prevent": "The pipeline replays known payments with both codes and one model, and stops at any difference.",
}
Path("incident.yaml").write_text(yaml.safe_dump(incident, sort_keys=False))
client.set_model_version_tag(MODEL, "2", "reason", f"Its release was taken back: {fault} in {culprit}.")
print(Path("incident.yaml").read_text())
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "look", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Look
#
# The log of predictions once more, now that you know. Would one of these three plots have woken somebody before the
# customers did? For some faults the answer is no, and that is worth knowing, too.

# %% nbgrader={"grade": false, "grade_id": "plots", "locked": false, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt
import numpy as np

lines = pd.read_json(where["predictions"], lines=True)
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.5))
pd.crosstab(lines["release"], lines["decision"], normalize="index")[::-1].plot.barh(ax=left, edgecolor="black")
left.set(title="Share of each decision", xlabel="share of the payments", ylabel="release")
for (number, group), style in zip(lines.groupby("release"), ("-", "--", ":", "-."), strict=False):
    odds = np.log(group["score"] / (1 - group["score"]).clip(lower=1e-12))
    middle.plot(np.sort(odds), np.linspace(0, 1, len(group)), style, label=f"release {number}")
    right.plot(np.sort(group["milliseconds"]), np.linspace(0, 1, len(group)), style, label=f"release {number}")
middle.set(title="Scores, as log-odds", xlabel="log-odds", ylabel="share of the payments up to here")
right.set(title="Time for an answer", xlabel="milliseconds", ylabel="share of the payments up to here", xscale="log")
middle.legend()
right.legend()
figure.tight_layout()
plt.show()

# %% [markdown] nbgrader={"grade": false, "grade_id": "check", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Check
#
# The checker asks your deployment about payments that you have not seen, reads the platform's journal and the registry,
# and compares your figures with its own. In a terminal: `checker grade 20`.

# %% nbgrader={"grade": false, "grade_id": "run-check", "locked": false, "schema_version": 3, "solution": false, "task": false}
# %load_ext checker
# %check

# %% [markdown] nbgrader={"grade": false, "grade_id": "reflect", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** All tests had passed, `/health` answered 200, and there was not one error. Which three alerts would you set for
# this service, so that as many of the six classes as possible wake somebody within ten minutes? Which of the six do they
# miss, and what finds those?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The share of each decision by release, against the release before or the same hour last week: finds `threshold`, most
# of `preprocessing` and gross faults of `model`. The 99th percentile of the latency, and the share of payments that the
# caller let through without a score: finds `slow`. The distribution of scores or of single features against a reference
# (a distance, as on day 23): finds what is too small to move decisions much, such as stale features. None of them finds a
# `leak`: that takes a test of the shape of answers and log lines before the release, and a scan of logs for what looks
# like personal data. A model that is quietly worse is seen when labels come, or before the release, by replaying payments
# with known labels.
#
# **Rubric** 1 mark for alerts of which one is about decisions or scores and one about latency, with what they are compared
# to. 1 mark for naming a class that they miss and what finds it before or beside production.

# %% [markdown] nbgrader={"grade": false, "grade_id": "reflect-two", "locked": true, "schema_version": 3, "solution": false, "task": false}
# **2.** Name two releases that cannot be taken back by turning the traffic, and say how you would prepare them so that
# they can.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# A release that changes something outside of itself. It migrates a table of features, or writes log lines or messages in
# a form that the old one cannot read: make the change in steps, each of which fits both (first add the new column, then
# write both, then read the new one, much later drop the old). A release whose decisions have effects: blocked cards stay
# blocked when the traffic is turned, so keep the release and the request id with each decision, and have a way to find and
# mend them. A client that already depends on a new field: version the contract, and let the old release ignore what it
# does not know. Also possible: the old image or model was deleted, credentials were changed.
#
# **Rubric** 1 mark for two cases with an effect that outlives the release. 1 mark for a preparation that fits: compatible
# steps, decisions that can be found and mended, old artifacts that are kept.

# %% [markdown] nbgrader={"grade": false, "grade_id": "further", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Go further
#
# **The same with other tools.** What they have in common: the old release is kept, and the way back is a change of
# traffic. How they differ is who decides.
#
# | tool | the way back | who decides | take it when |
# |---|---|---|---|
# | `infra rollback`, as today | the traffic as it was before the last change | you | you learn, or have one machine |
# | `kubectl rollout undo deployment/NAME` | the Pod template of an older ReplicaSet (`revisionHistoryLimit`), rolled out anew | you | a plain Deployment; mind that a ConfigMap or a table outside of the template stays as it is |
# | Argo Rollouts | an abort sets the traffic back to the stable ReplicaSet | an `AnalysisRun` that asks Prometheus and others, or you | canary or blue-green on Kubernetes; afterwards the manifest in git still has the bad version |
# | Flagger | the canary is scaled down after so many failed checks (`threshold`) | its analysis: success rate, latency, your own queries | the same, driven by a mesh or a gateway and a plain Deployment |
# | KServe | `canaryTrafficPercent: 0` leaves all with the last revision that had all the traffic (Knative mode) | you, or what you build around it | models as `InferenceService`s; day 21 |
# | a feature flag (OpenFeature, Unleash, LaunchDarkly) | the new branch of the code is switched off, without a release | you, or a rule | one risky change among many, such as a new threshold |
# | `git revert` with GitOps (Argo CD, Flux) | the manifest as it was, applied by a controller | a reviewer, or a rule | git shall be the record of what runs; slower than turning traffic, so do both |
# | SageMaker endpoints | deployment guardrails: the old fleet stays until alarms were quiet for a while, and is taken back by an alarm | CloudWatch alarms | you serve there |
#
# An analysis can only see what it is asked about. Success rate and latency, which is what most examples query, would have
# found one of today's six classes.
#
# **What a big installation does differently.** Nothing gets all the traffic at once (day 21), so most bad releases meet
# one percent of the customers and are taken back by a rule at night. An **error budget** says how much harm a quarter may
# have; when it is spent, releases stop, and the team mends what made them bad. On call has a commander who decides,
# somebody who does, and somebody who tells the others. Rollbacks are practised on quiet days, since one that was never
# tried does not work. Postmortems are read by other teams, and each has actions with an owner and a date.
#
# Try one of these:
#
# 1. `checker start 20 --reset --seed 9` (or another number) gives another incident. How fast can you name it?
# 2. Write the replay as a pytest that a pipeline can run before a release: same model, old and new code, no difference
#    but what the change log announces.
# 3. Write the rule: given the last 150 lines of the log for two releases, roll back or not. Try it on four seeds. How
#    often is it wrong, and in which direction?
# 4. `infra route day20-fraud GOOD=100 --shadow BAD` lets the bad release see real requests while nobody sees its
#    answers. What of today's work would that have saved?
