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

# %% [markdown]
# # Day 21: Safe rollout
#
# About 90 minutes. You need the platform (`infra up`): releases are rolled out on it. You write files in this folder,
# with JupyterLab's editor, with another one, or from cells: only what stands at the end counts.

# %% [markdown]
# ## Why
#
# After the bad release of day 20 the card-fraud team swore never again to give all customers something new at once. So
# they went step by step: first 10 of 100 requests, then 25, then 50. These were the next four releases:
#
# - The first one went out on a Friday at 10%. On Monday somebody remembered it. It had failed for all payments by phone
#   since Friday; nobody had looked, since nobody had said *who* looks, at *what*, and *when it is bad*.
# - The second one was watched, by a rule: "more than 100 milliseconds, and it goes back". On the first day of the sales
#   all answers took 150, those of the old release as well. A good release was taken back, at the worst moment.
# - For the third one somebody compared the costs each morning, and on the fourth morning it was ahead, "significantly".
#   It got everything. In the end it was no better than the old one: who looks often enough sees everything once.
# - The fourth one began to fail at 50%, and this time there was a script. It ran `infra rollback`. That goes back by
#   *one* change: to 25%, where it failed as well.
#
# To go step by step is not enough. A safe rollout has a rule that was **written before** it began, looks at the right
# things in the right order, waits until it has seen **enough**, and has a way back that was **tried**. And as it happens
# at night, a program does it.
#
# | | what it shows | what it cannot show | whom it may harm |
# |---|---|---|---|
# | **shadow**: a copy of each request | errors, latency, where it decides otherwise | effects: nobody gets its answers, and what changes the world must be switched off in it | nobody |
# | **canary**: a few of the real requests | what breaks when it counts, under load that grows | small differences: a few requests say little | a few customers |
# | **A/B**, an experiment: half and half, for a time that was set before | whether it is *better*, in euros | what comes slowly: fraudsters who learn | half of the customers, a little |
#
# Labels come 30 to 60 days late here. So a guardrail that takes a bad release back tonight must do without them, and an
# experiment on money takes a season. Today, sixty days pass in a second.

# %% [markdown]
# ## End state
#
# <!-- end state -->
#
# ### The rule, `rollout.yaml`
#
# | field | what it says |
# |---|---|
# | `shadow.requests` | so many requests the candidate must have seen as a shadow |
# | `steps` | the weights of the candidate, in order, for example `[5, 25, 50]`; the last one is the experiment. After it comes 100 |
# | `requests` | so many requests of customers the candidate must have got at a step |
# | `guardrails.errors` | by so much its share of failed requests may be higher than the champion's: 0.05 is 5 of 100 |
# | `guardrails.errors_in_channel`, `guardrails.channel_requests` | the same within each channel, in which the candidate has at least so many requests |
# | `guardrails.latency` | so many times the champion's 95th percentile of `milliseconds` its own may be |
# | `guardrails.disagreement` | as a shadow: this share of the requests that both decided about may be decided otherwise |
# | `experiment.payments` | so many labelled payments *of each release* the experiment has |
# | `experiment.confidence` | of the interval for the difference, for example 0.95, on both sides together |
# | `experiment.missed_fraud`, `experiment.false_alarm` | euros: a fraud that was let through costs its amount and the first, an honest payment that was blocked the second. Right decisions cost nothing |
#
# All guardrails compare the candidate with the champion **since the last change of the traffic**. More fields are
# welcome.
#
# ### The controller, `python -m rollout`
#
# A scheduler calls it in this folder, whenever it likes. Each call looks once, decides, turns the traffic where it must,
# and ends. It decides, in this order:
#
# | `decision` | when | the traffic afterwards |
# |---|---|---|
# | `idle` | only one release has requests, and there is no shadow | as it was |
# | `wait` | the candidate has fewer requests since the last change than the rule asks for | as it was |
# | `rollback` | a guardrail is broken | the champion 100, no shadow |
# | `advance` | as a shadow, or at a step before the last one | the next of the `steps`, and the champion has the rest |
# | `wait` | at the last step: one of the two has fewer labelled payments since the last change than the rule asks for | as it was |
# | `promote`, `keep` | at the last step: the whole interval is on the side where the candidate is cheaper; or it is not | the candidate 100; or the champion 100, no shadow |
#
# The candidate is the newer one of the two releases that take part, the one with the larger number. (A candidate whose
# first 50 requests or more failed for the most part may go back at once; nobody will ask.)
#
# It finds
#
# | what | where |
# |---|---|
# | the rule | `rollout.yaml` |
# | who gets what | `infra deployments --format json` |
# | where things lie | `where.yaml`: `deployment`, the name; `journal`, `predictions` and `labels`, paths |
# | when the traffic was turned | the journal: a JSON object in each line, the last one is the last change; its time is `at` |
# | what was answered | the log of predictions: a JSON object in each line, for each release that decided about a request: `at`, `release`, `request_id`, `transaction_id`, `channel`, `amount`, `status`, `score`, `decision` (`block` or `pass`), `milliseconds`. Where `status` is 500 it failed, and `score` and `decision` are null. A request and its copy for the shadow have the same `request_id` |
# | labels | a CSV with `transaction_id,is_fraud`, of the payments that are known by now; it may be missing. A payment without a line is *not known*, and one that failed was not decided: neither counts |
#
# and turns the traffic with the command `infra route` (or `infra rollback`, where that is right). Its clock is that of
# the log and the journal: what your own clock says is no help, since logs are read later and elsewhere.
#
# ### How the checker looks at it
#
# It calls your controller more than thirty times, in ten futures, in a place without a network: with the `.py` files,
# `*.toml`, `*.ini` and `*.cfg` of this folder and all of a folder `rollout`; with a `rollout.yaml` of its own (other numbers,
# the same fields), a `where.yaml`, a log and a journal; and with a command `infra` that turns the traffic of a made-up
# deployment, where the releases have other numbers. What a call leaves in the folder, the next call of that future
# finds. A call may take 20 seconds of CPU time. `rollout.py`, or a package `rollout` with `__main__.py`: both will do.

