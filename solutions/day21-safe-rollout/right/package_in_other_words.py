"""A package with a pure function in a module of its own, numpy, a bootstrap, and three steps; nothing in the journal's
format is parsed but the time."""

from pathlib import Path

from _rollout import STEPS, live, rule

AFTER = "start"
MAIN = """\
import csv
import io
import json
import os
import sys
from pathlib import Path
from subprocess import run

import yaml

from .brain import think

here = Path.cwd()
settings = yaml.safe_load(open(here / "rollout.yaml"))
places = yaml.safe_load(open(here / "where.yaml"))
asked = run("infra deployments --format=json".split(), capture_output=True, check=True).stdout
mine = {each["name"]: each for each in json.loads(asked)}[places["deployment"]]["releases"]
active = {each["release"]: each["weight"] for each in mine if each["weight"] > 0 or each["shadow"]}
last = json.loads(open(places["journal"]).read().strip().split("\\n")[-1])["at"]
lines = [json.loads(line) for line in open(places["predictions"])] if os.path.exists(places["predictions"]) else []
lines = [line for line in lines if line["at"] > last]
labels = {}
if os.path.isfile(places["labels"]):
    labels = {row[0]: row[1] == "1" for row in list(csv.reader(open(places["labels"])))[1:]}
thought = think(settings, active, lines, labels)
if thought["shares"]:
    words = [f"{release}={share}" for release, share in thought["shares"].items()]
    run(["infra", "route", places["deployment"], *words], check=True)
Path("decisions.jsonl").open("a").write(json.dumps(thought) + "\\n")
sys.exit(0)
"""
BRAIN = '''\
import numpy as np


def think(settings, active, lines, labels):
    """What to do, why, and the shares of the traffic afterwards, empty where they stay."""

    def answer(decision, reason, **shares):
        return {"decision": decision, "reason": reason, "shares": {int(k[1:]): v for k, v in shares.items()}}

    if len(active) < 2:
        return answer("idle", "there is only one release with requests")
    champion, candidate = min(active), max(active)
    weight = active[candidate]
    only = {f"r{champion}": 100}
    arms = [[line for line in lines if line["release"] == each] for each in (champion, candidate)]
    count = len(arms[1])
    if count < (settings["requests"] if weight else settings["shadow"]["requests"]):
        return answer("wait", f"not enough: {count} requests so far")
    guard = settings["guardrails"]
    bad = [np.array([line["status"] != 200 for line in arm]) for arm in arms]
    if bad[1].mean() > bad[0].mean() + guard["errors"]:
        return answer("rollback", f"too many errors: {bad[1].mean():.3f}", **only)
    channels = [np.array([line["channel"] for line in arm]) for arm in arms]
    for channel in np.unique(channels[1]):
        some = [fails[where == channel] for fails, where in zip(bad, channels, strict=True)]
        usual = some[0].mean() if len(some[0]) else bad[0].mean()
        if len(some[1]) >= guard["channel_requests"] and some[1].mean() > usual + guard["errors_in_channel"]:
            return answer("rollback", f"too many errors in channel {channel}", **only)
    tails = [np.percentile([line["milliseconds"] for line in arm], 95) for arm in arms]
    if tails[1] / tails[0] > guard["latency"]:
        return answer("rollback", f"too slow by factor {tails[1] / tails[0]:.2f}", **only)
    if weight == 0:
        first = {line["request_id"]: line["decision"] for line in arms[0]}
        both = [(first[line["request_id"]], line["decision"]) for line in arms[1] if line["request_id"] in first]
        both = [pair for pair in both if None not in pair]
        if both and sum(a != b for a, b in both) > guard["disagreement"] * len(both):
            return answer("rollback", "it disagrees with the champion too often", **only)
    steps = [0, *settings["steps"]]
    if weight != steps[-1]:
        step = steps[steps.index(weight) + 1]
        shares = {f"r{champion}": 100 - step, f"r{candidate}": step}
        return answer("advance", f"no guardrail is broken, on to {step}", **shares)
    plan = settings["experiment"]
    costs = []
    for arm in arms:
        known = [(line, labels[line["transaction_id"]]) for line in arm if line["transaction_id"] in labels]
        known = [(line, fraud) for line, fraud in known if line["decision"]]
        costs.append(np.array([price(line, fraud, plan) for line, fraud in known]))
    if min(costs[0].size, costs[1].size) < plan["payments"]:
        return answer("wait", f"labels so far: {costs[0].size} and {costs[1].size}")
    draw = np.random.default_rng(1)
    means = [arm[draw.integers(0, arm.size, (4000, arm.size))].mean(axis=1) for arm in costs]
    tail = (1 - plan["confidence"]) / 2
    low, high = np.quantile(means[1] - means[0], [tail, 1 - tail])
    told = f"costs differ by {low:.2f} to {high:.2f} euros"
    if high < 0:
        return answer("promote", told, **{f"r{candidate}": 100})
    return answer("rollback" if low > 0 else "keep", told, **only)


def price(line, fraud, plan):
    if line["decision"] == "pass":
        return (line["amount"] + plan["missed_fraud"]) * fraud
    return plan["false_alarm"] * (not fraud)
'''

folder = Path("rollout")
folder.mkdir()
(folder / "__init__.py").write_text("")
(folder / "__main__.py").write_text(MAIN)
(folder / "brain.py").write_text(BRAIN)
STEPS[:] = [10, 30, 50]
rule()
live()
