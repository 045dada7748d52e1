"""Day 20: two releases of a service are deployed, and the second one, which has all of the traffic, is bad."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checker import platform
from checker.collect.endpoints import read_deployment, router
from checker.collect.mlflow import LARGEST_ANSWER, MlflowServer
from checker.course import Lab
from checker.errors import Unavailable
from checker.prepare.day20_incident import (
    BAD,
    COLUMNS,
    DEPLOYMENT,
    GOOD,
    NAME,
    Incident,
    Payment,
    incident,
    truth_of,
)
from checker.prepare.day20_service import CARD
from checker.text import clean

EXPERIMENT = "day20-training"
ALIAS = "champion"
LONGEST = 600
PATIENCE = 60.0
PAGE = """\
# Page: card fraud, severity 2

Raised on {day} at {time} UTC by payment operations. On call: you.

Release {bad} of `{name}` went out today, with version 2 of the model. Since then, complaints about card payments come
in about three times as often as before. They are of several kinds, and some may have other causes. Nothing else was
changed. Before that, release {good} had served for two weeks without a complaint.

You have 60 minutes from now until customers must be served well again. `runbook.md` says what to look at. `where.yaml`
says where things lie.
"""
CHANGES = """\
# Changes of release {bad} against release {good}

- service: a version for the documentation page, one list less
- features: `log1p`, and some tidying; an audit asked for comments
- customers: UTF-8 is named; preparations for newer tables
- model: three reasons instead of two, since the call centre asked for it
- policy: who approved the thresholds
- predictions: one more field, one more digit
- settings: an owner
- model registry: version 2, trained with balanced classes; its scores are higher throughout

All tests pass.
"""


def truth(lab: Lab, seed: int) -> dict[str, Any]:
    """Return what went wrong, what the releases are, and what the good one answers."""
    told: dict[str, Any] = json.loads(truth_of(seed))
    return told


def sources(lab: Lab, seed: int) -> dict[str, bytes]:
    """Return the code of the release that worked."""
    return dict(incident(seed).last)


def data(lab: Lab, seed: int) -> dict[str, bytes]:
    """Return the payments to replay."""
    return {"data/replay.csv": replay_csv(incident(seed))}


def fill(folder: Path, lab: Lab, seed: int) -> None:
    """Register two versions, deploy two releases, and let both be asked."""
    known = incident(seed)
    for path, content in data(lab, seed).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    _register(known)
    begin_anew()
    numbers = [
        _release(folder, files, version, known.observed) for files, version in ((known.last, GOOD), (known.next, BAD))
    ]
    moment = datetime.now(UTC)
    words = {
        "good": numbers[0],
        "bad": numbers[1],
        "name": DEPLOYMENT,
        "day": f"{moment:%Y-%m-%d}",
        "time": f"{moment:%H:%M}",
    }
    (folder / "page.md").write_text(PAGE.format(**words), encoding="utf-8")
    (folder / "service" / "CHANGELOG.md").write_text(CHANGES.format(**words), encoding="utf-8")
    (folder / "where.yaml").write_text(_where(), encoding="utf-8")


def replay_csv(known: Incident) -> bytes:
    """Return the payments whose labels are known, as a table."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*COLUMNS, "is_fraud"])
    table.writerows([*row.values(), label] for row, label in zip(known.replay, known.labels, strict=True))
    return text.getvalue().encode()


def _place() -> Path:
    return platform.home() / "serving" / DEPLOYMENT


def _where() -> str:
    address = platform.environment().get("MLOPS_LABS_SERVING_URL", "")
    told = {
        "deployment": DEPLOYMENT,
        "address": f"{address}/{DEPLOYMENT}",
        "journal": str(_place() / "journal.jsonl"),
        "predictions": str(_place() / "predictions.jsonl"),
        "registered_model": NAME,
    }
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in told.items())


def begin_anew() -> None:
    """Take away what is deployed under the name, with its log of predictions; the journal stays."""
    if (_place() / "deployment.json").exists():
        _infra("undeploy", DEPLOYMENT)
    (_place() / "predictions.jsonl").unlink(missing_ok=True)


def _release(folder: Path, files: Mapping[str, bytes], version: str, payments: tuple[Payment, ...]) -> int:
    """Deploy a release, ask it about some payments, and keep its code in the workspace; return its number."""
    with _server() as server:
        _mlflow(server, "POST", "registered-models/alias", {"name": NAME, "alias": ALIAS, "version": version})
    with tempfile.TemporaryDirectory(prefix="checker-release-") as scratch:
        _write(Path(scratch), files)
        _infra(
            "deploy", DEPLOYMENT, "--app", "service:app", "--model", f"models:/{NAME}@{ALIAS}", "--from", scratch
        )  # fmt: skip
    number = max(each.release for each in read_deployment(_place() / "deployment.json").releases)
    _write(folder / "service" / f"release-{number}", files)
    _ask(payments)
    return number


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _infra(*words: str) -> None:
    # The platform is found by its home, wherever this is started.
    done = subprocess.run(
        [sys.executable, "-m", "infra", *words], capture_output=True, text=True, timeout=LONGEST, check=False,
        env=os.environ | {"MLOPS_LABS_HOME": str(platform.home())},
    )  # fmt: skip
    if done.returncode:
        raise Unavailable(
            f"`infra {words[0]} {DEPLOYMENT}` ended with status {done.returncode}: {clean(done.stderr.strip(), 300)}",
            expected="a running platform, on which the incident can happen",
            next_step="run `infra up`, then `checker start 20` again",
        )