# %% [markdown]
# ## Do
#
# | path | what it is |
# |---|---|
# | `policy.md` | what the bank demands of a rollout. Read it first |
# | `data/payments.csv` | the payments of the autumn, with their labels. Your controller must not look at it |
# | `data/pilot.csv` | payments of August: what the champion decided, and what they were |
# | `traffic.py` | the cash desks: sends the next payments, or lets sixty days pass |
# | `releases/now`, `releases/next` | the code of the service, and that of next week |
#
# The registry has three versions of `day21-card-fraud`. Version 1 is the champion, which has learned from the first half
# of the year; from July on, fraudsters do otherwise (days 23 and 24). Version 2 knows the new tactics. Version 3 comes next
# week, together with new code.

# %% language="bash"
# cat policy.md
# head -n 3 data/pilot.csv

# %% [markdown]
# The tasks show the tools on something else: a web shop that tries a new way of paying, and a parcel service.

# %% [markdown]
# ### Task 1: The rule comes first
#
# How many payments must an experiment have? Fewer than it needs, and it ends with "we do not know". The number follows
# from four things that are known **before**: how much a single value scatters ($s$), the smallest difference that is
# worth the trouble ($d$), how rarely you want to see one that is not there (5%), and how surely you want to see one
# that is ($80\%$, the *power*):
#
# $$n = \frac{2\,(z_{0.975} + z_{0.8})^2\, s^2}{d^2}\quad\text{of each kind}$$
#
# The shop earns 38 euros with a visitor who buys, and one in ten does. A gain of one euro per visitor would be worth it.

# %%
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import NormalDist, fmean, pstdev, stdev

import numpy as np
import pandas as pd

Z = NormalDist().inv_cdf
takings = [38.0] * 10 + [0.0] * 90
for worth in (0.5, 1.0):
    needed = math.ceil(2 * ((Z(0.975) + Z(0.8)) * pstdev(takings) / worth) ** 2)
    print(f"to see a gain of {worth} euros: {needed} visitors with each page")

# %% [markdown]
# The number must be **waited for**. Here are 2000 experiments in which both pages are the same. Somebody judges each one
# once, at the end. Somebody else looks ten times on the way, and stops as soon as it is "significant".

