"""What is deployed, and what its address answers: only this machine is asked, and any record may be hostile."""

import asyncio
import json
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker import platform
from checker.archive import Refused
from checker.collect.endpoints import collect_endpoints, read_deployment, router
from checker.errors import Unavailable
from checker.evidence.services import AnsweredText, Deployment, Endpoint, Endpoints
from checker.recipes import sha256
from checker.submission import _answers
from checker.world.requests import live_rows
from tests.support import COURSE

RECORD: dict = {
    "name": "card-fraud",
    "releases": [
        {"release": 3, "app": "service:app", "model": {"name": "m", "version": "2"}, "code": "c", "created": "t"}
    ],
    "weights": {"3": 100},
    "shadow": None,
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(platform.HOME_VARIABLE, str(tmp_path))
    return tmp_path


def record(home, content):
    path = home / "serving" / "card-fraud" / "deployment.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


@contextmanager
def serving(answer):
    """A router at whose address `answer(first line of the request, body)` is said."""
    loop, started, port = asyncio.new_event_loop(), threading.Event(), []

    async def handle(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[16:]) for line in head.splitlines() if line.lower().startswith(b"content-length")), 0)
        body = await reader.readexactly(length)
        writer.write(answer(head.splitlines()[0].decode(), body))
        writer.close()

    async def main():
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        started.set()
        await stop.wait()
        server.close()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    started.wait(10)
    try:
        yield f"http://127.0.0.1:{port[0]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def said(text, status="200 OK"):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(text), text)


def test_nothing_deployed_asks_nobody(home):
    [endpoint] = collect_endpoints("", ("card-fraud",), 7).endpoints
    assert endpoint.deployment == Deployment()
    assert endpoint.replies == ()


def test_what_is_there_is_asked(home):
    record(home, RECORD)
    asked = []

    def answer(line, body):
        asked.append((line, body))
        return said(b'{"a": "\x1b[2J"}')

    with serving(answer) as address:
        read = collect_endpoints(address, ("card-fraud",), 7)
        assert collect_endpoints(address, ("card-fraud",), 7) == read
    [endpoint] = read.endpoints
    assert [each.release for each in endpoint.deployment.serving] == [3]
    assert [each.ask for each in endpoint.replies] == ["health", "ready", "batch", "single"]
    assert {each.status for each in endpoint.replies} == {200}
    assert asked[2][0] == "POST /card-fraud/predict HTTP/1.1"
    assert json.loads(asked[2][1])["rows"] == live_rows(7)
    assert Endpoints.model_validate_json(read.model_dump_json()) == read


def test_a_redirect_is_not_followed(home):
    record(home, RECORD)
    lines = []

    def answer(line, body):
        lines.append(line)
        return b"HTTP/1.1 307 Go\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"

    with serving(answer) as address:
        [endpoint] = collect_endpoints(address, ("card-fraud",), 7).endpoints
    assert {each.status for each in endpoint.replies} == {307}
    assert len(lines) == 4


def test_without_a_router(home):
    record(home, RECORD)
    with pytest.raises(Unavailable, match="router"):
        collect_endpoints("http://127.0.0.1:9", ("card-fraud",), 7)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://",
        "https://127.0.0.1:1",
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com/",
        "http://user:word@127.0.0.1:8080",
        "http://169.254.169.254/",
        "http://[::ffff:10.0.0.1]:80",
        "http://0.0.0.0:80",
        "http://2130706433",
        "http://127.1:80",
        "file:///etc/passwd",
        "http://127.0.0.1:8080/elsewhere",
        "http://127.0.0.1:8080/?a=b",
        "http://127.0.0.1:99999999",
        "http://127.0.0.1:8080\n",
        "\x00",
    ],
)
def test_no_other_address_is_asked(address):
    with pytest.raises(Unavailable, match="router"):
        router(address)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8090", "http://localhost:8090/", "http://LOCALHOST:8090"])
def test_this_machine_by_its_number(address):
    assert router(address) == "http://127.0.0.1:8090"


def test_records_that_are_none(home):
    path = record(home, b"{")
    assert read_deployment(path).problem
    assert read_deployment(record(home, b"[" * 100_000)).problem
    assert read_deployment(record(home, b" " * (2 << 20))).problem
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert read_deployment(path).problem
    path.unlink()
    assert read_deployment(path) == Deployment()


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(SIMPLE, lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(), each, max_size=4))
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "releases": VALUES | st.lists(st.dictionaries(st.sampled_from([*RECORD["releases"][0]]), VALUES)),
        "weights": VALUES | st.dictionaries(st.text(), st.integers(-5, 500)),
        "shadow": VALUES,
    },
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(PARTS | VALUES | st.binary())
def test_no_record_raises(tmp_path, content):
    path = tmp_path / "deployment.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    deployment = read_deployment(path)
    assert Deployment.model_validate_json(deployment.model_dump_json()) == deployment


def carried(answers, *, digest=None, lab=None):
    content = answers.model_dump_json().encode() if isinstance(answers, Endpoints) else answers
    piece = SimpleNamespace(size=len(content), sha256=digest or sha256(content))
    manifest = SimpleNamespace(endpoints=piece)
    return _answers(SimpleNamespace(text=lambda name: content), manifest, lab or COURSE.find("17"))


def test_answers_travel():
    told = Endpoints(endpoints=(Endpoint(name="card-fraud", replies=(AnsweredText(ask="health", status=200),)),))
    assert carried(told) == told


@pytest.mark.parametrize(
    ("answers", "more", "words"),
    [
        (Endpoints(), {}, "other endpoints"),
        (Endpoints(endpoints=(Endpoint(name="theirs"),)), {}, "other endpoints"),
        (b"{}", {"digest": "0" * 64}, "others than the manifest"),
        (b'{"endpoints": [{"name": "card-fraud", "more": 1}]}', {}, "not what"),
        (
            b'{"endpoints": [{"name": "card-fraud", "replies": [{"ask": "x", "text": "%s"}]}]}' % (b"x" * 70_000),
            {},
            "not",
        ),
        (b"[" * 1000, {}, "no JSON"),
        (Endpoints(), {"lab": COURSE.find("3")}, "not in the manifest"),
    ],
)
def test_answers_that_are_none_are_refused(answers, more, words):
    with pytest.raises(Refused, match=words):
        carried(answers, **more)
