"""Collect MLflow's model registry: versions and aliases, and the logged models and runs to which they lead."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from checker.collect.mlflow import (
    MOST_COLUMNS,
    MOST_ITEMS,
    MlflowServer,
    pages,
    pairs,
    read_model,
    read_run,
    text_of,
    time_of,
)
from checker.evidence.foreign import ForeignText, mapping, parse_json, sequence
from checker.evidence.mlflow import MOST_VERSIONS, Example, LoggedModel, ModelVersion, RegisteredModel, Run

LARGEST_EXAMPLE = 1 << 18
MOST_FOLLOWED = 20
MOST_COPIES = 5
LOGGED = re.compile(
    r"models:/+(m-[A-Za-z0-9_-]{1,90})|mlflow-artifacts:(?://[^/]*)?/.*/models/(m-[A-Za-z0-9_-]{1,90})/artifacts/?"
)


class Registry:
    """The registry of one server; a model or run to which several versions lead is read once."""

    def __init__(self, server: MlflowServer) -> None:
        self._server = server
        self._models: dict[str, LoggedModel | None] = {}
        self._runs: dict[str, Run | None] = {}

    def read(self, name: str) -> RegisteredModel:
        """Return the registered model `name` with its versions, and what the foremost of them lead to."""
        answer = self._server.call("registered-models/get", name=name)
        data = mapping(mapping(answer).get("registered_model"))
        if not data:
            return RegisteredModel(name=name)
        items = map(mapping, sequence(data.get("aliases"))[:MOST_ITEMS])
        aliases = {text_of(each.get("alias"), 250): text_of(each.get("version"), 20) for each in items}
        search = {"filter": f"name='{name}'"}
        found = pages(self._found, search, "model_versions", MOST_VERSIONS)
        versions = sorted(map(_version, found), key=lambda each: (each.version not in aliases.values(), -_order(each)))
        return RegisteredModel(
            name=name,
            present=True,
            description=text_of(data.get("description"), 5000),
            aliases=aliases,
            versions=tuple(map(self._follow, versions[:MOST_FOLLOWED])) + tuple(versions[MOST_FOLLOWED:]),
        )

    def _found(self, search: dict[str, Any]) -> dict[str, Any] | None:
        return self._server.call("model-versions/search", **search)

    def _follow(self, version: ModelVersion) -> ModelVersion:
        model = self._model(self._model_id(version.source))
        run_id = version.run_id or (model.source_run_id if model else "")
        return version.model_copy(update={"model": model, "run": self._run(run_id)})

    def _model_id(self, source: str) -> str:
        """Return the logged model to which a version's source leads; it may be a copy of another version."""
        for _ in range(MOST_COPIES):
            if found := LOGGED.fullmatch(source):
                return found[1] or found[2]
            copied = re.fullmatch(r"models:/+([^/@]+)/([0-9]{1,18})", source)
            if not copied:
                return ""
            answer = self._server.call("model-versions/get", name=copied[1], version=copied[2])
            source = text_of(mapping(mapping(answer).get("model_version")).get("source"), 2000)
        return ""

    def _model(self, model_id: str) -> LoggedModel | None:
        if model_id and model_id not in self._models:
            answer = self._server.call(f"logged-models/{quote(model_id, safe='')}")
            data = mapping(mapping(answer).get("model"))
            told = mapping(data.get("info")).get("model_id")
            self._models[model_id] = self._registered(data) if told == model_id else None
        return self._models.get(model_id)

    def _registered(self, data: dict[str, Any]) -> LoggedModel:
        model = read_model(self._server, data)
        return model.model_copy(update={"example": _example(self._server, model)})

    def _run(self, run_id: str) -> Run | None:
        if run_id and run_id not in self._runs:
            data = mapping(mapping(self._server.call("runs/get", run_id=run_id)).get("run"))
            run = read_run(data)
            self._runs[run_id] = run if run.run_id == run_id else None
        return self._runs.get(run_id)


def _version(data: dict[str, Any]) -> ModelVersion:
    return ModelVersion(
        version=text_of(data.get("version"), 20),
        status=text_of(data.get("status"), 50),
        created=time_of(data.get("creation_timestamp")),
        description=text_of(data.get("description"), 5000),
        source=text_of(data.get("source"), 2000),
        run_id=text_of(data.get("run_id"), 100),
        tags={key: text_of(value, 5000) for key, value in pairs(data.get("tags"))},
    )


def _order(version: ModelVersion) -> int:
    return int(version.version) if re.fullmatch(r"[0-9]{1,18}", version.version) else -1


def _example(server: MlflowServer, model: LoggedModel) -> Example | None:
    """Return the input example that an MLmodel names, as MLflow writes it."""
    path = model.example_path
    if not path:
        return None
    file = next((each for each in model.files if each.path == path), None)
    if file is None:
        return Example(problem="is named in `MLmodel` and not there")
    if file.size > LARGEST_EXAMPLE:
        return Example(problem=f"has {file.size} bytes, far more than a few rows")
    content = server.file(f"{model.artifact_path}/{path}", LARGEST_EXAMPLE)
    try:
        data = parse_json((content or b"").decode("utf-8"), LARGEST_EXAMPLE)
    except (ForeignText, UnicodeDecodeError):
        return Example(problem="is no JSON text")
    columns, rows = _table(data)
    return Example(columns=tuple(text_of(each, 250) for each in columns[:MOST_COLUMNS]), rows=rows)


def _table(data: Any) -> tuple[list[Any], int]:
    """Return the columns and the number of rows of a frame, of records, or of columns by their names."""
    if isinstance(data, dict) and isinstance(data.get("data"), list):
        return sequence(data.get("columns")), len(data["data"])
    if isinstance(data, list):
        return list(mapping(data[0])) if data else [], len(data)
    values = list(mapping(data).values())
    return list(mapping(data)), len(values[0]) if values and isinstance(values[0], list) else 1