# %%
rng = np.random.default_rng(21)
pages = rng.choice(takings, (2, 2000, needed))
looks = np.linspace(needed // 10, needed, 10).astype(int)
apart = np.empty((10, 2000))
for number, seen in enumerate(looks):
    one, two = pages[:, :, :seen]
    apart[number] = (two.mean(1) - one.mean(1)) / np.sqrt((one.var(1) + two.var(1)) / seen)
print(f"false alarms, judged once:      {np.mean(abs(apart[-1]) > Z(0.975)):.1%}")
print(f"false alarms, looked ten times: {np.mean((abs(apart) > Z(0.975)).any(0)):.1%}")

# %% [markdown]
# Five percent were promised, and it was about twenty. (Whoever must look earlier takes a method that was made for it: see
# *Go further*.) Guardrails are looked at just once at each step, too: when there are enough requests.
#
# **Your turn.** Compute the sample size for our experiment, and write `rollout.yaml`. `policy.md` says what is allowed.
# Small numbers of requests save your time today.
#
# <details><summary>Hint</summary>
#
# - The cost of each payment in `data/pilot.csv`: by `decision` and `is_fraud`, as the End state has it. Then the standard
#   deviation of that column, and the formula with $d = 2.5$.
# - It is a few hundred. A hundred requests at a step and two or three steps will do.
# - A candidate that has learned new tactics *must* decide otherwise. 0.3 is a generous limit, since a fifth of the payments
#   in these files are frauds.
# </details>

# %% nbgrader={"grade": false, "grade_id": "rule", "locked": false, "schema_version": 3, "solution": true, "task": false}
# You can write the files by hand and leave these cells as they are.
### BEGIN SOLUTION
pilot = pd.read_csv("data/pilot.csv")
blocked, fraud = pilot["decision"] == "block", pilot["is_fraud"] == 1
costs = (pilot["amount"] + 20).where(fraud & ~blocked, 0.0).mask(~fraud & blocked, 4.0)
payments = math.ceil(2 * ((Z(0.975) + Z(0.8)) * costs.std() / 2.5) ** 2)
Path("rollout.yaml").write_text(f"""\
# Version 2 of day21-card-fraud against version 1. Written before the first request.
shadow:
  requests: 150
steps: [10, 50]
requests: 100
guardrails:
  errors: 0.05
  errors_in_channel: 0.3
  channel_requests: 25
  latency: 4.0
  disagreement: 0.3
experiment:
  payments: {payments}  # a gain of 2.50, where costs scatter by {costs.std():.1f} in August
  confidence: 0.95
  missed_fraud: 20
  false_alarm: 4
""")
print(payments, "labelled payments of each release")
### END SOLUTION

# %% [markdown]
# ### Task 2: See where it stands
#
# The controller is called by a scheduler, and may be killed at any line. So what does it know when it is called again?
# One way is a file of its own: "I am at step 2". Then there are two truths, and after the first crash they differ. The
# better way is to **look**: the platform knows who gets what, the journal knows since when, the log knows what came of
# it. A controller that computes what to do from what is there can be called twice, too late, or by another machine. It
# is how Kubernetes' controllers work, and it is called *level-triggered*.
#
# ```sh
# infra deployments --format json     # for programs: each release with its `weight`, and whether it is a `shadow`
# ```
#
# ```python
# told = subprocess.run(["infra", "deployments", "--format", "json"], check=True, capture_output=True, text=True)
# for each in json.loads(told.stdout): ...
# ```
#
# The parcel service has a log and a journal, too:

# %%
os.environ["EXAMPLE"] = place = tempfile.mkdtemp(prefix="parcels-")
Path(place, "journal.jsonl").write_text(
    '{"at": "2026-03-02T10:00:00.000+00:00", "event": "route", "weights": {"3": 80, "4": 20}}\n'
)
rows = [("09:58", 3, "a", 2), ("09:59", 3, "b", 5), ("10:01", 3, "c", 4), ("10:02", 4, "d", 4), ("10:03", 3, "e", 1)]
with open(f"{place}/parcels.jsonl", "w") as log:
    for time, release, request, days in rows:
        line = {"at": f"2026-03-02T{time}:00.000+00:00", "release": release, "request_id": request, "days": days}
        log.write(json.dumps(line) + "\n")

journal, log = pd.read_json(f"{place}/journal.jsonl", lines=True), pd.read_json(f"{place}/parcels.jsonl", lines=True)
turned = journal["at"].iloc[-1]
for name, lines in {"all lines": log, "since the last change": log[log["at"] > turned]}.items():
    print(name, lines.groupby("release")["days"].agg(["size", "mean"]).to_dict("index"))

# %% [markdown]
# Release 3 looks slower or faster, depending on which of its lines count. Only those since the change had the same
# weather.
#
# For a **shadow** there is something better than two groups: the same request, twice. The router copies each request
# with its header `x-request-id`, so the lines of both releases can be paired. Two releases that both stop a fifth of the
# payments may stop *others*; only pairs show that.
#
# **Your turn.** Write the part that looks: who is champion, who is candidate and what weight it has; the lines since the
# last change, by release; and the labels, if there are any.
#
# <details><summary>Hint</summary>
#
# - The releases that take part have a `weight` above 0 or are the `shadow`. There are one or two of them; most of a
#   deployment's releases are history.
# - `datetime.fromisoformat` reads the times of both files. With pandas: `pd.read_json(path, lines=True)`.
# - Read paths from `where.yaml`, since they are others where the checker looks.
# </details>

# %% nbgrader={"grade": false, "grade_id": "observe", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("observe.py").write_text('''\
"""What is there: who gets the requests, and what was answered since that was changed last."""

import csv
import json
import subprocess
from datetime import datetime
from pathlib import Path


def standing(name):
    """The releases that take part by their numbers, and the weight of the newer one; 0 while it is a shadow."""
    told = subprocess.run(["infra", "deployments", "--format", "json"], check=True, capture_output=True, text=True)
    releases = next(each["releases"] for each in json.loads(told.stdout) if each["name"] == name)
    taking = sorted((each for each in releases if each["weight"] or each["shadow"]), key=lambda each: each["release"])
    if len(taking) == 1:
        return taking[0]["release"], None, 100
    champion, candidate = taking
    return champion["release"], candidate["release"], candidate["weight"]


def moment(line):
    return datetime.fromisoformat(line["at"])


def since_last_change(where):
    """The lines of the log that were written since the traffic was turned, by release."""
    *_, last = Path(where["journal"]).read_text().splitlines()
    turned, lines = moment(json.loads(last)), {}
    log = Path(where["predictions"])
    for text in log.read_text().splitlines() if log.exists() else []:
        line = json.loads(text)
        if moment(line) > turned:
            lines.setdefault(line["release"], []).append(line)
    return lines


def labels(where):
    """Which payments were fraud, as far as it is known."""
    path = Path(where["labels"])
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row["transaction_id"]: int(row["is_fraud"]) for row in csv.DictReader(file)}
''')
### END SOLUTION

# %% [markdown]
# ### Task 3: Guardrails
#
# A guardrail needs no label, and says "no" by itself. Four things make a good one.
#
# **A comparison, in the same time.** "Above 100 milliseconds" is about the day of the week. What is the candidate's fault
# shows only beside the champion, in the same hour, with the same customers. Errors are compared by their difference, since
# the champion may have none; times by their ratio.
#
# **The tail, not the middle.** One answer in eight is slow: what do the usual figures say?

# %%
usual = rng.gamma(4, 2, 800)
some = np.where(rng.random(800) < 1 / 8, usual * 8, usual)
for name, figure in {
    "median": np.median,
    "mean": np.mean,
    "95th percentile": lambda all: np.quantile(all, 0.95),
}.items():
    print(f"{name:<16} {figure(usual):6.1f} {figure(some):6.1f} milliseconds, {figure(some) / figure(usual):.1f} times")

# %% [markdown]
# **Slices.** If one request in twelve is by phone, and half of these fail, then 4% of all do: below many a limit. But
# nobody can pay by phone any more. So each channel is looked at by itself; where a channel has only a handful of requests,
# chance speaks, and it does not count yet.
#
# **Enough.** Three failures in twenty requests mean little. A step is judged when it has its requests, and not before.
#
# **Your turn.** Write the part that judges the guardrails. It gets lines and numbers, and returns what is broken, in
# words. It should read no file and run no command: then you can try it on lines that you make up, for a candidate that
# is good, slow, or fails. (Put it into `judge.py`; the cell for it comes after task 4.)
#
# <details><summary>Hint</summary>
#
# - A failed line has a `status` of 500 or more.
# - `statistics.quantiles(values, n=20)[-1]`, or `numpy.quantile(values, 0.95)`.
# - The disagreement is judged for a shadow only. Later no request has two answers.
# - Let the words have the numbers: "8.1% more of its requests by phone fail" is what somebody reads at three in the
#   morning.
# </details>

# %% [markdown]
# ### Task 4: The experiment
#
# At half and half, the two releases meet the same world, and the only difference is the release. Now labels decide. What
# of? "It makes fewer mistakes" is tempting, and wrong where mistakes differ:

# %%
mistakes = pd.DataFrame({"frauds missed": [4, 8], "honest stopped": [16, 0]}, index=["careful", "generous"])
mistakes["of 100 decided rightly"] = 100 - mistakes.sum(axis=1)
mistakes["euros"] = mistakes["frauds missed"] * (25 + 20) + mistakes["honest stopped"] * 4
print(mistakes)

# %% [markdown]
# The second one is right more often, and the bank pays more. So the figure is the mean **cost of a payment**, in euros, and
# what decides is an interval for the difference. For the shop, where the takings of each visitor are known:


# %%
def interval(one, two, confidence=0.95):
    """The difference of the means, from and to."""
    middle = fmean(two) - fmean(one)
    wide = Z((1 + confidence) / 2) * math.sqrt(stdev(one) ** 2 / len(one) + stdev(two) ** 2 / len(two))
    return middle - wide, middle + wide


for name, share in {"the same page": 0.10, "a better page": 0.14}.items():
    low, high = interval(38.0 * (rng.random(3000) < 0.10), 38.0 * (rng.random(3000) < share))
    print(f"{name}: {low:+.2f} to {high:+.2f} euros for each visitor")

# %% [markdown]
# An interval that has zero in it says: it may be either. That is a draw, and **a draw is no gain**: the champion stays.
# Each change has a risk of its own, and a rule that promotes on a draw replaces a model that is known by one that is not.
#
# Who gets which release? Our router rolls dice **for each request**. For payments that do not depend on each other, that
# is right, and simple. Where somebody must not see two versions in turn, or where a customer who was blocked tries again
# with the other release, one assigns **by customer**: a hash decides, always the same way. A step up then only adds
# customers, and takes none away:

# %%
import hashlib


def share_of(customer, experiment="new-checkout"):
    """A number from 0 to 99 that belongs to a customer in an experiment."""
    return int(hashlib.sha256(f"{experiment}/{customer}".encode()).hexdigest(), 16) % 100


people = [f"c{number}" for number in range(4000)]
few, more = ({each for each in people if share_of(each) < weight} for weight in (10, 25))
print(len(few), "then", len(more), "customers; all of the few are among the more:", few <= more)

# %% [markdown]
# (The name of the experiment goes into the hash. Otherwise the same unlucky tenth of the customers gets everything new
# first.)
#
# **Your turn.** Write the part that judges the experiment, and put it with the guardrails into one file, if you like.
#
# <details><summary>Hint</summary>
#
# - Costs only of lines that were decided (`status` 200) and have a label. A payment without a label is not honest: it is
#   unknown.
# - Count for *each* release: the rule asks for so many of both.
# - All labels that are there count, once there are enough. What matters is that you did not choose the moment by what they
#   said.
# </details>

# %% nbgrader={"grade": false, "grade_id": "judge", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("judge.py").write_text('''\
"""The rule: which guardrails are broken, and what the experiment says. No files, no commands: lines in, words out."""

