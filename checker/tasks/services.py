"""Start a learner's service in a cell, and talk to it from outside of the cell: nothing counts but what it answers.

The service is an ASGI application that uvicorn serves on a Unix socket, with the environment that `infra deploy` gives
it. What is said is handed in as data. How long an answer takes is measured against a bare echo, which is served in the
same way and asked in turn with the service. What a model itself says of some rows is asked in another cell.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import signal
import socket
import stat
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from checker.asking import Answer, Ask, Asker
from checker.tasks.cells import Beside, Cells, Hold, Silent, Work
from checker.tasks.command import LARGEST_PRINTED, PRINTED, keep_printed

LARGEST_TALK = 8 << 20
LARGEST_KEPT = 3 << 20
"""Of all answers of one service together; what comes then is a problem."""
LARGEST_LOG = 1 << 20
LARGEST_ROWS = 1 << 20
LOG = "predictions.jsonl"
MODEL_FOLDER = "the folder of the model"
"""Stands in an environment for the path that only the cell knows."""
MOST_LATE = 2
BACKLOG = 128
TRY_EVERY = 0.2
BASE = "http://service"


def run(request: dict[str, Any], cells: Cells) -> dict[str, Any]:
    """Return {"starts": {name: told}, "scores": {name: [float] or {"problem": words}}}.

    `request`: `app` as `module:name`; `seconds` is what one start and all that is said to it may take, `each` what one
    answer may take; `starts` maps names to {"code", "model", "talk", "environment"}, with two folders of the payload,
    of which the second may be empty, and the name of a file of the payload with what is said (see `Talk`); with
    "packages", MLServer from that folder serves it, else uvicorn the `app`. `scores` maps names to {"model", "rows"}: a
    folder of the payload, and one whose file `rows.json` has a list of rows.
    `told`: {"replies": [...], "loads": [...], "ended": words, "log": text or None, "printed": text}.
    """
    starts = request["starts"]
    with _echo() as echo:
        told = {name: _start(request, start, echo, cells) for name, start in starts.items()}
    scores = {name: _score(each, request["seconds"], cells) for name, each in request["scores"].items()}
    return {"starts": told, "scores": scores}


def _start(request: dict[str, Any], start: dict[str, Any], echo: str, cells: Cells) -> dict[str, Any]:
    talk = Talk(json.loads(cells.read(start["talk"], LARGEST_TALK)), request["each"])
    parts = {"code": start["code"], start["place"]: start["model"] or "nothing"}
    arguments = {"place": start["place"], "environment": start["environment"]}
    if packages := start.get("packages"):
        work = Work("checker.tasks.repository:serve", arguments | {"packages": packages})
    else:
        work = Work("checker.tasks.services:serve", arguments | {"app": request["app"]})
    with _listening() as (path, listener):

        def do(hold: Hold) -> None:
            asyncio.run(talk.have(path, echo, request["seconds"], hold))

        beside = Beside(listener.detach(), do)
        ended, left = cells.host(work, parts, request["seconds"] + request["each"], beside, _left)
    return talk.told() | {"ended": ended} | (left or {"log": None, "printed": ""})


def _left(place: Path) -> dict[str, Any]:
    """Return the log of predictions, and the end of what was printed."""
    log = _read(place / LOG, LARGEST_LOG + 1)
    printed = _read(place.parent / PRINTED, LARGEST_PRINTED, end=True)
    return {
        "log": None if log is None or len(log) > LARGEST_LOG else log.decode("utf-8", "replace"),
        "log_size": -1 if log is None else len(log),
        "printed": (printed or b"").decode("utf-8", "replace"),
    }


def _read(path: Path, largest: int, *, end: bool = False) -> bytes | None:
    """Return the first or the last bytes of a plain file; None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return None
            if end:
                file.seek(max(0, status.st_size - largest))
            return file.read(largest)
    except OSError:
        return None


def _score(wanted: dict[str, Any], seconds: float, cells: Cells) -> Any:
    work = Work("checker.tasks.services:score", {})
    try:
        answer, _ = cells.run(work, {"model": wanted["model"], "rows": wanted["rows"]}, seconds)
    except Silent as silence:
        return {"problem": f"it {silence}"}
    return answer


