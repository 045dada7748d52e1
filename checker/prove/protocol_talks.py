"""What is said to a server of the Open Inference Protocol, version 2: the contract is that of day 18.

Requests are made of hidden rows: a tensor for each feature. Others are no valid requests, each in one way.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from checker.prove.talks import EDGES, JSON, VERSION, Said, Script, Step
from checker.world.requests import LIKELY, Row, tensors

MODEL = "card-fraud"
"""The model's name in the protocol."""
HERE = f"/v2/models/{MODEL}"
AT_ONCE = 8
UNFIT, MALFORMED = "unfit-", "malformed-"
"""What the names of requests that are refused begin with: those that do not fit the model, and those that are none."""
Tensors = list[dict[str, Any]]


class Client:
    """Makes requests about rows. What is drawn for them comes from `draw`."""

    def __init__(self, rows: Sequence[Row], draw: random.Random) -> None:
        self.rows, self.draw = rows, draw

    def infer(self, name: str, rows: Iterable[int], about: str = "", **changes: Any) -> Said:
        """Ask about some rows; `changed` takes the inputs and returns others, `more` stands beside them."""
        chosen = tuple(rows)
        changed: Callable[[Tensors], Tensors] = changes.pop("changed", list)
        more = changes.pop("more", {"id": f"{name}-{self.draw.randrange(1 << 32):x}"})
        body = {**more, "inputs": changed(tensors([self.rows[each] for each in chosen]))}
        about = about or ("one payment" if len(chosen) == 1 else f"a batch of {len(chosen)} payments")
        made = {"path": f"{HERE}/infer", "body": json.dumps(body).encode(), "headers": JSON, "kind": "predict"}
        return Said(name, "POST", rows=chosen, about=about, identity=body.get("id", ""), **(made | changes))

    def mixed(self, inputs: Tensors) -> Tensors:
        """The same tensors in another order."""
        return self.draw.sample(inputs, len(inputs))


def columns(inputs: Tensors) -> Tensors:
    """Each tensor as a column: shape [n, 1], and data as lists of one, as the shape says."""
    return [each | {"shape": [*each["shape"], 1], "data": [[value] for value in each["data"]]} for each in inputs]


def as_mlserver_sends(inputs: Tensors) -> Tensors:
    """As MLServer's own client encodes a table: columns with flat data, and a content type for each."""
    return [each | {"shape": [*each["shape"], 1], "parameters": {"content_type": "np"}} for each in inputs]


def page(name: str, path: str, about: str = "") -> Said:
    """Ask for something that is no inference."""
    return Said(name, "GET", path, kind="other", about=about or f"`GET {path.replace(VERSION, 'VERSION')}`")


