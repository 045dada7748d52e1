"""Really deploys services behind the router: turns traffic under load, rolls back, breaks a release, restarts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.platforms import Platform, eventually, make

pytestmark = pytest.mark.slow

SERVICE = """
import os

HEALTHY = {healthy}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    status = 200 if HEALTHY or scope["path"] != "/health" else 503
    if scope["path"] not in ("/health", "/seen"):
        with open(os.environ["PREDICTION_LOG"] + os.environ["RELEASE"], "a") as log:
            log.write(scope["path"] + "\\n")
    await send({{"type": "http.response.start", "status": status, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{answer}"}})
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp(prefix="deploy-"))
    made = make(folder)
    try:
        up = made.infra("up", "--no-jupyter", *made.up_words[1:3], *made.up_words[5:7])
        assert up.returncode == 0, up.stderr
        yield made
    finally:
        made.infra("down")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def service(platform: Platform) -> Iterator[Service]:
    service = Service(platform)
    yield service
    service.client.close()
    platform.infra("undeploy", "fraud")


class Service:
    """The code of a service, its deployment `fraud`, and its address."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{platform.serving_port}", trust_env=False)

    def deploy(self, answer: str, *words: str, healthy: bool = True) -> str:
        text = SERVICE.format(answer=answer, healthy=healthy)
        (self.platform.notebooks / "service.py").write_text(text)
        done = self.platform.infra("deploy", "fraud", "--app", "service:app", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def releases(self) -> dict[int, tuple[str, int]]:
        told = json.loads(self.platform.infra("deployments", "--format", "json").stdout)
        return {each["release"]: (each["state"], each["weight"]) for one in told for each in one["releases"]}

    def answers(self, count: int) -> Counter[str]:
        return Counter(self.client.get("/fraud/predict").text for _ in range(count))


def test_a_release_is_what_the_code_was_when_it_was_made(service: Service) -> None:
    service.deploy("one")
    (service.platform.notebooks / "service.py").write_text("broken(")
    assert service.answers(5) == {"one": 5}
    answer = service.client.get("/fraud/a/b?c=d")
    assert answer.status_code == 200 and answer.headers["x-release"]
    assert service.client.get("/elsewhere").status_code == 404


def test_traffic_turns_and_turns_back_without_a_lost_request(service: Service) -> None:
    service.deploy("one")
    seen: Counter[tuple[int, str]] = Counter()
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=service.client.base_url, trust_env=False) as client:
            while not over.is_set():
                answer = client.get("/fraud/predict")
                seen[answer.status_code, answer.text] += 1

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        service.deploy("two")
        assert service.answers(5) == {"two": 5}
        assert service.platform.infra("rollback", "fraud").returncode == 0
        assert service.answers(5) == {"one": 5}
    finally:
        over.set()
        asking.join()
    assert set(seen) == {(200, "one"), (200, "two")}
    told = service.platform.infra("logs", "fraud").stdout
    assert "fraud-" in told and "/health" in told
    last = service.platform.home / "serving" / "fraud" / "journal.jsonl"
    events = [json.loads(line)["event"] for line in last.read_text().splitlines()]
    assert events[-3:] == ["deploy", "deploy", "rollback"]


def test_weights_are_kept_and_a_shadow_gets_copies(service: Service) -> None:
    service.deploy("one")
    service.deploy("two", "--weight", "30")
    seen = service.answers(400)
    assert set(seen) == {"one", "two"}
    assert 60 <= seen["two"] <= 180
    first, second = service.releases()
    done = service.platform.infra("route", "fraud", f"{first}=100", "--shadow", str(second))
    assert done.returncode == 0, done.stderr
    log = service.platform.home / "serving" / "fraud" / f"predictions.jsonl{second}"
    before = len(log.read_text().splitlines())
    assert service.answers(20) == {"one": 20}
    eventually(lambda: len(log.read_text().splitlines()) == before + 20, "twenty copies at the shadow")


@pytest.mark.parametrize("code", ["import nothing_of_this_name\napp = 1\n", "raise SystemExit(0)\n"])
def test_a_release_that_does_not_start_changes_nothing(service: Service, code: str) -> None:
    service.deploy("one")
    before = service.releases()
    (service.platform.notebooks / "broken.py").write_text(code)
    done = service.platform.infra("deploy", "fraud", "--app", "broken:app")
    assert done.returncode == 3
    assert "ended while it was starting" in done.stderr and "the traffic is as it was" in done.stderr
    assert service.releases() == before
    assert service.answers(5) == {"one": 5}


def test_a_release_that_is_killed_comes_back_and_all_come_back_with_the_platform(service: Service) -> None:
    service.deploy("one")
    name = next(name for name in service.platform.services() if name.startswith("fraud-"))
    os.kill(service.platform.pid(name), signal.SIGKILL)
    eventually(lambda: service.client.get("/fraud/predict").text == "one", "the release to come back")
    platform = service.platform
    assert platform.infra("down").returncode == 0
    assert not platform.processes()
    up = platform.infra("up", "--no-jupyter", *platform.up_words[1:3], *platform.up_words[5:7])
    assert up.returncode == 0, up.stderr

    def answers() -> bool:
        try:
            return service.client.get("/fraud/predict").text == "one"
        except httpx.HTTPError:
            return False

    eventually(answers, "the release to come back with the platform")


def test_what_is_undeployed_is_gone_but_for_its_journal(service: Service) -> None:
    service.deploy("one")
    assert service.platform.infra("undeploy", "fraud").returncode == 0
    assert service.releases() == {}
    assert list(service.platform.services()) == ["mlflow"]
    assert (service.platform.home / "serving" / "fraud" / "journal.jsonl").exists()
    missing = service.platform.infra("rollback", "fraud")
    assert missing.returncode == 3 and "no deployment `fraud`" in missing.stderr


def test_a_model_that_is_not_in_the_registry_is_refused(service: Service) -> None:
    done = service.platform.infra("deploy", "fraud", "--model", "models:/nothing@champion")
    assert done.returncode == 3
    assert "models:/nothing@champion is not in the registry" in done.stderr
    assert service.releases() == {}