@contextlib.contextmanager
def _listening() -> Iterator[tuple[str, socket.socket]]:
    """A Unix socket that waits for connections, and its path."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/s"
        listener.bind(path)
        listener.listen(BACKLOG)
        yield path, listener


@contextlib.contextmanager
def _echo() -> Iterator[str]:
    """A server that does nothing but answer what it was sent, as uvicorn serves it; its path."""
    import uvicorn

    with _listening() as (path, listener):
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                uvicorn.Server(uvicorn.Config(echo_app, **settings(listener.detach()))).run()
            os._exit(0)
        listener.close()
        try:
            yield path
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


async def echo_app(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Answer with the body of the request."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def settings(descriptor: int) -> dict[str, Any]:
    """How uvicorn serves on a socket that it was handed."""
    return {"fd": descriptor, "log_level": "warning", "access_log": False, "timeout_graceful_shutdown": 2}


class Talk:
    """One conversation with a service.

    `script`: `health` and `ready` are paths that are asked first, the second until it says 200 (none if it is empty);
    then come `steps`, each with `asks` and `at_once`, some after a `pause` in seconds. An ask has `name`, `method`,
    `path`, `body` (its bytes as Latin-1, or None), `headers` and `chunked`. A step with a `measure` is a load: its asks
    go out `at_once` at a time, in turn with the same to the echo, in at most `rounds` rounds, until the ratio of the
    medians is `enough`, or `hopeless`.
    """

    def __init__(self, script: dict[str, Any], each: float) -> None:
        self._script, self._each = script, each
        self._replies: list[dict[str, Any]] = []
        self._loads: list[dict[str, Any]] = []
        self._kept, self._late = 0, 0
        self._hold: Hold = lambda still: None

    def told(self) -> dict[str, Any]:
        """What came back."""
        return {"replies": self._replies, "loads": self._loads}

    async def have(self, path: str, echo: str, seconds: float, hold: Hold) -> None:
        """Say everything, and keep what is answered; it ends in time whatever the service does.

        It is told to `hold` still where the echo is measured: what works then would make the echo slow as well.
        """
        self._hold = hold
        most = max([1, *(step["at_once"] for step in self._script["steps"])])
        asking = partial(Asker, BASE, connections=most, keep=True)
        try:
            async with asyncio.timeout(seconds), Asker(BASE, path, connections=most) as fresh:
                if await self._is_up(fresh):
                    # Connections that are kept open, for what is measured.
                    async with asking(path) as kept, asking(echo) as other:
                        for step in self._script["steps"]:
                            await self._step(step, fresh, kept, other)
        except TimeoutError:
            self._keep("everything", Answer(problem=f"did not end within {seconds:g} seconds, with all that was asked"))

    async def _is_up(self, fresh: Asker) -> bool:
        answer = await self._ask(fresh, {"name": "health", "method": "GET", "path": self._script["health"]})
        self._keep("health", answer)
        if not self._script["ready"] or answer.problem is not None:
            return answer.problem is None
        ends = time.monotonic() + self._each
        while True:
            answer = await self._ask(fresh, {"name": "ready", "method": "GET", "path": self._script["ready"]})
            if answer.status == 200 or answer.problem is not None or time.monotonic() > ends:
                break
            await asyncio.sleep(TRY_EVERY)
        self._keep("ready", answer)
        return answer.status == 200 and answer.problem is None

    async def _step(self, step: dict[str, Any], fresh: Asker, kept: Asker, other: Asker) -> None:
        if step.get("measure"):
            await self._measure(step, kept, other)
            return
        await asyncio.sleep(step.get("pause", 0))
        for group in _groups(step):
            await self._together(fresh, group)

    async def _together(self, asker: Asker, group: list[dict[str, Any]]) -> None:
        answers = await asyncio.gather(*(self._ask(asker, ask) for ask in group))
        for ask, answer in zip(group, answers, strict=True):
            self._keep(ask["name"], answer)

    async def _measure(self, step: dict[str, Any], kept: Asker, other: Asker) -> None:
        rounds: list[tuple[float, float]] = []
        # The first answers on a connection are about the connection.
        for group in _groups(step)[:1]:
            await self._together(kept, group)
            await asyncio.gather(*(self._ask(other, ask, apart=True) for ask in group))
        for _ in range(step["rounds"]):
            ours, theirs = [], []
            for group in _groups(step):
                began = time.perf_counter()
                await self._together(kept, group)
                ours.append(time.perf_counter() - began)
                with self._service_stopped():
                    began = time.perf_counter()
                    await asyncio.gather(*(self._ask(other, ask, apart=True) for ask in group))
                    theirs.append(time.perf_counter() - began)
            rounds.append((statistics.median(ours), statistics.median(theirs)))
            ratio = rounds[-1][0] / rounds[-1][1]
            if not step["enough"] < ratio < step["hopeless"] or self._late >= MOST_LATE:
                break
        self._loads.append({"name": step["measure"], "at_once": step["at_once"], "rounds": rounds})

    @contextlib.contextmanager
    def _service_stopped(self) -> Iterator[None]:
        self._hold(True)
        try:
            yield
        finally:
            self._hold(False)

    async def _ask(self, asker: Asker, ask: dict[str, Any], *, apart: bool = False) -> Answer:
        if self._late >= MOST_LATE and not apart:
            return Answer(problem=f"was not asked, since {MOST_LATE} answers before did not end in time")
        body = ask.get("body")
        made = Ask(
            ask["method"],
            ask["path"],
            None if body is None else body.encode("latin-1"),
            ask.get("headers") or {},
            bool(ask.get("chunked")),
        )
        answer = await asker.ask(made, self._each)
        self._late += answer.late and not apart
        return answer

    def _keep(self, name: str, answer: Answer) -> None:
        self._kept += len(answer.body)
        too_much = self._kept > LARGEST_KEPT and bool(answer.body)
        self._replies.append(
            {
                "ask": name,
                "status": answer.status,
                "headers": dict(answer.headers),
                "text": "" if too_much else answer.body.decode("utf-8", "replace"),
                "problem": f"answered more than {LARGEST_KEPT} bytes in all" if too_much else answer.problem,
            }
        )


def _groups(step: dict[str, Any]) -> list[list[dict[str, Any]]]:
    asks, size = step["asks"], step["at_once"]
    return [asks[start : start + size] for start in range(0, len(asks), size)]


def serve(app: str, place: str, environment: dict[str, str], lent: int) -> None:
    """In a cell: serve the learner's application on the socket that was lent, until SIGTERM."""
    import uvicorn

    enter(place, environment, "uvicorn", app)
    with contextlib.suppress(SystemExit):
        uvicorn.Server(uvicorn.Config(app, **settings(lent))).run()