def whole(rows: Sequence[Row], draw: random.Random) -> Script:
    """All that a server must stand."""
    talk = Client(rows, draw)
    known = range(len(rows) - len(EDGES))
    some = draw.sample(known, min(40, len(known)))
    half = len(some) // 2
    pages = (
        page("server", "/v2"),
        page("model", HERE),
        page("model-ready", f"{HERE}/ready"),
        page("version", f"{HERE}/versions/{VERSION}"),
        page("version-ready", f"{HERE}/versions/{VERSION}/ready"),
    )
    answered = (
        *(talk.infer(f"single-{each}", [each]) for each in known[:4]),
        talk.infer("batch", some),
        talk.infer("batch-of-version", some[:5], path=f"{HERE}/versions/{VERSION}/infer"),
        talk.infer("parts-0", some[:half], "a part of the same payments"),
        talk.infer("parts-1", some[half:][::-1], "the rest of the same payments, in another order"),
    )
    client = {"id": "from-a-client", "parameters": {"content_type": "pd"}, "outputs": [{"name": "score"}]}
    varied = (
        talk.infer("varied-order", some[:9], "tensors in another order", changed=talk.mixed),
        talk.infer("varied-columns", some[:7], "tensors of the shape [7, 1] with nested data", changed=columns),
        talk.infer("varied-one-column", some[:1], "one payment, with tensors of the shape [1, 1]", changed=columns),
        talk.infer(
            "varied-client",
            some[:6],
            "a request as MLServer's client encodes a table (shape [6, 1], flat data, `parameters`, `outputs`)",
            changed=as_mlserver_sends,
            more=client,
        ),
        talk.infer("varied-without-id", some[:2], "a request without an `id`", more={}),
        talk.infer("varied-edges", range(len(known), len(rows)), "payments with whole numbers in FP64 tensors"),
    )
    refused: list[Said] = []
    for number, each in enumerate((*unfit(), *strangers(), *malformed())):
        refused.append(each)
        if number % 4 == 3:
            refused.append(replace(page(f"live-{number}", "/v2/health/live"), about=f"the health after {each.about}"))
            refused.append(talk.infer(f"then-{number}", [known[number % 5]], f"one payment after {each.about}"))
    at_once = tuple(talk.infer(f"many-{number}", [draw.choice(known)]) for number in range(2 * AT_ONCE))
    again = (talk.infer("again", some, "payments that were asked before"), page("ready-again", f"{HERE}/ready"))
    steps = (Step(pages), Step(answered), Step(varied), Step(tuple(refused)), Step(at_once, AT_ONCE), Step(again))
    return Script(steps, health="/v2/health/live", ready="/v2/health/ready")


def short(rows: Sequence[Row], draw: random.Random) -> Script:
    """What shows which model answers."""
    talk = Client(rows, draw)
    some = draw.sample(range(len(rows)), min(40, len(rows)))
    steps = (talk.infer(f"single-{some[0]}", some[:1]), talk.infer("batch", some))
    return Script((Step(steps),), health="/v2/health/live", ready="/v2/health/ready")


def unready(rows: Sequence[Row], draw: random.Random) -> Script:
    """What is asked of a server that has no model."""
    talk = Client(rows, draw)
    first = (page("ready-0", "/v2/health/ready"), page("model-ready-0", f"{HERE}/ready"), talk.infer("single-0", [0]))
    again = (page("ready-1", "/v2/health/ready"), page("model-ready-1", f"{HERE}/ready"))
    return Script((Step(first), Step(again, pause=1)), health="/v2/health/live", ready="")


TALKS: dict[str, Callable[[Sequence[Row], random.Random], Script]] = {
    "protocol": whole,
    "protocol-short": short,
    "protocol-unready": unready,
}


def _request(inputs: Any, **more: Any) -> bytes:
    return json.dumps({"id": "no", "inputs": inputs, **more}).encode()


def _refused(name: str, about: str, body: bytes, path: str = f"{HERE}/infer") -> Said:
    return Said(name, "POST", path, body, JSON, kind="refuse", about=about)


def _with(which: str, **changes: Any) -> bytes:
    """A request of which one tensor is otherwise."""
    inputs = tensors([LIKELY, LIKELY])
    return _request([each | changes if each["name"] == which else each for each in inputs])


