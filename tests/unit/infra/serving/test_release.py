"""A release as a pod runs it: its two containers' own words, run here, with folders of this machine in place of its."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.deployments import Registered, Release
from infra.kind.serving import objects
from infra.serving import release as module
from tests.unit.infra.serving.test_router_on_kubernetes import free_port

SERVICE = """
import json, os

from rules.limits import LIMIT


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    with open(os.environ["PREDICTION_LOG"], "a") as log:
        log.write(scope["path"] + "\\n")
    told = {name: os.environ.get(name) for name in ("RELEASE", "MODEL_NAME", "MODEL_VERSION", "MODEL_URI")}
    body = json.dumps(told | {"limit": LIMIT, "here": os.getcwd()}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


class Pod:
    """The containers of a release, with `root` as the root of their volumes."""

    def __init__(self, root: Path, release: Release, code: Path) -> None:
        self.root, self.port = root, free_port()
        pod = objects.deployment("fraud", release, "image")["spec"]["template"]["spec"]
        self.containers = {each["name"]: each for each in [*pod["initContainers"], *pod["containers"]]}
        for mounted in ("code", "work", "tmp"):
            (root / mounted).mkdir()
        (root / "code" / "code.tar.gz").write_bytes(objects.archive(code))

    def here(self, word: str) -> str:
        """A word of the container, on this machine."""
        if word == str(objects.PORT):
            return str(self.port)
        return str(self.root) + word if word.startswith(("/work", "/code", "/tmp")) else word

    def start(self, name: str) -> subprocess.Popen[str]:
        container = self.containers[name]
        command, *words = [*container["command"], *container["args"]]
        assert command == "python"
        told = {each["name"]: self.here(each["value"]) for each in container["env"]}
        return subprocess.Popen(
            [sys.executable, *map(self.here, words)],
            env=told | {"PATH": os.defpath},
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, name: str) -> tuple[int, str]:
        done = self.start(name)
        said, _ = done.communicate(timeout=120)
        return done.returncode, said


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "rules").mkdir(parents=True)
    (folder / "service.py").write_text(SERVICE)
    (folder / "rules" / "limits.py").write_text("LIMIT = 7\n")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "pod").mkdir()
    return tmp_path / "pod"


def served(pod: Pod) -> dict[str, Any]:
    """What the application answers once it does; the server is stopped then."""
    server = pod.start("serve")
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert server.poll() is None, server.communicate()[0]
            try:
                return dict(httpx.get(f"http://127.0.0.1:{pod.port}/health", trust_env=False).json())
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("no answer")
    finally:
        server.terminate()
        server.communicate(timeout=20)


def test_a_pod_unpacks_the_code_and_serves_it(root: Path, code: Path) -> None:
    pod = Pod(root, Release(4, "service:app", None, "0" * 64, ""), code)
    assert pod.run("fetch") == (0, "")
    answer = served(pod)
    assert answer["limit"] == 7 and answer["RELEASE"] == "4" and answer["MODEL_NAME"] is None
    assert answer["here"] == str(root / "work" / "code")
    assert (root / "work" / "predictions.jsonl").read_text().startswith("/health\n")


def test_an_application_learns_of_its_model(root: Path, code: Path) -> None:
    release = Release(4, "service:app", Registered("card-fraud", "3"), "0" * 64, "")
    pod = Pod(root, release, code)
    module.unpack(root / "code" / "code.tar.gz", root / "work")
    answer = served(pod)
    assert (answer["MODEL_NAME"], answer["MODEL_VERSION"]) == ("card-fraud", "3")
    assert answer["MODEL_URI"] == str(root / "work" / "model")


def test_a_container_that_starts_again_finds_the_code_as_it_was(root: Path, code: Path) -> None:
    pod = Pod(root, Release(1, "service:app", None, "0" * 64, ""), code)
    assert pod.run("fetch")[0] == 0
    (root / "work" / "code" / "service.py").write_text("changed = True\n")
    (root / "work" / "code" / "left.py").touch()
    assert pod.run("fetch")[0] == 0
    assert (root / "work" / "code" / "service.py").read_text() == SERVICE
    assert not (root / "work" / "code" / "left.py").exists()


@pytest.mark.parametrize("name", ["../outside.py", "/outside.py"])
def test_an_archive_cannot_write_beside_its_folder(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as packed:
        member = tarfile.TarInfo(name)
        member.size = 1
        packed.addfile(member, io.BytesIO(b"x"))
    (tmp_path / "work").mkdir()
    with contextlib.suppress(tarfile.FilterError):
        module.unpack(tmp_path / "evil.tar.gz", tmp_path / "work")
    assert not (tmp_path / "outside.py").exists() and not Path("/outside.py").exists()


@pytest.mark.parametrize("words", [[], ["serve"], ["fetch", "a"], ["serve", "a:b", "/c"], ["fetch", "a", "b", "c"]])
def test_other_words_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert module.main(words) == 2
    assert "fetch ARCHIVE FOLDER" in capsys.readouterr().err
