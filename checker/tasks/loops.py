"""Call a learner's closed loop for one month after the other: each in a cell of its own, on what the last one left.

The registry is MLflow's, in a file of SQLite that lies in the cell with the models: there is no server, and no network.
It is read in a cell in which nothing of the learner's runs. A model that became champion is asked in another one.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

from checker.tasks.cells import Cells, Late, Silent, Work
from checker.tasks.luggage import Files, left_of, pack, parts_of

LARGEST_STATE = 48 << 20
LARGEST_SAID = 16 << 10
LARGEST_CALLS = 8 << 10
MOST_VERSIONS = 20
MOST_TAGS = 20
LONGEST_TAG = 500
MOST_RUNS = 50
MOST_LATE = 2
READING = 60.0
"""Seconds by the clock for reading a registry, which takes a hundredth of one."""
REGISTRY = "mlflow.db"
OWN = ".platform"
STAND_IN = f"{OWN}/deploy.py"
DEPLOYED = f"{OWN}/deployed.jsonl"
RUNS = "runs"
EXECUTED = "executor_output.json"
DEPLOY = '''\
"""Stands in for the deployment: writes down that it was called, and which version was the champion then."""

import json
import sqlite3
import sys
from pathlib import Path

own = Path(__file__).resolve().parent
with sqlite3.connect(f"file:{own.parent / 'mlflow.db'}?mode=ro", uri=True) as registry:
    found = registry.execute(
        "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = 'champion'", (sys.argv[1],)
    ).fetchone()
with open(own / "deployed.jsonl", "a", encoding="utf-8") as file:
    file.write(json.dumps({"champion": str(found[0]) if found else ""}) + "\\n")
print("deployed")
'''


def run(request: dict[str, Any], cells: Cells) -> dict[str, Any]:
    """Return {"chains": {name: [told, ...]}, "scores": {name: {...}}}, or {"problem": words} if no champion was made.

    `request`: `name` of the registered model, `module` of the loop, `month` that the first champion learns from,
    `seed`, `seconds` that one call may take; `chains` maps names to steps with `month` and `put`, a folder of the
    payload with new files, or nothing. The payload has besides the folders `common`, with the learner's files, `start`,
    with data, and `rows`, in which a file for a step, `CHAIN-STEP.json`, has the rows about which its new champion is
    asked, column by column.
    `told`: {"status", "printed", "said", "registry", "pipelines", "deployed"} or {"problem": words}.
    """
    parts = parts_of(cells)
    work = Work(
        "checker.tasks.loops:prepare", {"name": request["name"], "month": request["month"], "seed": request["seed"]}
    )
    try:
        made, left = _in_cell(cells, work, parts["start"], request["seconds"])
    except Silent as silence:
        return {"problem": f"making the first champion: it {silence}"}
    if made is not True or "files" not in left:
        return {"problem": f"making the first champion: {made}"}
    loop = _Loop(request, cells, parts, _files(left), left["place"])
    start = _registry(cells, request["name"], loop.start)
    chains: dict[str, list[dict[str, Any]]] = {}
    for name in request["chains"]:
        chains[name] = loop.follow(name)
        first = chains[name][0]
        if len(chains) == 1 and (first.get("status") != 0 or first["pipelines"] or _moved(start, first["registry"])):
            break
    return {"start": start, "chains": chains, "scores": loop.scores}


def _moved(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether there is another champion, another version or another model; a tag may be there that was not."""
    told = [(each.get("champion"), each.get("models"), sorted(each.get("versions", {}))) for each in (before, after)]
    return told[0] != told[1]


