"""Collect MLflow's state over its REST API, without importing MLflow.

Paths and shapes: MLflow 3.17, https://mlflow.org/docs/latest/rest-api.html, and
https://mlflow.org/docs/latest/ml/model/ for logged models.
"""

from __future__ import annotations

import json
import math
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, get_args
from urllib.parse import quote

import httpx

from checker.declarations import MlflowSource
from checker.errors import Unavailable
from checker.evidence.foreign import ForeignText, mapping, parse_json, parse_yaml, sequence
from checker.evidence.mlflow import (
    MOST_MODELS,
    MOST_RUNS,
    ArtifactFile,
    Dataset,
    Experiment,
    LoggedModel,
    Mlflow,
    Run,
    RunStatus,
)
from checker.text import clean

LARGEST_ANSWER = 32 << 20
LARGEST_MODEL = 256 << 20
LARGEST_MLMODEL = 1 << 20
MOST_COLUMNS = 200
MOST_FILES = 500
MOST_FOLDERS = 100
MOST_ITEMS = 2000
PAGE = 100
SECONDS = 90.0
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
START = "run `infra up`, then check again; `infra status` shows what runs"


class MlflowServer:
    """One tracking server, read for at most `seconds` in all. Answers are bounded; no redirect is followed."""

    def __init__(self, address: str, seconds: float = SECONDS) -> None:
        self.address = clean(address.rstrip("/"), 200)
        self._seconds, self._ends = seconds, time.monotonic() + seconds
        try:
            url = httpx.URL(address.rstrip("/"))
        except (httpx.InvalidURL, ValueError):
            url = httpx.URL("")
        if url.scheme not in ("http", "https") or not url.host:
            raise Unavailable(
                f"MLFLOW_TRACKING_URI is {self.address or 'not set'}",
                expected="the address of a running MLflow server, such as http://127.0.0.1:5000",
                next_step=START,
            )
        self._url = str(url)
        # Without compression, a small answer cannot grow here.
        self._client = httpx.Client(
            timeout=TIMEOUT, follow_redirects=False, trust_env=False, headers={"Accept-Encoding": "identity"}
        )

    def __enter__(self) -> MlflowServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def stream(self, method: str, path: str, *, largest: int, **arguments: Any) -> tuple[int, bytes]:
        """Return status and body of one answer.

        Raises:
            Unavailable: no answer, none in time, a redirect, a server error, or more than `largest` bytes.
        """
        try:
            status, body = self._in_time(lambda: self._read(method, path, largest, arguments))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, RuntimeError) as error:
            raise Unavailable(
                f"MLflow at {self.address} does not answer: {type(error).__name__}",
                expected="a running MLflow server",
                next_step=START,
            ) from error
        if not 200 <= status < 300 and status not in (400, 404):
            raise Unavailable(
                f"MLflow at {self.address} answered with status {status}",
                expected="status 200",
                next_step=START,
            )
        return status, body

    def _in_time(self, read: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes]:
        """Do `read` in a thread, and wait only as long as the server has left: a slow drip never ends by itself."""
        answers: queue.SimpleQueue[tuple[tuple[int, bytes] | None, BaseException | None]] = queue.SimpleQueue()

        def work() -> None:
            try:
                answers.put((read(), None))
            except BaseException as error:
                answers.put((None, error))

        threading.Thread(target=work, daemon=True).start()
        try:
            value, error = answers.get(timeout=max(0.01, self._ends - time.monotonic()))
        except queue.Empty:
            self._client.close()
            raise Unavailable(
                f"MLflow at {self.address} did not tell everything within {self._seconds:g} seconds",
                expected="answers in time",
                next_step="run `infra status`; if MLflow is slow, close other programs, then check again",
            ) from None
        if value is None:
            raise error or RuntimeError("no answer")
        return value

    def _read(self, method: str, path: str, largest: int, arguments: dict[str, Any]) -> tuple[int, bytes]:
        body = bytearray()
        with self._client.stream(method, self._url + path, **arguments) as response:
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > largest:
                    raise Unavailable(
                        f"MLflow at {self.address} sent more than {largest} bytes",
                        expected="a shorter answer",
                        next_step=START,
                    )
                if time.monotonic() > self._ends:
                    raise httpx.ReadTimeout("too slow")
        return response.status_code, bytes(body)

    def call(self, path: str, body: dict[str, Any] | None = None, **query: str | int) -> dict[str, Any] | None:
        """Return the JSON answer of a tracking call, or None where MLflow says that there is no such thing."""
        method = "GET" if body is None else "POST"
        arguments: dict[str, Any] = {"params": query} if body is None else {"json": body}
        status, content = self.stream(method, f"/api/2.0/mlflow/{path}", largest=LARGEST_ANSWER, **arguments)
        try:
            data = json.loads(content)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict) or (status != 200 and not isinstance(data.get("error_code"), str)):
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
    """Read the declared experiments with their runs and logged models, and the declared registered models.

    Raises:
        Unavailable: MLflow is down, slow, or something else answers in its place.
    """
    from checker.collect.registry import Registry

    with MlflowServer(address) as server:
        experiments = tuple(_experiment(server, name) for name in source.experiments)
        registered = tuple(Registry(server).read(name) for name in source.registered)
    return Mlflow(address=server.address, experiments=experiments, registered=registered)


