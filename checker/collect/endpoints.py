"""Collect what is deployed, and what its address answers. Only the platform's own router is asked, on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checker import platform
from checker.asking import Answer, Ask, Asker
from checker.collect.addresses import START, on_this_machine
from checker.collect.reading import Unreadable, open_file
from checker.errors import Unavailable
from checker.evidence.foreign import ForeignText, mapping, parse_json, sequence
from checker.evidence.services import (
    LARGEST_TEXT,
    LONGEST,
    MOST_CHANGES,
    MOST_RELEASES,
    AnsweredText,
    Change,
    Deployment,
    Endpoint,
    Endpoints,
    Release,
)
from checker.world.requests import live_rows

LARGEST_RECORD = 1 << 20
LARGEST_LINE = 16 << 10
EACH, ALL = 15.0, 90.0
"""Seconds for one answer, and for all of one endpoint."""
LOADING, TRY_EVERY = 30.0, 0.5
"""Seconds in which what was just deployed may get ready."""
MOST_WEIGHT = 100
UNAVAILABLE = 503
LARGEST_NUMBER = 1 << 31
REQUEST_ID = "checker-live"


def collect_endpoints(
    address: str, names: tuple[str, ...], seed: int, rows: list[dict[str, Any]] | None = None
) -> Endpoints:
    """Read what was deployed under these names, and ask what is there; `address` is that of the platform's router.

    It is asked about `rows`, or about what is always asked in the world of this seed.

    Raises:
        Unavailable: something is deployed, and the router is not there.
    """
    asked = [*live_rows(seed)] if rows is None else rows
    return Endpoints(endpoints=tuple(_endpoint(address, name, asked) for name in names))


def _endpoint(address: str, name: str, rows: list[dict[str, Any]]) -> Endpoint:
    folder = platform.home() / "serving" / name
    deployment, journal = read_deployment(folder / "deployment.json"), read_journal(folder / "journal.jsonl")
    if not deployment.present or not deployment.serving:
        return Endpoint(name=name, deployment=deployment, journal=journal)
    answers = asyncio.run(_ask(router(address), name, rows))
    if all(answer.problem == "cannot be reached" for _, answer, _ in answers):
        raise Unavailable("the platform's router does not answer", expected="a running platform", next_step=START)
    replies = tuple(_reply(ask, answer, rows) for ask, answer, rows in answers)
    return Endpoint(name=name, deployment=deployment, journal=journal, replies=replies)


def router(address: str) -> str:
    """Return the address with a number in place of a name; no other machine is ever asked.

    Raises:
        Unavailable: it is not set, or leads somewhere else.
    """
    return on_this_machine(address, "the platform's router")


async def _ask(base: str, name: str, rows: list[dict[str, Any]]) -> list[tuple[str, Answer, tuple[int, ...]]]:
    headers = {"Content-Type": "application/json", "X-Request-ID": REQUEST_ID}

    def predict(chosen: list[dict[str, Any]]) -> Ask:
        return Ask("POST", f"/{name}/predict", json.dumps({"rows": chosen}).encode(), headers)

    asked = [
        ("health", Ask("GET", f"/{name}/health"), ()),
        ("ready", Ask("GET", f"/{name}/ready"), ()),
        ("batch", predict(rows), tuple(range(len(rows)))),
        ("single", predict(rows[:1]), (0,)),
    ]
    answers: list[tuple[str, Answer, tuple[int, ...]]] = []
    try:
        async with asyncio.timeout(ALL), Asker(base) as asker:
            for ask, request, about in asked:
                answer = await asker.ask(request, EACH, LARGEST_TEXT)
                ends = time.monotonic() + LOADING
                while ask == "ready" and answer.status == UNAVAILABLE and time.monotonic() < ends:
                    await asyncio.sleep(TRY_EVERY)
                    answer = await asker.ask(request, EACH, LARGEST_TEXT)
                answers.append((ask, answer, about))
                if answer.late:
                    break
    except TimeoutError:
        answers.append(("all", Answer(problem=f"did not end within {ALL:g} seconds"), ()))
    return answers


def _reply(ask: str, answer: Answer, rows: tuple[int, ...]) -> AnsweredText:
    kind: Any = ask if ask in ("health", "ready") else "predict"
    return AnsweredText(
        ask=ask,
        kind=kind,
        about=f"`GET /{ask}`" if not rows else f"`POST /predict` with {len(rows)} rows",
        rows=rows,
        status=answer.status,
        headers=dict(answer.headers),
        text=answer.body.decode("utf-8", "replace")[:LARGEST_TEXT],
        problem=answer.problem,
    )


def read_deployment(path: Path) -> Deployment:
    """Return what the platform wrote down of a deployment; that file may say anything, too."""
    try:
        with open_file(path) as file:
            content = file.read(LARGEST_RECORD + 1)
        said = parse_json(content.decode("utf-8"), LARGEST_RECORD)
    except (FileNotFoundError, NotADirectoryError):
        return Deployment()
    except (Unreadable, OSError, UnicodeDecodeError, ForeignText, ValueError):
        return Deployment(present=True, problem="its record cannot be read")
    data = mapping(said)
    return Deployment(
        present=True,
        releases=tuple(map(_release, map(mapping, sequence(data.get("releases"))[-MOST_RELEASES:]))),
        weights=dict(_weights(data.get("weights"))),
        shadow=_number(data.get("shadow")),
    )


def read_journal(path: Path) -> tuple[Change, ...]:
    """Return the newest changes that the platform wrote down, oldest first; what cannot be read is an empty change."""
    try:
        with open_file(path) as file:
            file.seek(0, os.SEEK_END)
            whole = file.tell() <= LARGEST_RECORD
            file.seek(0 if whole else -LARGEST_RECORD, os.SEEK_SET if whole else os.SEEK_END)
            lines = file.read(LARGEST_RECORD).splitlines()
    except (OSError, Unreadable):
        return ()
    return tuple(map(_change, (lines if whole else lines[1:])[-MOST_CHANGES:]))


def _change(line: bytes) -> Change:
    try:
        data = mapping(parse_json(line.decode("utf-8"), LARGEST_LINE))
    except (ForeignText, UnicodeDecodeError):
        data = {}
    return Change(
        at=_moment(data.get("at")),
        event=_short(data.get("event")),
        release=_number(data.get("release")),
        weights=dict(_weights(data.get("weights"))),
        before=dict(_weights(mapping(data.get("before")).get("weights"))),
    )


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_short(value))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _release(data: dict[str, Any]) -> Release:
    model = mapping(data.get("model"))
    return Release(
        release=_number(data.get("release")) or 0,
        app=_short(data.get("app")),
        model=_short(model.get("name")),
        version=_short(model.get("version")),
        code=_short(data.get("code")),
        created=_short(data.get("created")),
    )


def _weights(data: Any) -> Iterator[tuple[str, int]]:
    for name, value in list(mapping(data).items())[:MOST_RELEASES]:
        number = _number(value)
        if number is not None and 0 <= number <= MOST_WEIGHT:
            yield _short(name), number


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < LARGEST_NUMBER else None


def _short(value: Any) -> str:
    if type(value) is int and 0 <= value < LARGEST_NUMBER:
        return str(value)
    return value[:LONGEST].encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""