import math
from statistics import NormalDist, fmean, quantiles, variance


def errors(lines):
    return sum(line["status"] >= 500 for line in lines) / max(1, len(lines))


def slowest(lines):
    """The 95th percentile of the milliseconds."""
    return quantiles((line["milliseconds"] for line in lines), n=20)[-1]


def pairs(champion, candidate):
    """What both have decided about the same request."""
    own = {line["request_id"]: line for line in champion if line["status"] == 200}
    return [(own[line["request_id"]], line) for line in candidate if line["status"] == 200 and line["request_id"] in own]


def broken(guardrails, champion, candidate, *, shadow):
    """Why the candidate must go; empty where nothing speaks against it."""
    found = []
    more = errors(candidate) - errors(champion)
    if more > guardrails["errors"]:
        found.append(f"{more:.1%} more of its requests fail")
    for channel in sorted({line["channel"] for line in candidate}):
        ours, theirs = ([line for line in lines if line["channel"] == channel] for lines in (candidate, champion))
        more = errors(ours) - errors(theirs)
        if len(ours) >= guardrails["channel_requests"] and more > guardrails["errors_in_channel"]:
            found.append(f"{more:.1%} more of its requests by {channel} fail")
    times = slowest(candidate) / slowest(champion)
    if times > guardrails["latency"]:
        found.append(f"its slow answers take {times:.1f} times as long")
    both = pairs(champion, candidate) if shadow else []
    differ = sum(one["decision"] != two["decision"] for one, two in both) / max(1, len(both))
    if differ > guardrails["disagreement"]:
        found.append(f"it decides {differ:.1%} of the requests otherwise")
    return found