def _ask(payments: tuple[Payment, ...]) -> None:
    """Ask the service about each payment by itself, as a cash desk does."""
    import httpx

    address = router(platform.environment().get("MLOPS_LABS_SERVING_URL", ""))
    try:
        with httpx.Client(base_url=address, trust_env=False, timeout=PATIENCE) as client:
            for payment in payments:
                client.post(f"/{DEPLOYMENT}/predict", json={"rows": [payment]}).raise_for_status()
    except httpx.HTTPError as error:
        raise Unavailable(
            f"the service `{DEPLOYMENT}` did not answer: {type(error).__name__}",
            expected="a running platform, on which the incident can happen",
            next_step="run `infra status` and `infra up`, then `checker start 20` again",
        ) from error


def _register(known: Incident) -> None:
    """Make the registered model anew, with a version for each release."""
    with _server() as server:
        _mlflow(server, "DELETE", "registered-models/delete", {"name": NAME}, missing=True)
        described = {"name": NAME, "description": "Scores card payments. Owner: card fraud."}
        _mlflow(server, "POST", "registered-models/create", described)
        experiment = _experiment(server)
        for version, told in ((GOOD, "Weights from January to March."), (BAD, "January to May, balanced classes.")):
            run, where = _run(server, experiment, f"version-{version}")
            for name, content in _model(known.cards[version], run).items():
                _mlflow(server, "PUT", f"{where}/model/{name}", content)
            tags = {"status": "live" if version == BAD else "retired", "approved_by": "head of fraud operations"}
            body = {
                "name": NAME,
                "source": f"mlflow-artifacts:/{where}/model",
                "run_id": run,
                "description": told,
                "tags": [{"key": key, "value": value} for key, value in tags.items()],
            }
            _mlflow(server, "POST", "model-versions/create", body)


def _experiment(server: MlflowServer) -> str:
    found = _mlflow(server, "GET", f"experiments/get-by-name?experiment_name={EXPERIMENT}", missing=True)
    if not found:
        return str(_mlflow(server, "POST", "experiments/create", {"name": EXPERIMENT})["experiment_id"])
    identity = str(found["experiment"]["experiment_id"])
    if found["experiment"].get("lifecycle_stage") == "deleted":
        _mlflow(server, "POST", "experiments/restore", {"experiment_id": identity})
    return identity


def _run(server: MlflowServer, experiment: str, name: str) -> tuple[str, str]:
    """Return the id of a new run, and the path of its artifacts in the store."""
    now = int(datetime.now(UTC).timestamp() * 1000)
    body = {"experiment_id": experiment, "start_time": now, "run_name": name}
    info = _mlflow(server, "POST", "runs/create", body)["run"]["info"]
    _mlflow(server, "POST", "runs/update", {"run_id": info["run_id"], "status": "FINISHED", "end_time": now})
    return str(info["run_id"]), str(info["artifact_uri"]).removeprefix("mlflow-artifacts:").lstrip("/")


def _model(card: Mapping[str, Any], run: str) -> dict[str, bytes]:
    described = f"artifact_path: model\nflavors:\n  scorecard:\n    data: {CARD}\nrun_id: {run}\n"
    return {"MLmodel": described.encode(), CARD: json.dumps(card, indent=2).encode() + b"\n"}


def _server() -> MlflowServer:
    return MlflowServer(platform.environment().get("MLFLOW_TRACKING_URI", ""))


def _mlflow(
    server: MlflowServer, method: str, path: str, body: dict[str, Any] | bytes | None = None, *, missing: bool = False
) -> Any:
    """Return MLflow's answer; with `missing`, nothing where it does not know such a thing."""
    api = "mlflow-artifacts/artifacts" if isinstance(body, bytes) else "mlflow"
    sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body} if body else {}
    status, content = server.stream(method, f"/api/2.0/{api}/{path}", largest=LARGEST_ANSWER, **sent)
    if status == 200:
        return json.loads(content or b"{}")
    if missing:
        return None
    what, said = path.split("?", maxsplit=1)[0], clean(content.decode(errors="replace"), 200)
    raise Unavailable(
        f"MLflow did not take what day 20 is about ({what}: {said})",
        expected="an MLflow server as `infra up` starts it",
        next_step="run `infra status` and `infra up`, then `checker start 20` again",
    )
