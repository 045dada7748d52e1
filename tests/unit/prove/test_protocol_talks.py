"""What is said to a server of the protocol: right questions are right in every form, wrong ones wrong in one way."""

import asyncio
import dataclasses
import json
import random
import sys
import types

import pytest

from checker import environments
from checker.checks import open_inference
from checker.errors import Unavailable
from checker.prove import protocol_talks, services
from checker.prove.protocol_talks import MALFORMED, TALKS, UNFIT
from checker.prove.talks import EDGES, VERSION
from checker.tasks.repository import Door, lie_over
from checker.world.requests import DATATYPES, LIKELY, named

DRAW = random.Random(3)
ROWS = [named(DRAW, {**LIKELY, "amount": 1.5 + number, "hour": number % 24}) for number in range(40)]
ROWS += [named(DRAW, {**LIKELY, **edge}) for edge in EDGES]
KINDS = {"FP64": (int, float), "INT64": (int,)}


def said(talk, version="7"):
    return TALKS[talk](ROWS, random.Random(5)).about(version).said().values()


def flat(data):
    return [value for each in data for value in (flat(each) if isinstance(each, list) else [each])]


def read(body):
    """Read a request as the contract demands it; raises ValueError for what is none, LookupError for what is unfit."""

    def refuse(name):
        raise ValueError(name)

    try:
        asked = json.loads(body, parse_constant=refuse)
        keys = ("name", "datatype", "shape", "data")
        tensors = [tuple(each[key] for key in keys) for each in asked["inputs"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError("malformed") from error
    if any(
        kind not in ("FP64", "INT64", "BOOL", "BYTES") or not isinstance(shape, list) for _, kind, shape, _ in tensors
    ):
        raise ValueError("malformed")
    if sorted(each[0] for each in tensors) != sorted(DATATYPES):
        raise LookupError("names")
    columns = {}
    for name, datatype, shape, data in tensors:
        if datatype != DATATYPES[name] or not isinstance(data, list):
            raise LookupError(name)
        numbers = flat(data)
        if shape not in ([len(numbers)], [len(numbers), 1]) or not numbers:
            raise LookupError(name)
        for each in numbers:
            if type(each) not in KINDS[datatype] or abs(each) >= 1 << 63:
                raise ValueError("malformed") if each == float("inf") else LookupError(name)
        columns[name] = numbers
    if len({len(each) for each in columns.values()}) != 1:
        raise LookupError("lengths")
    return asked, columns


@pytest.mark.parametrize("talk", TALKS)
def test_each_question_is_about_its_rows(talk):
    asked = [each for each in said(talk) if each.kind == "predict"]
    assert asked
    for each in asked:
        request, columns = read(each.body)
        assert request.get("id", "") == each.identity
        for name, numbers in columns.items():
            assert numbers == [ROWS[number][name] for number in each.rows], each.name
        assert each.path in ("/v2/models/card-fraud/infer", "/v2/models/card-fraud/versions/7/infer")
    assert VERSION not in json.dumps(TALKS[talk](ROWS, random.Random(5)).about("7").told())


def test_forms_vary():
    varied = {each.name: json.loads(each.body) for each in said("protocol") if each.name.startswith("varied-")}
    assert [each["name"] for each in varied["varied-order"]["inputs"]] != list(DATATYPES)
    assert varied["varied-columns"]["inputs"][0]["shape"] == [7, 1]
    assert isinstance(varied["varied-columns"]["inputs"][0]["data"][0], list)
    assert isinstance(varied["varied-client"]["inputs"][0]["data"][0], float | int)
    assert "id" not in varied["varied-without-id"]


def test_what_is_refused_is_wrong_in_the_way_it_says():
    refused = [each for each in said("protocol") if each.kind == "refuse"]
    assert len({each.about for each in refused}) == len(refused) > 30
    for each in refused:
        if each.path != "/v2/models/card-fraud/infer":
            assert each.name.startswith(UNFIT)
            continue
        wanted = {UNFIT: LookupError, MALFORMED: ValueError}[each.name[: each.name.index("-") + 1]]
        with pytest.raises(wanted):
            read(each.body)


def test_the_model_is_named_in_one_way():
    assert open_inference.MODEL == protocol_talks.MODEL


def test_without_mlserver_nobody_is_judged(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(Unavailable, match="not installed") as error:
        services._mlserver()
    assert "infra tool mlserver" in error.value.next_step
    old = dataclasses.replace(environments.TOOLS["mlserver"], below=(3, 11))
    monkeypatch.setitem(environments.TOOLS, "mlserver", old)
    with pytest.raises(Unavailable) as error:
        services._mlserver()
    assert "a Python that it is made for" in error.value.expected


def test_what_lies_over_is_imported_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    for name in ("overlaid", "shared_parts"):
        (tmp_path / name).mkdir()
    (tmp_path / "overlaid" / "__init__.py").write_text("here = True")
    for name in ("overlaid", "overlaid.part", "shared_parts", "overlaidness"):
        sys.modules[name] = types.ModuleType(name)
    lie_over(tmp_path)
    assert {"overlaid", "overlaid.part"}.isdisjoint(sys.modules)
    assert {"shared_parts", "overlaidness"} <= sys.modules.keys()
    assert __import__("overlaid").here


def test_a_door_that_is_shut():
    seen, sent = [], []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    async def send(message):
        sent.append(message)

    door = Door(app)

    async def knock():
        await door({"type": "http"}, None, send)
        door.shut = True
        await door({"type": "http"}, None, send)
        await door({"type": "lifespan"}, None, send)

    asyncio.run(knock())
    assert seen == ["http", "lifespan"]
    assert sent[0]["status"] == 503
