"""A controller of a rollout called again: the platform's stand-in, and what is believed of what came back."""

import json
import subprocess
import sys
from types import SimpleNamespace

import click
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from checker.evidence.rollouts import CANDIDATE, CHAMPION, OTHER, SHADOW, RolloutCall
from checker.jail import Jail, can_confine
from checker.prove import rollouts
from checker.prove.rollouts import _called, _turned, begin, in_words, plan, roll_out_again, standing
from checker.tasks import stand_in
from infra.deploy_cli import as_json, parse_traffic
from infra.deployments import DeploymentStatus, Registered, Release, ReleaseStatus
from tests.support import COURSE

LAB = next(lab for lab in COURSE.labs if lab.day == 21)
KEY = b"some other key of thirty-two byt"
STEPS = (10, 50)
CONTROLLER = """\
import json, subprocess, sys
told = json.loads(subprocess.check_output(["infra", "deployments", "--format", "json"]))[0]
taking = sorted(each["release"] for each in told["releases"] if each["weight"] or each["shadow"])
if len(taking) == 2:
    subprocess.run(["infra", "route", told["name"], f"{taking[0]}=100"], check=True)
open("decisions.jsonl", "a").write(json.dumps({"decision": "rollback", "reason": "I trust nobody at all"}) + "\\n")
open("predictions.jsonl", "w").write("nothing ever happened\\n")
"""


@pytest.fixture
def platform(tmp_path):
    """A stand-in with a shadow, to be called with words."""
    start = begin("good", "day21-fraud", 7, KEY)
    state, journal = tmp_path / "state.json", tmp_path / "journal.jsonl"
    state.write_text(json.dumps(start.state | {"clock": "2030-03-02T10:00:00.000+00:00"}))
    journal.write_bytes(start.files["journal.jsonl"])

    def call(*words):
        command = [sys.executable, "-I", "-S", stand_in.__file__, str(state), str(journal), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return SimpleNamespace(
            status=done.returncode,
            said=done.stdout,
            error=done.stderr,
            state=json.loads(state.read_text()),
            journal=[json.loads(line) for line in journal.read_text().splitlines()],
        )

    call.old, call.new = start.story.champion, start.story.candidate
    return call


def test_the_stand_in_turns_traffic_and_writes_the_journal(platform):
    before = platform("deployments", "--format", "json")
    after = platform("route", "day21-fraud", f"{platform.old}=90", f"{platform.new}=10")
    assert after.status == 0
    assert (after.state["weights"], after.state["shadow"]) == ({str(platform.old): 90, str(platform.new): 10}, None)
    line = after.journal[-1]
    assert line["before"] == {"weights": {str(platform.old): 100}, "shadow": platform.new}
    assert line["at"] > before.journal[-1]["at"] and line["event"] == "route"
    back = platform("rollback", "day21-fraud")
    assert back.state["shadow"] == platform.new
    assert platform("rollback", "day21-fraud").state["shadow"] is None
    assert [each["status"] for each in back.state["calls"]] == [0, 0, 0]


def test_it_answers_as_infra_does(platform):
    [said] = json.loads(platform("deployments", "--format", "json").said)
    release = Release(number=1, app="service:app", model=Registered("card-fraud", "1"), code="", created="")
    real = as_json(DeploymentStatus("fraud", "http://x", (ReleaseStatus(release, "running", 100, False),)))
    assert said.keys() == real.keys()
    assert all(each.keys() == real["releases"][0].keys() for each in said["releases"])
    assert [type(value) for value in said["releases"][0].values()] == [type(v) for v in real["releases"][0].values()]
    assert "shadow" in platform("deployments").said


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("route", "day21-fraud", "{new}=10"), 2),
        (("route", "day21-fraud", "{old}=90", "{old}=10"), 2),
        (("route", "day21-fraud", "{old}=x"), 2),
        (("route", "day21-fraud", "{old}=100", "--shadow", "{old}"), 2),
        (("route", "day21-fraud", "77=100"), 3),
        (("route", "day21-fraud", "{old}=100", "--shadow", "77"), 3),
        (("route", "another", "{old}=100"), 3),
        (("deploy", "day21-fraud", "--app", "service:app"), 3),
        (("route", "day21-fraud"), 2),
        (("route", "day21-fraud", "{old}=100", "--shadow"), 2),
        (("route", "day21-fraud", "{old}=100", "--weight", "3"), 2),
        (("rollback",), 2),
        (("deployments", "--format", "xml"), 2),
        (("turn",), 2),
        ((), 2),
    ],
)
def test_what_infra_refuses_is_refused(platform, words, status):
    done = platform(*(word.format(old=platform.old, new=platform.new) for word in words))
    assert done.status == status
    assert done.error
    assert done.state["weights"] == {str(platform.old): 100} and done.state["shadow"] == platform.new
    assert done.state["calls"][-1]["status"] == status


SHARE = st.one_of(
    st.text(max_size=6), st.builds("{}={}".format, st.integers(1, 3), st.sampled_from([0, 10, 50, 90, 100]))
)


@given(st.lists(SHARE, min_size=1, max_size=3), st.sampled_from([None, 1, 3]))
@settings(max_examples=300)
def test_it_reads_weights_as_infra_does(shares, shadow):
    state = {"name": "fraud", "releases": [{"release": number} for number in range(100)]}
    try:
        ours = stand_in.parsed(state, shares, None if shadow is None else str(shadow))
    except SystemExit as end:
        ours = None
        # Only the real one knows which releases there are: that is asked later, and is no fault of the words.
        assume(end.code == stand_in.USAGE)
    try:
        theirs = parse_traffic(tuple(shares), shadow)
    except click.BadParameter:
        theirs = None
    if theirs is None or ours is None:
        assert ours is None and theirs is None
    else:
        assert {int(name): share for name, share in ours["weights"].items()} == dict(theirs.weights)


