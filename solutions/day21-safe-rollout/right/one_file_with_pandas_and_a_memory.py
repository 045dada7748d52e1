"""One file with pandas, which remembers its place in the log instead of reading the journal; decisions in capitals."""

from pathlib import Path

from _rollout import live, rule

AFTER = "start"
CODE = """\
import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import yaml

STATE = Path("memory.json")
INFRA = shutil.which("infra")


def infra(*words):
    return subprocess.check_output([INFRA, *words], text=True)


rule = yaml.safe_load(Path("rollout.yaml").read_text())
where = yaml.safe_load(Path("where.yaml").read_text())
name = where["deployment"]
[now] = [each for each in json.loads(infra("deployments", "--format", "json")) if each["name"] == name]
part = {each["release"]: each["weight"] for each in now["releases"] if each["weight"] or each["shadow"]}
log = pd.read_json(where["predictions"], lines=True) if Path(where["predictions"]).exists() else pd.DataFrame()


def remember(place):
    STATE.write_text(json.dumps({"releases": sorted(part), "place": place}))


def say(decision, reason):
    with open("decisions.jsonl", "a") as file:
        print(json.dumps({"reason": reason, "decision": decision.upper(), "lines": len(log)}), file=file)


def judge():
    if len(part) == 1:
        return "idle", "nothing is rolled out at the moment", None
    old, new = sorted(part)
    known = json.loads(STATE.read_text()) if STATE.exists() else {}
    if known.get("releases") != [old, new]:
        first = log.index[log["release"] == new] if len(log) else []
        known = {"place": int(first[0]) - 1 if len(first) else len(log)}
    lines = log.iloc[max(0, known["place"]) :]
    a, b = lines[lines["release"] == old], lines[lines["release"] == new]
    weight = part[new]
    wanted = rule["requests"] if weight else rule["shadow"]["requests"]
    if len(b) < wanted:
        remember(known["place"])
        return "wait", f"only {len(b)} requests of {wanted}", None
    limits = rule["guardrails"]

    def failed(table):
        return (table["status"] // 100 == 5).mean()

    alarms = []
    if failed(b) - failed(a) > limits["errors"]:
        alarms.append(f"errors {failed(b):.3f} against {failed(a):.3f}")
    for channel, mine in b.groupby("channel"):
        other = a[a["channel"] == channel]
        more = failed(mine) - (failed(other) if len(other) else 0)
        if len(mine) >= limits["channel_requests"] and more > limits["errors_in_channel"]:
            alarms.append(f"errors by {channel} {failed(mine):.3f}")
    ratio = b["milliseconds"].quantile(0.95) / a["milliseconds"].quantile(0.95)
    if ratio > limits["latency"]:
        alarms.append(f"latency times {ratio:.2f}")
    if not weight:
        both = a.merge(b, on="request_id").dropna(subset=["decision_x", "decision_y"])
        share = (both["decision_x"] != both["decision_y"]).mean()
        if share > limits["disagreement"]:
            alarms.append(f"decides otherwise: {share:.3f}")
    if alarms:
        return "rollback", "guardrails are broken: " + "; ".join(alarms), 0
    later = [step for step in rule["steps"] if step > weight]
    if later:
        return "advance", f"all guardrails are kept with {len(b)} requests", later[0]
    if not Path(where["labels"]).exists():
        return "wait", "no labels are known yet", None
    labels = pd.read_csv(where["labels"])
    plan, costs = rule["experiment"], []
    for table in (a, b):
        table = table.dropna(subset=["decision"]).merge(labels, on="transaction_id")
        stopped, fraud = table["decision"].eq("block"), table["is_fraud"].eq(1)
        missed = (table["amount"] + plan["missed_fraud"]) * (fraud & ~stopped)
        costs.append(missed + plan["false_alarm"] * (stopped & ~fraud))
    if min(map(len, costs)) < plan["payments"]:
        return "wait", f"only {min(map(len, costs))} labels of {plan['payments']}", None
    from scipy.stats import ttest_ind

    found = ttest_ind(costs[1], costs[0], equal_var=False).confidence_interval(plan["confidence"])
    reason = f"the difference is {found.low:.2f} to {found.high:.2f} euros"
    return ("promote", reason, 100) if found.high < 0 else ("keep", reason, 0)


decision, reason, weight = judge()
if weight is not None:
    old, new = sorted(part)
    if weight == 0 and part[new] == 0:
        infra("rollback", name)
    else:
        infra("route", name, f"{new}={weight}", f"{old}={100 - weight}")
    remember(len(log))
say(decision, reason)
"""

Path("rollout.py").write_text(CODE)
rule()
live()