def unfit() -> Iterator[Said]:
    """Yield requests that are some, and do not fit this model."""
    inputs = tensors([LIKELY, LIKELY])
    less = [each for each in inputs if each["name"] != "hour"]
    customer = {"name": "customer_id", "shape": [2], "datatype": "INT64", "data": [1, 2]}
    lone = [each | {"shape": [1], "data": each["data"][:1]} if each["name"] == "weekday" else each for each in inputs]
    nothing = [each | {"shape": [0], "data": []} for each in inputs]
    for name, about, body in (
        ("missing", "a request without the input `hour`", _request(less)),
        ("unknown", "an input that the model does not have (`customer_id`)", _request([*inputs, customer])),
        ("twice", "the input `amount` twice", _request([*inputs, inputs[0]])),
        ("renamed", "`Hour` in place of `hour`", _with("hour", name="Hour")),
        ("no-inputs", "an empty list of inputs", _request([])),
        ("bytes", "`amount` as texts (datatype BYTES)", _with("amount", datatype="BYTES", data=["25.5", "25.5"])),
        ("floats", "`hour` with the datatype FP64", _with("hour", datatype="FP64", data=[13.5, 13.5])),
        ("bool", "`is_foreign` with the datatype BOOL", _with("is_foreign", datatype="BOOL", data=[False, True])),
        ("word", 'a text in a FP64 tensor (`"a lot"`)', _with("amount", data=["a lot", 25.5])),
        ("digits-in-text", 'numbers as texts in a FP64 tensor (`"25.5"`)', _with("amount", data=["25.5", "1.0"])),
        ("null", "a null in a FP64 tensor", _with("amount_to_usual", data=[1.5, None])),
        ("fraction", "13.5 in an INT64 tensor", _with("hour", data=[13.5, 2])),
        ("huge", "2 to the power of 70 in an INT64 tensor", _with("transactions_24h", data=[1 << 70, 2])),
        ("object", "an object in place of the data", _with("amount", data={"0": 25.5, "1": 1.5})),
        ("shape", "the shape [3] with two numbers", _with("amount", shape=[3])),
        ("negative", "the shape [-1]", _with("amount", shape=[-1])),
        ("row", "the shape [1, 2] for two rows", _with("amount", shape=[1, 2])),
        ("ragged", "nested data with more numbers than the shape says", _with("amount", data=[[25.5, 1.5], [3.0]])),
        ("lengths", "tensors of different lengths", _request(lone)),
        ("no-rows", "tensors of the shape [0]", _request(nothing)),
    ):
        yield _refused(UNFIT + name, about, body)


def strangers() -> Iterator[Said]:
    """Yield questions about a model or a version that there is not."""
    body, other = _request(tensors([LIKELY])), "/v2/models/nobody"
    yield _refused(f"{UNFIT}model", "the model `nobody`", body, f"{other}/infer")
    yield _refused(f"{UNFIT}version", "the version `no-such` of the model", body, f"{HERE}/versions/no-such/infer")
    for name, path in (("metadata", other), ("ready", f"{other}/ready"), ("old", f"{HERE}/versions/no-such")):
        yield replace(page(f"{UNFIT}{name}", path), kind="refuse")


def malformed() -> Iterator[Said]:
    """Yield bodies that are no requests."""
    good = _request(tensors([LIKELY]))
    text = good.decode()
    assert "25.5" in text
    for name, about, body in (
        ("nothing", "an empty body", b""),
        ("text", "a body that is no JSON", b"amount=25.5&hour=13"),
        ("cut-off", "a JSON that breaks off", good[:-9]),
        ("list", "a list in place of the object", b"[1, 2]"),
        ("no-key", "a body without `inputs`", b'{"id": "no", "instances": [[1, 2]]}'),
        ("inputs", "an object in place of the list `inputs`", _request({"amount": [25.5]})),
        ("datatype", "a datatype that there is not (`FLOAT`)", _with("amount", datatype="FLOAT")),
        ("shape-word", 'a text as shape (`"2"`)', _with("amount", shape="2")),
        ("no-data", "a tensor without `data`", _request([{"name": "amount", "shape": [1], "datatype": "FP64"}])),
        ("nan", "NaN as a number (Python's `json` reads it)", text.replace("25.5", "NaN").encode()),
        ("infinite", "1e999 as a number (it is infinite in FP64)", text.replace("25.5", "1e999").encode()),
        ("no-utf8", "bytes that are no UTF-8", text.encode().replace(b'"no"', b'"\xff\xfe"')),
        ("deep", "a JSON that is nested 20000 times", b'{"inputs": ' + b"[" * 20_000),
    ):
        yield _refused(MALFORMED + name, about, body)