def test_undeploying_ends_the_rollout_nowhere(platform):
    gone = platform("undeploy", "day21-fraud").state
    assert standing(gone, platform.old, platform.new, STEPS) == OTHER
    assert platform("route", "day21-fraud", f"{platform.old}=100").status == 3


@pytest.mark.parametrize(
    ("weights", "shadow", "where"),
    [
        ({"1": 100}, 4, SHADOW),
        ({"1": 100}, None, CHAMPION),
        ({"4": 100}, None, CANDIDATE),
        ({"1": 90, "4": 10}, None, "10"),
        ({"1": 89, "4": 11}, None, OTHER),
        ({"1": 100}, 3, OTHER),
        ({"3": 100}, None, OTHER),
        ({"1": 90, "3": 10}, None, OTHER),
        ({"1": 90, "4": 90}, None, OTHER),
        ({}, None, OTHER),
        ({"1": "100"}, None, OTHER),
        ({"1": True, "4": 99}, None, OTHER),
    ],
)
def test_where_a_rollout_stands(weights, shadow, where):
    assert standing({"weights": weights, "shadow": shadow}, 1, 4, STEPS) == where


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
STATE = st.fixed_dictionaries({}, optional={"weights": JSON, "shadow": JSON, "calls": JSON})


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "status": JSON,
                "said": JSON,
                "printed": JSON,
                "lines": JSON,
                "problem": JSON,
                "state": STATE | JSON,
            },
        ),
        max_size=3,
    )
)
@settings(max_examples=200, deadline=None)  # fmt: skip
def test_nothing_that_comes_back_breaks_the_grader(answers):
    start = begin("differs", "day21-fraud", 7, KEY)
    calls = {"differs": [*_plans["differs"]]}
    runs = [*_called(calls, {"differs": start}, {"differs": answers})]
    assert len(runs) == len(calls["differs"])
    for run in runs:
        RolloutCall.model_validate_json(run.model_dump_json())
        assert isinstance(run.decision, str) and isinstance(run.reason, str)


_plans = {"differs": [*plan("differs", begin("differs", "day21-fraud", 7, KEY))]}


@given(STATE)
def test_any_state_has_words(state):
    assert isinstance(in_words(state, 1, 2), str)
    assert standing(state, 1, 2, STEPS)
    assert all(abs(each.status) <= 255 for each in _turned(state.get("calls")))


@pytest.fixture(scope="module")
def jail():
    with Jail(confined=can_confine()) as made:
        yield made


@pytest.fixture
def no_gates(monkeypatch):
    monkeypatch.setattr(rollouts, "GATES", 0)


def called(tmp_path, jail, files, futures=("differs", "failing")):
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    proof = LAB.proofs.rollout.model_copy(update={"futures": futures})
    lab = LAB.model_copy(update={"proofs": LAB.proofs.model_copy(update={"rollout": proof})})
    workspace = SimpleNamespace(path=tmp_path, identity=SimpleNamespace(seed=3))
    runs = roll_out_again(lab, workspace, KEY, jail)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    return {(run.future, run.step): run for run in runs}


def test_a_controller_is_called_again(tmp_path, jail):
    runs = called(tmp_path, jail, {"rollout.py": CONTROLLER, "decisions.jsonl": "{}\n", "memory.json": "{}"})
    first, again, other = runs["differs", 0], runs["differs", 1], runs["failing", 0]
    assert (first.stood, first.stands, first.decision, first.lines) == (SHADOW, CHAMPION, "rollback", 1)
    assert (again.stood, again.stands, again.lines) == (CHAMPION, CHAMPION, 1)
    assert other.stands == CHAMPION and not other.problem
    assert [each.words.split()[0] for each in first.turned] == ["deployments", "route"]
    assert "the champion gets 100%" in first.traffic


def test_a_future_ends_where_a_controller_leaves_the_way(tmp_path, jail, no_gates):
    runs = called(tmp_path, jail, {"rollout/__init__.py": "", "rollout/__main__.py": "print('I only look')"})
    assert (runs["differs", 0].status, runs["differs", 0].stands) == (0, SHADOW)
    assert "was not tried" in runs["differs", 1].problem
    assert runs["failing", 0].stands == SHADOW


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit(3)", ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended"),
        ("import shutil; shutil.rmtree('.platform')", "no state of the platform"),
        ("open('.platform/state.json', 'w').write('[]')", "no state of the platform"),
        ("open('large', 'w').write('x' * (9 << 20))", "more than a call may"),
        ("import os; os.remove('.platform/state.json'); os.symlink('/etc/passwd', '.platform/state.json')", "no state"),
    ],
)
def test_a_controller_that_harms_is_an_answer_too(tmp_path, jail, code, words):
    runs = called(tmp_path, jail, {"rollout.py": code})
    first = runs["differs", 0]
    assert words in first.problem if words else first.status == 3
    assert "one of the first futures" in runs["failing", 0].problem


def test_without_a_controller_nothing_is_called(tmp_path, jail):
    runs = called(tmp_path, jail, {"notes.py": ""})
    assert all("is not there" in run.problem for run in runs.values())
    assert (CANDIDATE, OTHER) == ("candidate", "other")
