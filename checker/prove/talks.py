"""What is said to a service that scores payments: conversations made of hidden rows and of requests that are none.

The contract of such a service is that of day 17. A talk is data: it is had by `checker.tasks.services`, and what each
request was about stays with the grader.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from checker.evidence.services import Kind
from checker.world.requests import LIKELY, Row

MOST_ROWS = 100
LARGEST_BODY = 64 << 10
TIMES_THE_ECHO = 40.0
"""So many times as long as a bare echo an answer may take; with several requests at a time as well."""
ROUNDS = 3
HOPELESS = 2.0
"""So many times what is allowed is no bad luck: it is not measured again."""
SETTLING = 0.2
"""Seconds before a page of metrics is asked for: what a service counts after its answer shall be counted, too."""
AT_ONCE = 8
JSON = {"Content-Type": "application/json"}
VERSION = "VERSION-OF-THE-MODEL"
"""Stands in a path for what is only known when a service is started."""
EDGES: tuple[Mapping[str, float | int], ...] = (
    {"amount": 0.01, "amount_to_usual": 0, "hour": 0, "weekday": 0, "category_code": 0, "transactions_24h": 0},
    {"amount": 1_000_000, "amount_to_usual": 1_000_000, "hour": 23, "weekday": 6, "transactions_24h": 1000},
    {"amount": 40, "amount_to_usual": 2, "is_foreign": 1, "card_present": 0, "category_code": 7},
)
"""What is on the bounds of the contract, with whole numbers where the others have fractions."""


@dataclass(frozen=True)
class Said:
    """One request: of what kind, in words what it is about, and the numbers of the rows that it asks for.

    `identity` is what the answer is to be told by, where the request has something of the kind.
    """

    name: str
    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False
    kind: Kind = "other"
    about: str = ""
    rows: tuple[int, ...] = ()
    identity: str = ""

    def told(self) -> dict[str, Any]:
        """Return what the task is told of it: nothing that says what is expected."""
        return {
            "name": self.name,
            "method": self.method,
            "path": self.path,
            "body": None if self.body is None else self.body.decode("latin-1"),
            "headers": dict(self.headers),
            "chunked": self.chunked,
        }


@dataclass(frozen=True)
class Step:
    """Requests that follow each other, `at_once` at a time; with a name to `measure`, how long they take counts."""

    said: tuple[Said, ...]
    at_once: int = 1
    pause: float = 0
    measure: str = ""

    def told(self) -> dict[str, Any]:
        """Return what the task is told."""
        return {
            "asks": [each.told() for each in self.said],
            "at_once": self.at_once,
            "pause": self.pause,
            "measure": self.measure,
            "rounds": ROUNDS,
            # Well below what is demanded: no more rounds than it takes to be sure.
            "enough": TIMES_THE_ECHO * 0.7,
            "hopeless": TIMES_THE_ECHO * HOPELESS,
        }


@dataclass(frozen=True)
class Script:
    """A whole conversation. It begins when the path `ready` says 200; at once where that is empty."""

    steps: tuple[Step, ...]
    health: str = "/health"
    ready: str = "/ready"

    def told(self) -> dict[str, Any]:
        """Return what the task is told."""
        return {"health": self.health, "ready": self.ready, "steps": [each.told() for each in self.steps]}

    def about(self, version: str) -> Script:
        """Name the version of the model where a path has VERSION in its place."""
        steps = (
            replace(step, said=tuple(replace(each, path=each.path.replace(VERSION, version)) for each in step.said))
            for step in self.steps
        )
        return replace(self, steps=tuple(steps))

    def said(self) -> dict[str, Said]:
        """All that is said, by its name."""
        return {each.name: each for step in self.steps for each in step.said}


class Talker:
    """Makes requests about rows. What is drawn for them comes from `draw`."""

    def __init__(self, rows: Sequence[Row], draw: random.Random) -> None:
        self.rows, self.draw = rows, draw

    def predict(self, name: str, rows: Iterable[int], about: str = "", **changes: Any) -> Said:
        """Ask for the scores of some rows; the fields of each stand in an order of its own."""
        chosen = tuple(rows)
        body = json.dumps({"rows": [self._mixed(self.rows[each]) for each in chosen]}).encode()
        about = about or ("one payment" if len(chosen) == 1 else f"a batch of {len(chosen)} payments")
        made: dict[str, Any] = {"body": body, "headers": JSON, "kind": "predict", "about": about} | changes
        return Said(name, "POST", "/predict", rows=chosen, **made)

    def _mixed(self, row: Row) -> Row:
        names = list(row)
        self.draw.shuffle(names)
        return {name: row[name] for name in names}


def get(name: str, path: str, kind: Kind) -> Said:
    """Ask for a page."""
    return Said(name, "GET", path, kind=kind, about=f"`GET {path}`")


def whole(rows: Sequence[Row], draw: random.Random) -> Script:
    """All that a service must stand: single rows, batches, requests that are none, much at once, the same again."""
    talk = Talker(rows, draw)
    known = range(len(rows) - len(EDGES))
    mixed = draw.sample(known, min(60, len(known)))
    third = len(mixed) // 3
    header = f"check-{draw.randrange(1 << 48):x}"
    quoting = JSON | {"X-Request-ID": '\\"quoted", =1+1 ' + "x" * 150}
    answered = [
        *(talk.predict(f"single-{each}", [each]) for each in known[:5]),
        talk.predict("with-id", [known[5]], headers=JSON | {"X-Request-ID": header}),
        talk.predict(
            "with-odd-id", [known[6]], "one payment, with a header X-Request-ID that is no id", headers=quoting
        ),
        talk.predict("batch", mixed),
        talk.predict("shuffled", draw.sample(mixed, len(mixed)), "the same payments in another order"),
        *(
            talk.predict(f"piece-{number}", mixed[start : start + third], "a part of the same payments")
            for number, start in enumerate(range(0, len(mixed), third))
        ),
        talk.predict("largest", [known[each % len(known)] for each in range(MOST_ROWS)]),
        talk.predict("edges", range(len(known), len(rows)), "payments whose values lie on the bounds"),
    ]
    refused: list[Said] = []
    for number, each in enumerate(no_requests()):
        refused += [
            each,
            replace(get(f"health-{number}", "/health", "health"), about=f"`GET /health` after {each.about}"),
        ]
        if number % 4 == 3:
            refused.append(talk.predict(f"then-{number}", [known[number]], f"one payment after {each.about}"))
    for number, each in enumerate(too_large(talk)):
        refused += [each, talk.predict(f"after-large-{number}", [known[7]], f"one payment after {each.about}")]
    one_by_one = [talk.predict(f"load-{each}", [each]) for each in draw.sample(known, min(16, len(known)))]
    at_once = [talk.predict(f"many-{number}", [draw.choice(known)]) for number in range(3 * AT_ONCE)]
    again = [
        *(talk.predict(f"again-{each}", [each], "a payment that was asked before") for each in known[:2]),
        talk.predict("batch-again", mixed, "payments that were asked before"),
        get("health-again", "/health", "health"),
        get("ready-again", "/ready", "ready"),
    ]
    pages = (Step((get(f"metrics-{number}", "/metrics", "metrics"),), pause=SETTLING) for number in range(4))
    return Script(
        (
            next(pages),
            Step(tuple(answered)),
            next(pages),
            Step(tuple(refused)),
            next(pages),
            Step(tuple(one_by_one), measure="one after another"),
            Step(tuple(at_once), AT_ONCE, measure=f"{AT_ONCE} at a time"),
            next(pages),
            Step(tuple(again)),
        )
    )


def short(rows: Sequence[Row], draw: random.Random) -> Script:
    """What shows which model answers."""
    talk = Talker(rows, draw)
    chosen = draw.sample(range(len(rows)), min(40, len(rows)))
    return Script(
        (Step((*(talk.predict(f"single-{each}", [each]) for each in chosen[:2]), talk.predict("batch", chosen))),)
    )


def unready(rows: Sequence[Row], draw: random.Random) -> Script:
    """What is asked of a service that has no model."""
    talk = Talker(rows, draw)
    asked = (get("ready-0", "/ready", "ready"), talk.predict("single-0", [0]), get("ready-1", "/ready", "ready"))
    return Script((Step(asked[:2]), Step(asked[2:], pause=1)), ready="")


TALKS: dict[str, Callable[[Sequence[Row], random.Random], Script]] = {
    "whole": whole,
    "short": short,
    "unready": unready,
}


def no_requests() -> Iterator[Said]:
    """Yield what a service must refuse."""
    for name, about, changes in (
        ("word", 'a text where a number belongs (`"amount": "a lot"`)', {"amount": "a lot"}),
        ("null", "a null where a number belongs", {"hour": None}),
        ("list", "a list where a number belongs", {"amount_to_usual": [1.5]}),
        ("fraction", 'a fraction where a whole number belongs (`"hour": 13.5`)', {"hour": 13.5}),
        ("negative", "a negative amount", {"amount": -12.5}),
        ("too-much", "an amount above the bound", {"amount": 1_000_001}),
        ("hour", "the hour 24", {"hour": 24}),
        ("weekday", "the weekday -1", {"weekday": -1}),
        ("flag", "`is_foreign` as 2", {"is_foreign": 2}),
        ("category", "the category 8", {"category_code": 8}),
        ("nan", "NaN as the amount (Python's `json` reads it)", {"amount": float("nan")}),
        ("infinite", "Infinity where a number belongs", {"amount_to_usual": float("inf")}),
        ("half-a-pair", 'a text that is no Unicode (`"transaction_id": "\\ud800"`)', {"transaction_id": "\ud800"}),
        ("empty-id", "an empty `transaction_id`", {"transaction_id": ""}),
        ("long-id", "a `transaction_id` of 65 characters", {"transaction_id": "T" * 65}),
        ("unknown", "a field that the contract does not have (`customer_id`)", {"customer_id": "C-1"}),
    ):
        yield _refused(name, about, json.dumps({"rows": [LIKELY | changes]}).encode())
    for missing in ("amount", "transaction_id"):
        row = {key: value for key, value in LIKELY.items() if key != missing}
        yield _refused(f"without-{missing}", f"a row without `{missing}`", json.dumps({"rows": [row]}).encode())
    one_bad = [LIKELY, LIKELY | {"hour": 99}, LIKELY]
    yield _refused("one-of-three", "three rows of which one is not valid", json.dumps({"rows": one_bad}).encode())
    yield _refused("no-rows", "an empty list of rows", b'{"rows": []}')
    many = [LIKELY | {"transaction_id": f"T-{number}"} for number in range(MOST_ROWS + 1)]
    yield _refused("too-many", f"{MOST_ROWS + 1} rows", json.dumps({"rows": many}).encode())
    yield _refused("object", "an object where the list of rows belongs", json.dumps({"rows": LIKELY}).encode())
    yield _refused("bare-row", "a row without the list around it", json.dumps(LIKELY).encode())
    yield _refused("nothing", "an empty body", b"")
    yield _refused("null-body", "the body `null`", b"null")
    yield _refused("no-json", "a body that is no JSON", b"amount=25.5&hour=13")
    yield _refused("cut-off", "a JSON that breaks off", json.dumps({"rows": [LIKELY]}).encode()[:-9])
    yield _refused("deep", "a JSON that is nested 20000 times", b'{"rows": ' + b"[" * 20_000)
    yield _refused("no-utf8", "bytes that are no UTF-8", b'{"rows": [{"transaction_id": "\xff\xfe"}]}')
    digits = json.dumps({"rows": [LIKELY]}).replace("25.5", "9" * 5000)
    yield _refused("digits", "a number of 5000 digits", digits.encode())


def _refused(name: str, about: str, body: bytes) -> Said:
    return Said(f"no-{name}", "POST", "/predict", body, JSON, kind="refuse", about=about)


def too_large(talk: Talker) -> Iterator[Said]:
    """Yield valid requests that are too large, with and without saying so beforehand: nothing else is wrong."""
    rows = json.dumps({"rows": [LIKELY]}).encode()
    body = rows[:-1] + b" " * (3 * LARGEST_BODY) + rows[-1:]
    for name, chunked, how in (
        ("large", False, "whose Content-Length says so"),
        ("large-in-chunks", True, "sent in chunks, without a Content-Length"),
    ):
        about = f"a valid request of {len(body) >> 10} KiB, {how}"
        yield Said(name, "POST", "/predict", body, JSON, chunked, kind="too-large", about=about)
