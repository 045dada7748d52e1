"""Day 20: two releases of a service are deployed, and the second one, which has all of the traffic, is bad."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checker import platform
from checker.collect.endpoints import read_deployment, router
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
from checker.prepare.servers import Preparing, Version

EXPERIMENT = "day20-training"
ALIAS = "champion"
PREPARING = Preparing(20, "on which the incident can happen")
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
    PREPARING.begin_anew(DEPLOYMENT)
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


def _release(folder: Path, files: Mapping[str, bytes], version: str, payments: tuple[Payment, ...]) -> int:
    """Deploy a release, ask it about some payments, and keep its code in the workspace; return its number."""
    PREPARING.point(NAME, ALIAS, version)
    with tempfile.TemporaryDirectory(prefix="checker-release-") as scratch:
        _write(Path(scratch), files)
        PREPARING.infra(
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
    told = {GOOD: "Weights from January to March.", BAD: "January to May, balanced classes."}
    approved = {"approved_by": "head of fraud operations"}
    versions = [
        Version(known.cards[version], words, {"status": "live" if version == BAD else "retired"} | approved)
        for version, words in told.items()
    ]
    PREPARING.register(NAME, EXPERIMENT, versions)