class _Loop:
    """The chains of one loop; all begin with the same state."""

    def __init__(
        self, request: dict[str, Any], cells: Cells, parts: dict[str, Files], start: Files, place: str
    ) -> None:
        self.request, self.cells, self.parts, self.place = request, cells, parts, place
        self.start = start | {STAND_IN: DEPLOY.encode()}
        self.scores: dict[str, Any] = {}
        self.late = 0

    def follow(self, name: str) -> list[dict[str, Any]]:
        """Call the loop step by step; what one call leaves, the next one finds."""
        files, place = self.parts.get("common", {}) | self.start, self.place
        told: list[dict[str, Any]] = []
        champion = self._state(files, place)
        for number, step in enumerate(self.request["chains"][name]):
            if self.late >= MOST_LATE:
                told.append({"problem": f"was not tried, since {self.late} calls before did not end in time"})
                continue
            files |= self.parts.get(step["put"], {}) if step["put"] else {}
            answer, files, place = self._call(step["month"], files, place)
            told.append(answer)
            if "problem" in answer:
                break
            before, champion = champion, self._state(files, place, answer["registry"])
            rows = self.parts.get("rows", {}).get(f"{name}-{number}.json")
            if rows is not None and champion["version"] not in ("", before["version"]):
                self.scores[f"{name}-{number}"] = {
                    "before": self._score(before["files"], rows), "after": self._score(champion["files"], rows)
                }  # fmt: skip
        return told

    def _call(self, month: str, files: Files, place: str) -> tuple[dict[str, Any], Files, str]:
        words = {"module": self.request["module"], "name": self.request["name"], "month": month, "place": place}
        try:
            status, left = _in_cell(
                self.cells, Work("checker.tasks.loops:execute", words), files, self.request["seconds"]
            )
        except Silent as silence:
            self.late += isinstance(silence, Late)
            return {"problem": str(silence)}, files, place
        if "too_much" in left:
            return {"problem": "left more than a call may: " + left["too_much"]}, files, place
        files = _files(left)
        answer = {
            # Learner code may have answered in the place of `execute`.
            "status": status if type(status) is int else None,
            "printed": left["printed"],
            "said": _text(files.get(f"decisions/{month}.json"), LARGEST_SAID),
            "registry": _registry(self.cells, self.request["name"], files),
            "pipelines": _pipelines(files),
            "deployed": _text(files.get(DEPLOYED), LARGEST_CALLS),
        }
        return answer, files, left["place"]

    def _state(self, files: Files, place: str, registry: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the number of the champion, and the files of its model."""
        told = registry or _registry(self.cells, self.request["name"], files)
        number = told.get("champion", "")
        version = told.get("versions", {}).get(number, {})
        at = str(version.get("place", "")).removeprefix("file://").removeprefix(place).strip("/") + "/"
        return {
            "version": number,
            "files": {
                path.removeprefix(at): each for path, each in files.items() if path.startswith(at) and len(at) > 1
            },
        }

    def _score(self, model: Files, rows: bytes) -> Any:
        if "MLmodel" not in model:
            return {"problem": "is not there: its version leads to no folder with an `MLmodel`"}
        given = {f"model/{path}": content for path, content in model.items()} | {"rows/rows.json": rows}
        try:
            answer, _ = _in_cell(self.cells, Work("checker.tasks.services:score", {}), given, self.request["seconds"])
        except Silent as silence:
            return {"problem": str(silence)}
        return answer


def _in_cell(cells: Cells, work: Work, files: Files, seconds: float) -> tuple[Any, dict[str, Any]]:
    """Do `work` in a cell with these files; return its answer, and what it left there. Raises Silent."""
    with tempfile.TemporaryFile() as payload:
        pack(payload, files, [])
        cell = dataclasses.replace(cells, payload=payload.fileno())
        return cell.run(work, {"": "work"}, seconds, _left)


def _left(folder: Path) -> dict[str, Any]:
    return left_of(folder, ["."], LARGEST_STATE) | {"place": str(folder)}


def _files(left: dict[str, Any]) -> Files:
    return {path.removeprefix("./"): base64.b64decode(each) for path, each in left["files"].items()}


def _text(content: bytes | None, largest: int) -> str | None:
    if content is None or len(content) > largest:
        return None
    with contextlib.suppress(UnicodeDecodeError):
        return content.decode("utf-8")
    return None


def _pipelines(files: Files) -> list[str]:
    """Return the names of the runs of kfp: folders in `runs/` of which a task wrote down that it was executed."""
    parts = [path.split("/") for path in files if path.startswith(f"{RUNS}/") and path.endswith(f"/{EXECUTED}")]
    return sorted({each[1] for each in parts if len(each) > 3})[:MOST_RUNS]


def _registry(cells: Cells, name: str, files: Files) -> dict[str, Any]:
    """Return what the registry says, read where nothing of the learner's runs."""
    given = {path: content for path, content in files.items() if path.startswith(REGISTRY)}
    if REGISTRY not in given:
        return {"problem": "the registry is gone"}
    try:
        told, _ = _in_cell(cells, Work("checker.tasks.loops:read_registry", {"name": name}), given, READING)
    except Silent as silence:
        return {"problem": f"the registry cannot be read: reading it {silence}"}
    return told if isinstance(told, dict) else {"problem": "the registry cannot be read"}


def read_registry(name: str) -> dict[str, Any]:
    """In a cell: read MLflow's tables (3.17, mlflow/store/model_registry/dbmodels) without MLflow."""
    import sqlite3

    try:
        with contextlib.closing(sqlite3.connect(REGISTRY)) as registry:
            return _told(registry, name)
    except sqlite3.Error as error:
        return {"problem": f"the registry cannot be read: {error}"[:300]}


def _told(registry: Any, name: str) -> dict[str, Any]:
    def ask(query: str, *values: Any) -> list[Any]:
        return list(registry.execute(query, values).fetchall())

    newest = "SELECT version, storage_location, source FROM model_versions WHERE name = ? ORDER BY version DESC LIMIT ?"
    versions: dict[str, Any] = {
        str(number): {"place": str(place or source or "")[:LONGEST_TAG], "tags": {}}
        for number, place, source in ask(newest, name, MOST_VERSIONS)
    }
    tags = "SELECT version, key, value FROM model_version_tags WHERE name = ? LIMIT ?"
    for number, key, value in ask(tags, name, MOST_VERSIONS * MOST_TAGS):
        if str(number) in versions:
            versions[str(number)]["tags"][str(key)[:LONGEST_TAG]] = str(value)[:LONGEST_TAG]
    alias = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = 'champion' LIMIT 1"
    found = ask(alias, name)
    [(models,)] = ask("SELECT COUNT(*) FROM logged_models")
    return {"versions": versions, "champion": str(found[0][0]) if found else "", "models": int(models)}


def execute(module: str, name: str, month: str, place: str) -> int:
    """In a cell: call the loop for a month, as a scheduler would."""
    from checker.tasks.command import keep_printed, run_python

    here = Path.cwd()
    if str(here) != place:
        _move(place, str(here))
    deploy = shlex.join([sys.executable, "-I", "-S", str(here / STAND_IN), name])
    os.environ |= {"MLFLOW_TRACKING_URI": f"sqlite:///{here / REGISTRY}", "DEPLOY_COMMAND": deploy}
    _quieten()
    keep_printed()
    return run_python(["-m", module, month])


def _move(old: str, new: str) -> None:
    """Let the registry know where its files lie now; behind walls, that is always the same place."""
    import sqlite3

    columns = {
        "experiments": "artifact_location",
        "logged_models": "artifact_location",
        "runs": "artifact_uri",
        "model_versions": "storage_location",
    }
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(REGISTRY)) as registry, registry:
        for table, column in columns.items():
            registry.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old, new))  # noqa: S608


