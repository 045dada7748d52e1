"""What a learner's pod runs: enrolled, with a platform, and JupyterHub's server in its place whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from checker import platform
from checker.enrolment import enrol_all, enrolled
from infra.cohort import server
from infra.local.ports import free


class Became(Exception):
    """The process would be another program now."""


@pytest.fixture
def pod(tmp_path, monkeypatch):
    monkeypatch.setenv(platform.HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (made,) = enrol_all(tmp_path / "cohort", "bootcamp", ["alice"])
    monkeypatch.setattr(server, "ENROLMENT", made)
    became = {}

    def become(program, words, environment):
        became.update(program=program, words=words, environment=environment)
        raise Became

    monkeypatch.setattr(os, "execvpe", become)
    return became


def start(*words):
    with pytest.raises(Became):
        server.main(list(words))


def test_the_platform_runs_before_the_server_and_terminals_know_it(pod, monkeypatch):
    port = free()
    monkeypatch.setattr(server, "UP", (*server.UP, "--mlflow-port", str(port), "--serving-port", str(free())))
    try:
        start("--port=8888")
        assert pod["words"] == ["jupyterhub-singleuser", "--port=8888"]
        assert pod["environment"]["MLFLOW_TRACKING_URI"] == f"http://127.0.0.1:{port}"
        assert pod["environment"]["PATH"] == os.environ["PATH"]
        assert enrolled().learner == "alice"
        words = [sys.executable, "-m", "infra", "status", "--format", "json"]
        status = subprocess.run(words, capture_output=True, check=True)
        assert json.loads(status.stdout)["running"]
    finally:
        subprocess.run([sys.executable, "-m", "infra", "down"], check=True, capture_output=True)


@pytest.mark.parametrize("up", [("false",), ("no-such-program",), ("sleep", "60")])
def test_a_platform_that_does_not_start_keeps_nobody_from_the_server(pod, monkeypatch, capfd, up):
    monkeypatch.setattr(server, "UP", up)
    monkeypatch.setattr(server, "PATIENCE", 1)
    start()
    assert pod["program"] == "jupyterhub-singleuser"
    assert up == ("false",) or "infra up --no-jupyter" in capfd.readouterr().err


def test_an_enrolment_that_is_none_keeps_nobody_from_the_server(pod, monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(server, "UP", ("true",))
    monkeypatch.setattr(server, "ENROLMENT", tmp_path / "none.json")
    (tmp_path / "none.json").write_text("{}")
    start()
    assert "not enrolled" in capfd.readouterr().err


def test_who_is_enrolled_stays_it(pod, monkeypatch, tmp_path):
    monkeypatch.setattr(server, "UP", ("true",))
    start()
    (other,) = enrol_all(tmp_path / "other", "another", ["bob"])
    monkeypatch.setattr(server, "ENROLMENT", other)
    start()
    assert enrolled().learner == "alice"