def _experiment(server: MlflowServer, name: str) -> Experiment:
    answer = server.call("experiments/get-by-name", experiment_name=name)
    data = mapping(mapping(answer).get("experiment"))
    if data.get("lifecycle_stage") != "active":
        return Experiment(name=name)
    identity = text_of(data.get("experiment_id"), 100)
    newest = ["attributes.start_time DESC"]
    search: dict[str, Any] = {"experiment_ids": [identity]}
    runs = pages(partial(server.call, "runs/search"), search | {"order_by": newest}, "runs", MOST_RUNS)
    models = pages(partial(server.call, "logged-models/search"), search, "models", MOST_MODELS)
    return Experiment(
        name=name,
        experiment_id=identity,
        present=True,
        created=time_of(data.get("creation_time")),
        runs=tuple(map(read_run, runs)),
        models=tuple(read_model(server, each) for each in models),
    )


def pages(
    ask: Callable[[dict[str, Any]], Any], search: dict[str, Any], name: str, most: int
) -> Iterator[dict[str, Any]]:
    """Yield the first `most` items of a paged answer; `ask` gets `search` and which page is wanted."""
    token, count = "", 0
    while count < most:
        wanted = search | {"max_results": PAGE} | ({"page_token": token} if token else {})
        answer = mapping(ask(wanted))
        items = sequence(answer.get(name))[: most - count]
        yield from map(mapping, items)
        count += len(items)
        token = text_of(answer.get("next_page_token"), 5000)
        if not token or not items:
            return


def read_run(data: dict[str, Any]) -> Run:
    """Return a run as the server tells it."""
    info, content = mapping(data.get("info")), mapping(data.get("data"))
    status: RunStatus = next((each for each in get_args(RunStatus) if each == info.get("status")), "UNKNOWN")
    outputs = sequence(mapping(data.get("outputs")).get("model_outputs"))[:MOST_MODELS]
    inputs = sequence(mapping(data.get("inputs")).get("dataset_inputs"))[:MOST_MODELS]
    return Run(
        run_id=text_of(info.get("run_id"), 100),
        name=text_of(info.get("run_name"), 500),
        status=status,
        started=time_of(info.get("start_time")),
        ended=time_of(info.get("end_time")),
        params={key: text_of(value, 6000) for key, value in pairs(content.get("params"))},
        metrics={key: number for key, value in pairs(content.get("metrics")) if (number := _number(value)) is not None},
        tags={key: text_of(value, 5000) for key, value in pairs(content.get("tags"))},
        datasets=tuple(map(_dataset, map(mapping, inputs))),
        model_ids=tuple(text_of(mapping(each).get("model_id"), 100) for each in outputs),
        deleted=info.get("lifecycle_stage") == "deleted",
    )


def pairs(items: Any) -> Iterator[tuple[str, Any]]:
    """Yield keys and values of a list of params, metrics or tags."""
    for item in map(mapping, sequence(items)[:MOST_ITEMS]):
        if isinstance(item.get("key"), str):
            yield text_of(item["key"], 250), item.get("value")


def text_of(value: Any, longest: int) -> str:
    """Return a text or a whole number as text that can be stored; empty for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return str(value)
    # JSON may hold halves of surrogate pairs, which no file can.
    return value[:longest].encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    """Return a metric as a float; MLflow writes NaN as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value[:50] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None


def time_of(value: Any) -> datetime | None:
    """Return a time that MLflow gives in milliseconds; None where it is none."""
    number = _number(value)
    if number is None or not math.isfinite(number) or not 0 < number < 1e14:
        return None
    return datetime.fromtimestamp(number / 1000, UTC)


