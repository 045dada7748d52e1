"""The workflows ask for little, run no foreign code by name alone, and end."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.support import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def workflow(path):
    # YAML 1.1 reads the key `on` as true.
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_there_is_one_for_the_tests_and_one_for_the_cluster():
    assert [path.stem for path in FILES] == ["cluster", "tests"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_workflow_is_careful(path):
    text, content = path.read_text(encoding="utf-8"), workflow(path)
    assert content["permissions"] == {"contents": "read"}
    assert content["concurrency"]["cancel-in-progress"] is True
    assert set(content[True]) == {"push", "pull_request"}, "pull_request_target would give strangers rights"
    for job in content["jobs"].values():
        assert job["timeout-minutes"] <= 180
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"])
        assert job["steps"][0]["with"]["persist-credentials"] is False
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "what a stranger typed would reach a shell"
    uses = [line.strip().removeprefix("- ") for line in text.splitlines() if "uses:" in line]
    assert uses
    assert all(PINNED.fullmatch(line) for line in uses), uses
    assert "secrets." not in text


def test_the_tests_run_as_on_any_machine():
    steps = workflow(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["tests"]["steps"]
    assert steps[-1]["run"] == ".ci/run"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_cluster_is_started_twice_used_and_taken_down():
    steps = workflow(ROOT / ".github" / "workflows" / "cluster.yml")["jobs"]["kind"]["steps"]
    commands = [step.get("run", "") for step in steps]
    started = [each for each in commands if "infra up --profile kind --overlay ci" in each]
    assert len(started) == 2
    assert any("make cluster" in each for each in commands)
    assert "infra down" in commands[-1]
    assert steps[-1]["if"] == "always()"


def test_make_test_says_when_there_is_no_cluster():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"(?m)^test: .*\bcluster\b", makefile)
    assert "left out" in makefile
