"""Collect MLflow's state over its REST API, without importing MLflow.

Paths and shapes: MLflow 3.17, https://mlflow.org/docs/latest/rest-api.html, and
https://mlflow.org/docs/latest/ml/model/ for logged models.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from checker.course import MlflowSource
from checker.errors import Unavailable
from checker.evidence.foreign import ForeignText, mapping, parse_yaml, sequence
from checker.evidence.mlflow import ArtifactFile, Dataset, Experiment, LoggedModel, Mlflow, Run
from checker.text import clean

LARGEST_ANSWER = 32 << 20
LARGEST_MODEL = 256 << 20
MOST_RUNS = 500
MOST_MODELS = 200
MOST_FILES = 500
MOST_FOLDERS = 100
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
START = "run `infra up`, then check again; `infra status` shows what runs"


class MlflowServer:
    """One tracking server. Every answer is bounded in size and time; a redirect is not followed."""

    def __init__(self, address: str) -> None:
        if not address.startswith(("http://", "https://")):
            raise Unavailable(
                f"MLFLOW_TRACKING_URI is {clean(address) or 'not set'}",
                expected="the address of a running MLflow server, such as http://127.0.0.1:5000",
                next_step=START,
            )
        self.address = address.rstrip("/")
        self._client = httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False)

    def __enter__(self) -> MlflowServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def stream(self, method: str, path: str, *, largest: int, **arguments: Any) -> tuple[int, bytes]:
        """Return status and body of one answer.

        Raises:
            Unavailable: no answer, a redirect, a server error, or more than `largest` bytes.
        """
        url = self.address + path
        body = bytearray()
        try:
            with self._client.stream(method, url, **arguments) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > largest:
                        raise Unavailable(
                            f"MLflow at {self.address} sent more than {largest} bytes",
                            expected="a shorter answer",
                            next_step=START,
                        )
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(
                f"MLflow at {self.address} does not answer: {type(error).__name__}",
                expected="a running MLflow server",
                next_step=START,
            ) from error
        if 300 <= status < 400 or status >= 500 or status in (401, 403, 429):
            raise Unavailable(
                f"MLflow at {self.address} answered with status {status}",
                expected="status 200",
                next_step=START,
            )
        return status, bytes(body)

    def call(self, path: str, body: dict[str, Any] | None = None, **query: str | int) -> dict[str, Any] | None:
        """Return the JSON answer of a tracking call, or None where MLflow says that there is no such thing."""
        method = "GET" if body is None else "POST"
        arguments: dict[str, Any] = {"params": query} if body is None else {"json": body}
        status, content = self.stream(method, f"/api/2.0/mlflow/{path}", largest=LARGEST_ANSWER, **arguments)
        try:
            data = json.loads(content)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict) or (status != 200 and "error_code" not in data):
            raise Unavailable(
                f"what answers at {self.address} is no MLflow server (status {status}, no JSON)",
                expected="an MLflow server",
                next_step="run `infra status` and see which program has that port",
            )
        return data if status == 200 else None

    def file(self, path: str, largest: int) -> bytes | None:
        """Return one artifact by its path in the store, or None where there is none."""
        status, content = self.stream("GET", f"/api/2.0/mlflow-artifacts/artifacts/{quote(path)}", largest=largest)
        return content if status == 200 else None


def collect_mlflow(address: str, source: MlflowSource) -> Mlflow:
    """Read the declared experiments with their runs and logged models.

    Raises:
        Unavailable: MLflow is down, slow, or something else answers in its place.
    """
    with MlflowServer(address) as server:
        experiments = tuple(_experiment(server, name) for name in source.experiments)
    return Mlflow(address=server.address, experiments=experiments)


def _experiment(server: MlflowServer, name: str) -> Experiment:
    answer = server.call("experiments/get-by-name", experiment_name=name)
    data = mapping(mapping(answer).get("experiment"))
    if data.get("lifecycle_stage") != "active":
        return Experiment(name=name)
    identity = str(data.get("experiment_id"))
    search = {
        "experiment_ids": [identity],
        "max_results": MOST_RUNS,
        "order_by": ["attributes.start_time DESC"],
    }
    runs = mapping(server.call("runs/search", search)).get("runs")
    models = mapping(server.call("logged-models/search", {"experiment_ids": [identity], "max_results": 50})).get(
        "models"
    )
    return Experiment(
        name=name,
        experiment_id=identity,
        present=True,
        created=_time(data.get("creation_time")),
        runs=tuple(_run(mapping(each)) for each in sequence(runs)),
        models=tuple(_model(server, mapping(each)) for each in sequence(models)[:MOST_MODELS]),
    )


def _run(data: dict[str, Any]) -> Run:
    info, content = mapping(data.get("info")), mapping(data.get("data"))
    status = info.get("status")
    known = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
    outputs = sequence(mapping(data.get("outputs")).get("model_outputs"))
    inputs = sequence(mapping(data.get("inputs")).get("dataset_inputs"))
    return Run(
        run_id=str(info.get("run_id", "")),
        name=str(info.get("run_name", ""))[:500],
        status=status if status in known else "UNKNOWN",
        started=_time(info.get("start_time")),
        ended=_time(info.get("end_time")),
        params={key: str(value)[:6000] for key, value in _pairs(content.get("params"))},
        metrics={
            key: number for key, value in _pairs(content.get("metrics")) if (number := _number(value)) is not None
        },
        tags={key: str(value)[:5000] for key, value in _pairs(content.get("tags"))},
        datasets=tuple(map(_dataset, map(mapping, inputs))),
        model_ids=tuple(str(mapping(each).get("model_id", "")) for each in outputs),
    )


def _pairs(items: Any) -> Iterator[tuple[str, Any]]:
    for item in map(mapping, sequence(items)):
        if isinstance(item.get("key"), str):
            yield item["key"], item.get("value")


def _number(value: Any) -> float | None:
    """Return a metric as a float; MLflow writes NaN and infinities as text."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _time(value: Any) -> datetime | None:
    """Return a time that MLflow gives in milliseconds; None where it is none."""
    number = _number(value)
    if number is None or not math.isfinite(number) or not 0 < number < 1e14:
        return None
    return datetime.fromtimestamp(number / 1000, UTC)