def _dataset(data: dict[str, Any]) -> Dataset:
    dataset = mapping(data.get("dataset"))
    tags = dict(pairs(data.get("tags")))
    return Dataset(
        name=text_of(dataset.get("name"), 500),
        digest=text_of(dataset.get("digest"), 100),
        source_type=text_of(dataset.get("source_type"), 100),
        source=text_of(dataset.get("source"), 5000),
        profile=text_of(dataset.get("profile"), 5000),
        context=text_of(tags.get("mlflow.data.context"), 100),
    )


def read_model(server: MlflowServer, data: dict[str, Any]) -> LoggedModel:
    """Return a logged model as the server tells it, with what its files and its MLmodel say."""
    info = mapping(data.get("info"))
    stored = re.fullmatch(r"mlflow-artifacts:(?://[^/]*)?/+(.+)", text_of(info.get("artifact_uri"), 2000), re.DOTALL)
    path = stored[1].rstrip("/") if stored and ".." not in stored[1].split("/") else ""
    model = LoggedModel(
        model_id=text_of(info.get("model_id"), 100),
        name=text_of(info.get("name"), 500),
        status=text_of(info.get("status"), 50),
        source_run_id=text_of(info.get("source_run_id"), 100),
        artifact_path=path,
        created=time_of(info.get("creation_timestamp_ms")),
    )
    if model.status != "LOGGED_MODEL_READY" or not model.model_id:
        return model
    if not path:
        return model.model_copy(update={"problem": "its files are not in this server's store"})
    files = tuple(_listing(server, model.model_id))
    content = server.file(f"{path}/MLmodel", LARGEST_MLMODEL) if files else None
    if content is None:
        return model.model_copy(update={"files": files, "problem": "it has no file `MLmodel`"})
    try:
        described = mapping(parse_yaml(content.decode("utf-8")))
    except (ForeignText, UnicodeDecodeError) as error:
        return model.model_copy(update={"files": files, "problem": f"its `MLmodel` is {clean(error, 100)}"})
    signature = mapping(described.get("signature"))
    return model.model_copy(
        update={
            "files": files,
            "flavors": tuple(sorted(text_of(each, 100) for each in mapping(described.get("flavors"))))[:50],
            "has_signature": bool(text_of(signature.get("inputs"), 1)),
            "inputs": _named_columns(signature.get("inputs")),
            "has_outputs": bool(text_of(signature.get("outputs"), 1)),
            "example_path": text_of(mapping(described.get("saved_input_example_info")).get("artifact_path"), 200),
        }
    )


def _named_columns(inputs: Any) -> tuple[str, ...]:
    """Return the names in a signature's inputs, a JSON text; empty where it is about arrays, or is none."""
    try:
        columns = sequence(parse_json(inputs, LARGEST_MLMODEL) if isinstance(inputs, str) else None)
    except ForeignText:
        return ()
    return tuple(name for each in columns[:MOST_COLUMNS] if (name := text_of(mapping(each).get("name"), 250)))


def _listing(server: MlflowServer, model_id: str) -> Iterator[ArtifactFile]:
    """Yield the files of a logged model, folder by folder, bounded in number."""
    folders, looked, count = [""], {""}, 0
    while folders:
        folder = folders.pop()
        query: dict[str, Any] = {"artifact_directory_path": folder} if folder else {}
        answer = server.call(f"logged-models/{quote(model_id, safe='')}/artifacts/directories", **query)
        for item in map(mapping, sequence(mapping(answer).get("files"))):
            path, size = text_of(item.get("path"), 1000), _number(item.get("file_size"))
            if item.get("is_dir"):
                if path not in looked and len(looked) < MOST_FOLDERS:
                    looked.add(path)
                    folders.append(path)
            elif path and count < MOST_FILES:
                count += 1
                yield ArtifactFile(path=path, size=int(size) if size and 0 < size < 1e15 else 0)


def fetch_model(server: MlflowServer, model: LoggedModel, folder: Path) -> None:
    """Copy the files of a logged model into `folder`.

    Raises:
        ValueError: a path that leaves the folder, or more than 256 MiB; the message is for the learner.
        Unavailable: MLflow stopped answering.
    """
    total = 0
    for file in model.files:
        path = PurePosixPath(file.path)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in file.path:
            raise ValueError("one of its files has a path outside the model")
        if total + file.size > LARGEST_MODEL:
            raise ValueError(f"it has more than {LARGEST_MODEL >> 20} MiB")
        content = server.file(f"{model.artifact_path}/{file.path}", LARGEST_MODEL - total)
        if content is None:
            raise ValueError(f"its file `{clean(file.path, 80)}` is gone from the store")
        total += len(content)
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise ValueError(f"its file `{clean(file.path, 80)}` cannot be stored: {error.strerror}") from error