def cost(line, fraud, experiment):
    """What the decision about one payment cost, in euros."""
    if line["decision"] == "block":
        return 0.0 if fraud else experiment["false_alarm"]
    return line["amount"] + experiment["missed_fraud"] if fraud else 0.0


def known(lines, labels, experiment):
    """The costs of the payments that were decided and have a label."""
    return [
        cost(line, labels[line["transaction_id"]], experiment)
        for line in lines
        if line["status"] == 200 and line["transaction_id"] in labels
    ]


def difference(champion, candidate, confidence):
    """How much more the candidate costs for each payment: from, to."""
    middle = fmean(candidate) - fmean(champion)
    error = math.sqrt(variance(candidate) / len(candidate) + variance(champion) / len(champion))
    wide = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return middle - wide, middle + wide
''')

from judge import broken

limits = {"errors": 0.05, "errors_in_channel": 0.3, "channel_requests": 25, "latency": 4.0, "disagreement": 0.3}
made_up = [
    {"status": 200, "channel": "chip", "milliseconds": 10 + n % 7, "decision": "pass", "request_id": n}
    for n in range(200)
]
slow = [line | {"milliseconds": line["milliseconds"] * (9 if n % 8 == 0 else 1)} for n, line in enumerate(made_up)]
for candidate in (made_up, slow):
    print(broken(limits, made_up, candidate, shadow=True) or "nothing broken")
### END SOLUTION

# %% [markdown]
# ### Task 5: The controller, and two rollouts
#
# What is left is to decide, to turn, and to write it down. For the parcels:
#
# ```sh
# infra route parcels 3=80 4=20       # who has how much: the weights add up to 100
# infra route parcels 3=100           # release 3 alone; release 4 is stopped
# infra rollback parcels              # as it was before the last change
# ```
#
# The last one is what one types at night, without thinking. It is made for a release that went out **at once**. In the
# middle of a rollout, the traffic before the last change is the *step* before: still a share for the bad release, or
# a shadow, from which a controller would start once more. The way back is a state and not a step: the champion alone.
#
# A **decision record** has each call: when, between which releases, at which weight, what was decided and which numbers
# decided. It is what you read in the morning, what the auditor reads next year, and what shows that a night without an
# alarm was a night in which somebody looked. Write the line *after* the traffic was turned: a record that says more than
# was done is worse than none.
#
# **Your turn.** Write `rollout.py`. Then roll out two releases. The champion first:
#
# ```sh
# infra deploy day21-fraud --app service:app --model models:/day21-card-fraud/1 --from releases/now
# infra deploy day21-fraud --app service:app --model models:/day21-card-fraud/2 --from releases/now --shadow
# ```
#
# From then on, payments come in and the controller is called, again and again: `python traffic.py 400`, then `python -m
# rollout`. When it waits for labels, `python traffic.py --labels`. When version 2 has everything, the next week comes:
#
# ```sh
# infra deploy day21-fraud --app service:app --model models:/day21-card-fraud/3 --from releases/next --shadow
# ```
#
# The shadow looks fine. And then?
#
# <details><summary>Hint</summary>
#
# - `subprocess.run(["infra", "route", name, f"{champion}=90", f"{candidate}=10"], check=True)`; a release with 0 is not
#   named.
# - One function that gets all and returns decision, reason and the weight that the candidate shall have; another one that
#   turns. The first can be tried without a platform.
# - To try it from the beginning: `infra undeploy day21-fraud`, `python traffic.py --begin`.
# - If a good release is taken back since your machine was busy with something else (the record says so): deploy it again
#   as a shadow, and call on. It is what one would do at work, too.
# </details>

# %% nbgrader={"grade": false, "grade_id": "controller", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("rollout.py").write_text('''\
"""`python -m rollout`: look once where the rollout stands, decide by `rollout.yaml`, and turn the traffic."""

