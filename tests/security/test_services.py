"""Services written by somebody who has read the task: each conversation ends, and nothing but answers is believed."""

import json
import shutil
import time

import pytest

from checker.jail import Jail, Limits

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

PLAIN = """
import os, sys, time, signal

async def respond(send, status=200, body=b"{}", headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})

async def handle(scope, receive, send):
    await respond(send)

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    elif scope["path"] in ("/health", "/ready"):
        await respond(send)
    else:
        await handle(scope, receive, send)
"""


@pytest.fixture(scope="module")
def walled():
    with Jail(confined=True) as made:
        yield made


@pytest.fixture
def talk(walled, tmp_path):
    """Serve code, ask `/x` some times, and return what is told of it."""

    def talk(code, asks=3, seconds=8, each=1, ready="/ready", jail=walled, **limits):
        (tmp_path / "code").mkdir(exist_ok=True)
        (tmp_path / "code" / "service.py").write_text(PLAIN + code)
        asked = [{"name": f"x-{n}", "method": "POST", "path": "/x", "body": "hello"} for n in range(asks)]
        steps = [{"asks": asked, "at_once": 1}]
        script = {"health": "/health", "ready": ready, "steps": steps}
        (tmp_path / "talk.json").write_text(json.dumps(script))
        start = {"code": "code", "model": "", "place": "model-1", "talk": "talk.json", "environment": {"A": "b"}}
        request = {"app": "service:app", "seconds": seconds, "each": each, "starts": {"one": start}, "scores": {}}
        began = time.monotonic()
        answer = jail.run("services", request, tmp_path, Limits(**{"seconds": 120, "cpu_seconds": 20, **limits}))
        assert time.monotonic() - began < seconds + 60
        assert answer.problem is None, answer
        told = answer.value["starts"]["one"]
        assert all(type(reply["status"]) in (int, type(None)) for reply in told["replies"])
        return told

    return talk


def outcomes(told):
    return {each["ask"]: each["problem"] or each["status"] for each in told["replies"]}


def test_an_honest_service(talk):
    code = 'open(os.environ["PREDICTION_LOG"], "w").write(os.environ["A"]); print(os.listdir(os.environ["MODEL_URI"]))'
    told = talk(code)
    assert set(outcomes(told).values()) == {200}
    assert (told["log"], told["ended"]) == ("b", "")
    assert "[]" in told["printed"]


def handle(body):
    return "async def handle(scope, receive, send):\n    " + body.replace("\n", "\n    ")


HEADERS = 'await send({"type": "http.response.start", "status": 200, "headers": []})\n'
FORGED = {
    "hangs": "import asyncio\nawait asyncio.sleep(999)",
    "holds the loop": "time.sleep(999)",
    "computes for ever": "while True: pass",
    "streams without end": HEADERS
    + 'while True: await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})',
    "answers a gigabyte": HEADERS + 'await send({"type": "http.response.body", "body": b"x" * (1 << 30)})',
    "drips": HEADERS
    + "import asyncio\nwhile True:\n    await asyncio.sleep(0.3)\n"
    + '    await send({"type": "http.response.body", "body": b"x", "more_body": True})',
    "redirects": 'await respond(send, 302, b"", [(b"location", b"http://127.0.0.1:5000/")])',
    "dies in the middle": HEADERS + "os._exit(0)",
    "kills all that it can": "os.kill(-1, signal.SIGKILL)",
    "raises": "raise SystemExit(0)",
    "forks without end": "while True:\n    if os.fork() == 0: time.sleep(99)",
    "closes everything": "os.closerange(0, 4000)",
}


def test_the_same_without_walls(talk):
    with Jail(confined=False) as plain:
        assert set(outcomes(talk("", jail=plain)).values()) == {200}
        assert outcomes(talk(handle(FORGED["dies in the middle"]), jail=plain))["x-2"] == "cannot be reached"


@pytest.mark.parametrize("body", FORGED.values(), ids=FORGED)
def test_each_ends_in_a_clear_outcome(talk, body):
    told = talk(handle(body))
    found = outcomes(told)
    assert found["health"] == found["ready"] == 200
    assert {found[f"x-{number}"] for number in range(3)} != {200}
    assert all(found[f"x-{number}"] for number in range(3))


def test_a_redirect_is_an_answer_and_no_way(talk):
    told = talk(handle(FORGED["redirects"]))
    assert outcomes(told)["x-0"] == 302
    assert told["replies"][-1]["headers"]["location"] == "http://127.0.0.1:5000/"


def test_after_two_that_hang_nobody_waits(talk):
    told = talk(handle(FORGED["hangs"]), asks=30, each=1)
    assert "was not asked" in outcomes(told)["x-9"]


STARTS = {
    "ends at once": "os._exit(0)",
    "raises": "raise ValueError('no')",
    "hangs": "time.sleep(999)",
    "eats memory": "x = []\nwhile True: x.append(b'x' * (64 << 20))",
    "writes the answer": "os.write(3, b'[200]'); os.write(4, b'[200]'); os._exit(0)",
}


@pytest.mark.parametrize("code", STARTS.values(), ids=STARTS)
def test_what_never_starts(talk, code):
    told = talk(code, seconds=8, each=4, resident=1 << 30, memory=2 << 30)
    assert all(each["problem"] for each in told["replies"])


def test_whoever_asks_one_that_has_ended_is_told_so(talk):
    began = time.monotonic()
    told = talk(handle("os._exit(0)"), asks=6, seconds=110, each=40)
    assert time.monotonic() - began < 40
    assert "cannot be reached" in outcomes(told).values()
    assert not any("did not end within" in str(each) for each in outcomes(told).values())


def test_never_ready(talk):
    code = handle("await respond(send, 503)")
    told = talk(code, ready="/nowhere", each=1)
    assert outcomes(told) == {"health": 200, "ready": 503}


def test_a_log_of_its_own_kind(talk):
    log = 'path = os.environ["PREDICTION_LOG"]\n'
    assert talk(log + "os.symlink('/etc/passwd', path)")["log"] is None
    assert talk(log + "os.mkfifo(path)")["log"] is None
    assert talk(log + "os.mkdir(path)")["log"] is None
    large = talk(log + "open(path, 'wb').write(b'x' * (9 << 20))")
    assert (large["log"], large["log_size"] > 1 << 20) == (None, True)
    assert talk(log + "open(path, 'wb').write(b'\\xff')")["log"] == "\ufffd"


def test_swallowed_signals_are_no_way_to_stay(talk):
    code = "import threading\nsignal.signal = lambda *_: None\nthreading.Thread(target=time.sleep, args=(99,)).start()"
    began = time.monotonic()
    told = talk(code)
    assert time.monotonic() - began < 40
    assert outcomes(told)["x-2"] == 200


def test_one_service_does_not_see_the_talk(talk):
    """What is asked lies in the payload, and only the order-taker has that."""
    code = handle(
        "found = [os.path.join(a, f) for a, _, fs in os.walk(os.environ['HOME']) for f in fs if 'talk' in f]\n"
        "await respond(send, 200, repr(found).encode())"
    )
    assert talk(code)["replies"][-1]["text"] == "[]"