def enter(place: str, environment: dict[str, str], *words: str) -> None:
    """Go into the folder with the learner's code, as a program that was started with these words."""
    work = Path.cwd()
    os.environ.update(environment)
    os.environ |= {"MODEL_URI": str(work / place), "PREDICTION_LOG": str(work / LOG)}
    os.environ |= {name: str(work / place) for name, value in environment.items() if value == MODEL_FOLDER}
    (work / place).mkdir(exist_ok=True)
    keep_printed()
    # It may be ended at any time, and the last that it printed says why.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    (work / "code").mkdir(exist_ok=True)
    os.chdir("code")
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = [*words]
    _quieten()
    # uvicorn ends in good order, and then sends the signal to itself once more.
    signal.signal(signal.SIGTERM, lambda *_: None)


def _quieten() -> None:
    """Let MLflow not list every installed package each time that it loads a model: more work than all the rest."""
    if pyfunc := sys.modules.get("mlflow.pyfunc"):
        vars(pyfunc)["warn_dependency_requirement_mismatches"] = lambda *_, **__: None


def score() -> Any:
    """In a cell: what the model in the folder `model` says of the rows in `rows/rows.json`, one number for each."""
    import pandas as pd

    rows = pd.DataFrame(json.loads(Path("rows/rows.json").read_text(encoding="utf-8")))
    folder = str(Path("model").absolute())
    try:
        scores = _probabilities(folder, rows)
        found = [float(each) for each in scores]
    except BaseException as error:
        return {"problem": f"it cannot be asked: {type(error).__name__}: {error}"[:500]}
    return found if len(found) == len(rows) else {"problem": f"it gives {len(found)} scores for {len(rows)} rows"}


def _probabilities(folder: str, rows: Any) -> Any:
    import numpy as np
    from mlflow.models import Model

    flavors = Model.load(folder).flavors
    if "sklearn" in flavors:
        flavor = importlib.import_module("mlflow.sklearn")
        return flavor.load_model(folder).predict_proba(rows)[:, 1]
    pyfunc = importlib.import_module("mlflow.pyfunc")
    _quieten()
    answers = np.asarray(pyfunc.load_model(folder).predict(rows), dtype=float)
    return answers[:, 1] if answers.ndim > 1 and answers.shape[1] > 1 else answers.ravel()