import json
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import yaml
from judge import broken, difference, known, pairs
from observe import labels, since_last_change, standing


def decide(plan, where, champion, candidate, weight):
    """The decision, its reason, and the weight that the candidate shall have; None where it stays."""
    if candidate is None:
        return "idle", f"release {champion} has all requests already", None
    lines = since_last_change(where)
    ours, theirs = lines.get(candidate, []), lines.get(champion, [])
    needed = plan["requests"] if weight else plan["shadow"]["requests"]
    if min(len(ours), len(theirs)) < needed:
        return "wait", f"{len(ours)} of {needed} requests since the last change", None
    if found := broken(plan["guardrails"], theirs, ours, shadow=not weight):
        return "rollback", f"after {len(ours)} requests {', '.join(found)}", 0
    steps = plan["steps"]
    if weight < steps[-1]:
        following = next(step for step in steps if step > weight)
        return "advance", f"{len(ours)} requests and no guardrail broken: {weight} to {following}", following
    experiment = plan["experiment"]
    costs = [known(each, labels(where), experiment) for each in (theirs, ours)]
    if min(map(len, costs)) < experiment["payments"]:
        return "wait", f"{min(map(len, costs))} of {experiment['payments']} labels for each release", None
    low, high = difference(*costs, experiment["confidence"])
    told = f"a payment costs {low:+.2f} to {high:+.2f} euros more, {len(costs[0])} and {len(costs[1])} labels"
    return ("promote", told, 100) if high < 0 else ("keep", told, 0)


def turn(name, champion, candidate, weight):
    shares = {champion: 100 - weight, candidate: weight}
    words = [f"{release}={share}" for release, share in shares.items() if share]
    subprocess.run(["infra", "route", name, *words], check=True, stdout=subprocess.DEVNULL)


def main():
    plan, where = (yaml.safe_load(Path(name).read_text()) for name in ("rollout.yaml", "where.yaml"))
    champion, candidate, weight = standing(where["deployment"])
    decision, reason, following = decide(plan, where, champion, candidate, weight)
    if following is not None:
        turn(where["deployment"], champion, candidate, following)
    told = {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "champion": champion,
        "candidate": candidate,
        "weight": weight,
        "decision": decision,
        "reason": reason,
        "becomes": following,
    }
    with open("decisions.jsonl", "a") as record:
        record.write(json.dumps(told) + "\\n")
    print(decision, "-", reason)


if __name__ == "__main__":
    main()