def _dataset(data: dict[str, Any]) -> Dataset:
    dataset = mapping(data.get("dataset"))
    tags = dict(_pairs(data.get("tags")))
    return Dataset(
        name=str(dataset.get("name", ""))[:500],
        digest=str(dataset.get("digest", ""))[:100],
        source_type=str(dataset.get("source_type", ""))[:100],
        source=str(dataset.get("source", ""))[:5000],
        profile=str(dataset.get("profile", ""))[:5000],
        context=str(tags.get("mlflow.data.context", ""))[:100],
    )


def _model(server: MlflowServer, data: dict[str, Any]) -> LoggedModel:
    info = mapping(data.get("info"))
    uri = str(info.get("artifact_uri", ""))
    path = uri.removeprefix("mlflow-artifacts:/").lstrip("/") if uri.startswith("mlflow-artifacts:/") else ""
    status = info.get("status")
    names = {1: "LOGGED_MODEL_PENDING", 2: "LOGGED_MODEL_READY", 3: "LOGGED_MODEL_UPLOAD_FAILED"}
    model = LoggedModel(
        model_id=str(info.get("model_id", "")),
        name=str(info.get("name", ""))[:500],
        status=names.get(status, "UNKNOWN") if isinstance(status, int) else str(status),
        source_run_id=str(info.get("source_run_id", "")),
        artifact_path=path,
        created=_time(info.get("creation_timestamp_ms")),
    )
    if not path:
        return model.model_copy(update={"problem": "its files are not in this server's store"})
    files = tuple(_listing(server, model.model_id))
    content = server.file(f"{path}/MLmodel", LARGEST_ANSWER) if files else None
    if content is None:
        return model.model_copy(update={"files": files, "problem": "it has no file `MLmodel`"})
    try:
        described = mapping(parse_yaml(content.decode("utf-8")))
    except (ForeignText, UnicodeDecodeError) as error:
        return model.model_copy(update={"files": files, "problem": f"its `MLmodel` is {clean(error, 100)}"})
    return model.model_copy(
        update={
            "files": files,
            "flavors": tuple(sorted(mapping(described.get("flavors")))),
            "has_signature": bool(mapping(described.get("signature"))),
        }
    )


def _listing(server: MlflowServer, model_id: str) -> Iterator[ArtifactFile]:
    """Yield the files of a logged model, folder by folder, bounded in number."""
    folders, seen, count = [""], 0, 0
    while folders and seen < MOST_FOLDERS:
        folder = folders.pop()
        seen += 1
        query: dict[str, Any] = {"artifact_directory_path": folder} if folder else {}
        answer = server.call(f"logged-models/{quote(model_id)}/artifacts/directories", **query)
        for item in map(mapping, sequence(mapping(answer).get("files"))):
            path, size = str(item.get("path", "")), _number(item.get("file_size")) or 0
            if item.get("is_dir"):
                folders.append(path)
            elif count < MOST_FILES:
                count += 1
                yield ArtifactFile(path=path, size=int(size))


def fetch_model(server: MlflowServer, model: LoggedModel, folder: Path) -> None:
    """Copy the files of a logged model into `folder`.

    Raises:
        ValueError: a path that leaves the folder, or more than 256 MiB; the message is for the learner.
        Unavailable: MLflow stopped answering.
    """
    total = 0
    for file in model.files:
        path = PurePosixPath(file.path)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError("one of its files has a path outside the model")
        content = server.file(f"{model.artifact_path}/{file.path}", LARGEST_MODEL - total)
        if content is None:
            raise ValueError(f"its file `{clean(file.path, 80)}` is gone from the store")
        total += len(content)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