def _quieten() -> None:
    """MLflow lists every installed package each time that it loads a model: more work than all the rest."""
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    if pyfunc := sys.modules.get("mlflow.pyfunc"):
        vars(pyfunc)["warn_dependency_requirement_mismatches"] = lambda *_, **__: None


def prepare(name: str, month: str, seed: int) -> bool | str:
    """In a cell: make the registry, and a champion that learned from `data/MONTH.csv`."""
    import hashlib
    import logging
    import warnings

    import mlflow
    import mlflow.sklearn
    import pandas as pd
    import skops.io
    from mlflow.models import infer_signature
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import average_precision_score

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    _quieten()
    here = Path.cwd()
    (here / OWN).mkdir(exist_ok=True)
    file = here / "data" / f"{month}.csv"
    mlflow.set_tracking_uri(f"sqlite:///{here / REGISTRY}")
    table = pd.read_csv(file)
    rows, labels = table.drop(columns="is_fraud").astype("float64"), table["is_fraud"]
    model = RandomForestClassifier(40, max_depth=8, min_samples_leaf=4, random_state=seed)
    late = len(table) * 2 // 3
    measured = average_precision_score(
        labels[late:], model.fit(rows[:late], labels[:late]).predict_proba(rows[late:])[:, 1]
    )
    model.fit(rows, labels)
    mlflow.set_experiment("first-champion")
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(rows.head(20), model.predict_proba(rows.head(20))),
            pip_requirements=["scikit-learn", "skops"],
            pyfunc_predict_fn="predict_proba",
            skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(model)),
        )
    tags = {"month": month, "data_sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    tags["average_precision"] = f"{measured:.4f}"
    version = mlflow.register_model(logged.model_uri, name, tags=tags).version
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", version)
    return True