''')
### END SOLUTION

# %% nbgrader={"grade": false, "grade_id": "live", "locked": false, "schema_version": 3, "solution": true, "task": false}
# What you type into a terminal is as good as a cell.
### BEGIN SOLUTION
NAME, MODEL = "day21-fraud", "models:/day21-card-fraud"


def run(*words):
    subprocess.run(words, check=True)


def deploy(version, code, *more):
    run("infra", "deploy", NAME, "--app", "service:app", "--model", f"{MODEL}/{version}", "--from", code, *more)


def roll_out(version, code, calls=30):
    """Payments come in and the controller is called, until it has come to an end; return its last decision."""
    deploy(version, code, "--shadow")
    for _ in range(calls):
        run(sys.executable, "traffic.py", "400")
        run(sys.executable, "-m", "rollout")
        said = json.loads(Path("decisions.jsonl").read_text().splitlines()[-1])
        if said["decision"] not in ("wait", "advance"):
            break
        if "labels" in said["reason"]:
            run(sys.executable, "traffic.py", "--labels")
    return said


deploy(1, "releases/now")
for version, code, end in ((2, "releases/now", "promote"), (3, "releases/next", "rollback")):
    for _ in range(3):
        said = roll_out(version, code)
        # A busy machine may break a guardrail of a shadow, which is no fault of the release.
        if said["decision"] == end and said["weight"]:
            break
### END SOLUTION

# %% [markdown]
# ## Look
#
# The journal and your own record, side by side: what was turned, and why. Change nothing here; if you have no record yet,
# the cell says so.

# %%
import yaml

where = yaml.safe_load(Path("where.yaml").read_text())
for title, path in {"journal": where["journal"], "decisions": "decisions.jsonl"}.items():
    print(f"== {title}")
    for text in Path(path).read_text().splitlines()[-12:] if Path(path).exists() else ["nothing yet"]:
        print("  ", text[:200])

# %% [markdown]
# What customers and shadows got, request by request: who answered, from the first to the last, and where it failed. A
# shadow's answers are in the log, and nobody got them.

# %%
import matplotlib.pyplot as plt

lines = []
if Path(where["predictions"]).exists():
    lines = [json.loads(text) for text in Path(where["predictions"]).read_text().splitlines()]
if lines:
    table = pd.DataFrame(lines)
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5), sharex=True)
    blocks = table.index // 100
    for release, marker in zip(sorted(table["release"].unique()), "osv^D*" * 9, strict=False):
        mine = (table["release"] == release).groupby(blocks).mean()
        above.plot(mine.index, mine, marker=marker, label=f"release {release}")
        failed = ((table["release"] == release) & (table["status"] >= 500)).groupby(blocks).sum()
        below.plot(failed.index, failed, marker=marker, label=f"release {release}")
    above.set(title="Who decided, in each hundred lines of the log", ylabel="share of the lines")
    below.set(title="Failed requests", xlabel="hundreds of lines", ylabel="number")
    above.legend()
    plt.tight_layout()
    plt.show()

# %% [markdown]
# Why did the shadow of version 3 look fine? Look for the word `shadow` in `releases/next/service.py`, and at what the
# line below it calls. Then at `infra logs day21-fraud-N`. A shadow must not open cases, send messages, or write into the
# bank's books: two calls to a customer because of one payment would be harm. So what is switched off in a shadow is what
# no shadow can test. That is what the first step of a canary is for.
#
# **On a cluster** (`infra up --profile kind`) the words are the same, and so is Envoy. Each release is a Deployment with a
# Service, and the router reads its weights from a ConfigMap. There the log of predictions lies in the pods, until they go;
# `traffic.py` plays the log collector as well, and brings it to the place that `where.yaml` names. In a big installation
# the controller reads figures from Prometheus, as day 22 does.

# %%
if os.environ.get("MLOPS_LABS_PROFILE", "local") != "local":
    kubectl = ["kubectl", "--kubeconfig", os.environ["MLOPS_LABS_KUBECONFIG"], "--namespace", "mlops-labs-serving"]
    kinds = "deployments,services,configmaps"
    subprocess.run([*kubectl, "get", kinds, "--selector", "mlops-labs/deployment=day21-fraud"], check=True)

# %% [markdown]
# ## Check
#
# The checker calls your controller in ten futures, which takes some seconds, and looks at the journal and at what your
# deployment answers. In a terminal: `checker grade 21`.

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** The shadow has decided about the same payments as the champion, and after sixty days the labels of these payments are
# known. So one could compare the costs of both on the *same* payments, without giving a single customer to the candidate.
# What would this comparison have that the experiment has not, and what can it not know? When would you still want the
# experiment?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# It is paired: the same payments, so the scatter between payments falls out and far fewer are needed; and nobody is at
# risk. It cannot know what an answer would have *done*. A payment that the champion blocked never became a loss and often
# has no honest label, so the candidate's decision to let it through cannot be priced; a customer who is blocked tries again,
# calls, or leaves; fraudsters react to what is let through; code that has effects was switched off. So the comparison is of
# two opinions about the champion's world. The experiment is needed where decisions change what happens next (retries,
# behaviour of fraudsters, load on the call centre), where labels depend on the decision, or where the release brings effects
# and not only scores. A sensible order: paired comparison first to weed out, then the experiment.
#
# **Rubric** 1 mark: paired or less scatter or no risk, and that the candidate's answers had no effect (or that labels
# depend on the champion's decisions). 1 mark for a case in which the experiment is needed, with a reason.

# %% [markdown]
# **2.** Your controller takes releases back by itself, at night. Which two things can go wrong with *it*, so that a bad release
# stays or a good one never comes through, and how would you find out before it matters?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# It is not called any more, or dies before it decides (the scheduler, a full disk, a log in another format): the canary
# stays at its step and nobody looks. So it is watched itself: an alarm when the record has had no line for some time, and a
# rollout that is older than a limit goes back by itself. Its data are wrong: a release that dies writes no lines, so it has
# few requests and no errors, and "wait" is what the rule says; compare with what the router counted, and treat a missing
# answer as a failed one. `infra route` fails, and nobody retries. Guardrails are so tight, or so many, that each release breaks one by
# chance: count how often a release is taken back that was fine, by an A/A rollout of the champion against itself. The way
# back was never tried: roll a release out on purpose that fails, as today, on a quiet day, and after each change of the
# controller; keep the old release running until the end.
#
# **Rubric** 1 mark for two different ways of failing, of which one leaves a bad release in place. 1 mark for a test or an alarm
# that would show them (a drill, an A/A rollout, a dead man's switch, a limit in time).

# %% [markdown]
# ## Go further
#
# **The same with other tools.** All of them turn weights. They differ in who looks, at what, and who decides.
#
# | tool | shadow | weights | who decides | take it when |
# |---|---|---|---|---|
# | your controller and Envoy, as today | a mirror of each request, answers in the log | by request, at random | your rule, on your own log, with labels | the decision needs what only you know: costs, labels, pairs |
# | Argo Rollouts | with a mesh that mirrors (Istio, for one) | `setWeight` steps with pauses, by a gateway or mesh, or by the number of pods | an `AnalysisTemplate`: queries to Prometheus and others, with `successCondition`, `failureLimit`, `inconclusiveLimit`; a failed analysis aborts to the stable ReplicaSet | any service on Kubernetes whose guardrails are metrics |
# | Flagger | mirroring with Istio and some gateways | steps of `stepWeight` up to `maxWeight` | built-in checks of success rate and latency, own queries, webhooks; `threshold` failed checks take it back | the same, and you want it to find a plain Deployment and do the rest |
# | KServe | no mirror of its own | `canaryTrafficPercent` in Knative mode; in Standard mode `spec.canary` (from 0.20 on), by the Gateway API | you, or something above it | models as `InferenceService`s, and something else decides |
# | Seldon Core 2 | an `Experiment` with a `mirror` of so many percent | an `Experiment` with weighted `candidates` among models or pipelines, sticky by a route header | you: it shares and measures, and does not judge | models and pipelines are Seldon's already; mind its licence |
# | Gateway API | a `RequestMirror` filter in an `HTTPRoute` | `weight` of each `backendRef` | nobody: it is the lever, and not the hand | a controller of yours, or one of the above, pulls it |
# | Istio | `mirror` and `mirrorPercentage` in a `VirtualService` | weights of routes; sticky by consistent hash within a subset | nobody | a mesh is there for other reasons |
# | SageMaker | shadow variants, with a comparison in the console | production variants with weights; canary and linear deployment guardrails | CloudWatch alarms, during a baking time | you serve there |
# | a feature flag or experiment service (OpenFeature with a provider, GrowthBook, Statsig, LaunchDarkly) | no | by a hash of the customer, sticky | statistics that are made for looking early | product decisions, with customers who must always see the same |
#
# An analysis that asks Prometheus each minute and stops at the third bad answer is a *sequential* test, whether it knows it or
# not. For errors and latency, with wide margins, that does no harm. For "is it better" it does what you saw in task 1.
#
# Whoever must look early has methods for it: **group sequential** designs (a few looks with stricter limits, as in clinical
# trials), **always-valid** intervals (mixture sequential tests, confidence sequences), which are wider and hold at any moment.
# **Bandits** shift the traffic while they learn: they lose less on the way, and say less about how large the difference is.
#
# **What a big installation does differently.** Steps are hours or days long, since a week has weekends; the load of one machine
# at 10% says nothing about 100%. Regions and brands go one after the other. The experiment has its own
# platform: assignment by customer, a check that the shares really came out half and half (*sample ratio mismatch*, the most
# frequent sign that something is broken), a registry of who runs what, and a long holdout that keeps the old model for 1% of
# the customers for a year. A rollout changes one thing at a time, model or code. Models under regulation need a named person
# who approves the last step, and the record that you have written today (day 26).
#
# Try one of these:
#
# 1. An **A/A** rollout: version 1 against version 1, with the same code. Call your controller through the whole of it, some
#    times. How often does it promote, and how often should it?
# 2. A release that dies writes no line. Try it: `raise SystemExit` in the middle of `predict`. What does your controller
#    do, and what do the customers get? What does `x-release` in the answers of `traffic.py` say that the log does not?
# 3. Add a limit in time: a step that has not had its requests after an hour goes back.
# 4. Write the experiment so that it may look five times, with limits that keep the false alarms at 5% (Pocock's is 2.41
#    in place of 1.96). Try it on the shop of task 1.
