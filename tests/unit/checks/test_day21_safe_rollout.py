"""The checks of day 21 over evidence made by hand: a controller as the contract wants it, and one change at a time."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.evidence import Evidence, Identity
from checker.evidence.files import FileRecord, Files
from checker.evidence.kubernetes import ClusterObject, Container, Kubernetes, Pod
from checker.evidence.proofs import Proofs
from checker.evidence.rollouts import CANDIDATE, CHAMPION, OTHER, SHADOW, RolloutCall, Turned
from checker.evidence.services import AnsweredText, Change, Deployment, Endpoint, Endpoints, Release
from checker.prove.futures import FUTURES, story
from checker.runner import load_checks, run_checks
from tests.support import COURSE

LAB = next(lab for lab in COURSE.labs if lab.day == 21)
CHECKS = load_checks(LAB)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
MODEL, NAME = "day21-card-fraud", "day21-fraud"
CODES = {"now": "ab" * 32, "next": "cd" * 32}
ROWS = [{"transaction_id": f"t{number}"} for number in range(3)]
SCORES = [0.1, 0.2, 0.9]
PREPARED = {
    "model": MODEL,
    "codes": CODES,
    "needed": 340,
    "questions": ROWS,
    "answers": [[score, "pass"] for score in SCORES],
}
RULE = {
    "shadow": {"requests": 150},
    "steps": [10, 50],
    "requests": 100,
    "guardrails": {
        "errors": 0.05,
        "errors_in_channel": 0.3,
        "channel_requests": 25,
        "latency": 3,
        "disagreement": 0.3,
    },
    "experiment": {"payments": 340, "confidence": 0.95, "missed_fraud": 20, "false_alarm": 4.0},
    "owner": "card fraud",
}
DECISIONS = [{"decision": word, "reason": "as it should be here"} for word in ("advance", "promote", "rollback")]


def wanted():
    """Future -> where a good controller stands before and after each call."""
    for name in FUTURES:
        stood = SHADOW
        for chunk in story(name, random.Random(1), NOW).chunks():
            yield name, stood, chunk.wanted
            stood = chunk.wanted


WAYS = [*wanted()]


def word(future, stood, stands):
    if stood == stands:
        return "idle" if stood in (CANDIDATE, CHAMPION) else "wait"
    if stands == CHAMPION:
        return "keep" if future in ("worse", "equal") else "rollback"
    return "promote" if stands == CANDIDATE else "advance"


def calls(future="", step=0, **changes):
    """What a good controller does; with changes of one call, after which its future is over."""
    runs, steps = [], {}
    for name, stood, stands in WAYS:
        number = steps[name] = steps.get(name, -1) + 1
        said = json.dumps({"decision": word(name, stood, stands), "reason": "1 of 2 was enough"})
        told = {"status": 0, "said": said, "lines": 1, "traffic": "somebody gets something", "printed": ""}
        told |= {"turned": (Turned(words="deployments --format json", status=0),)}
        run = RolloutCall(future=name, step=number, stood=stood, stands=stands, wanted=stands, **told)
        if (name, number) == (future, step):
            run = run.model_copy(update=changes)
        elif name == future and number > step:
            run = RolloutCall(future=name, step=number, wanted=stands, problem="was not tried")
        runs.append(run)
    return tuple(runs)


def release(number, version, code="now"):
    return Release(release=number, app="service:app", model=MODEL, version=version, code=CODES[code])


RELEASES = (release(1, "1"), release(2, "2"), release(3, "3", "next"))
WAY = (
    ("deploy", 1, {1: 100}),
    ("deploy", 2, {1: 100}),
    ("route", None, {1: 90, 2: 10}),
    ("route", None, {1: 50, 2: 50}),
    ("route", None, {2: 100}),
    ("deploy", 3, {2: 100}),
    ("route", None, {2: 90, 3: 10}),
    ("route", None, {2: 100}),
)


def endpoint(way=WAY, releases=RELEASES, weights=None, shadow=None, scores=SCORES, version="2", begins=NOW):
    journal = tuple(
        Change(at=begins + timedelta(minutes=number + 1), event=event, release=number_of,
               weights={str(name): share for name, share in after.items()})
        for number, (event, number_of, after) in enumerate(way)
    )  # fmt: skip
    replies = tuple(
        AnsweredText(ask=ask, kind="predict", rows=tuple(range(count)), status=200, text=json.dumps({
            "request_id": "x", "model": {"name": MODEL, "version": version},
            "predictions": [row | {"score": score} for row, score in zip(ROWS[:count], scores[:count], strict=True)]}))
        for ask, count in (("batch", 3), ("single", 1))
    )  # fmt: skip
    deployed = Deployment(present=True, releases=releases, weights=weights or {"2": 100}, shadow=shadow)
    return Endpoint(name=NAME, deployment=deployed, journal=journal, replies=replies)


def told(rollouts=None, rule=RULE, decisions=DECISIONS, live=None, **more):
    texts = {"rollout.yaml": rule if isinstance(rule, str) else yaml.safe_dump(rule)}
    texts["decisions.jsonl"] = "".join(f"{json.dumps(each)}\n" for each in decisions)
    evidence = Evidence(
        workspace=Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=1, started=NOW),
        prepared=PREPARED,
        files=Files(records=tuple(FileRecord(path=path, text=text) for path, text in texts.items())),
        endpoints=Endpoints(endpoints=(live or endpoint(),)),
        proofs=Proofs(rollouts=calls() if rollouts is None else rollouts),
        **more,
    )
    return run_checks(LAB, CHECKS, evidence)


def failed(result):
    assert not [each for each in result.checks if each.outcome == "error"], result.checks
    for each in result.checks:
        assert each.outcome != "failed" or all(m.found and m.expected and m.next_step for m in each.messages)
    return {each.name for each in result.checks if each.outcome == "failed"}


def test_a_good_rollout_earns_everything():
    result = told()
    assert failed(result) == set()
    assert result.earned == result.possible == 10
    assert [each.outcome for each in result.checks if each.name == "releases_are_pods"] == ["skipped"]


@pytest.mark.parametrize(
    ("future", "step", "change", "check"),
    [
        ("good", 0, {"status": 1, "printed": "Traceback\nKeyError: 'x'"}, "good_release_goes_through"),
        ("good", 0, {"problem": "is not there: no `rollout.py`"}, "good_release_goes_through"),
        ("good", 0, {"problem": "used more than 20 seconds of CPU time"}, "good_release_goes_through"),
        ("good", 0, {"stands": SHADOW}, "good_release_goes_through"),
        ("good", 0, {"stands": "35"}, "good_release_goes_through"),
        ("good", 1, {"stands": OTHER}, "good_release_goes_through"),
        ("good", 3, {"stands": CHAMPION}, "good_release_goes_through"),
        ("good", 4, {"stands": CHAMPION}, "good_release_goes_through"),
        ("good", 0, {"said": ""}, "good_release_goes_through"),
        ("good", 0, {"said": '{"decision": "wait", "reason": "one two three four"}'}, "good_release_goes_through"),
        ("good", 0, {"said": '{"decision": "advance", "reason": "yes"}'}, "good_release_goes_through"),
        ("good", 0, {"said": '{"decision": 3}'}, "good_release_goes_through"),
        ("good", 0, {"lines": 0}, "good_release_goes_through"),
        ("good", 0, {"lines": 4}, "good_release_goes_through"),
        ("good", 0, {"turned": (Turned(words="route x 2=10", status=2),)}, "good_release_goes_through"),
        ("busy", 2, {"stands": CHAMPION}, "busy_hours_are_no_alarm"),
        ("busy", 2, {"stands": CANDIDATE}, "busy_hours_are_no_alarm"),
        ("few", 0, {"stands": "25"}, "few_requests_decide_nothing"),
        ("few", 2, {"stands": CHAMPION}, "few_requests_decide_nothing"),
        ("differs", 0, {"stands": "20"}, "shadow_spares_customers"),
        ("failing", 0, {"stands": SHADOW}, "shadow_spares_customers"),
        ("load", 2, {"stands": "20"}, "bad_release_is_taken_back"),
        ("load", 3, {"stands": SHADOW}, "bad_release_is_taken_back"),
        ("slice", 1, {"stands": "35"}, "bad_release_is_taken_back"),
        ("slow", 2, {"stands": "50"}, "bad_release_is_taken_back"),
        ("worse", 2, {"stands": CANDIDATE}, "experiment_is_judged_once"),
        ("equal", 4, {"stands": CANDIDATE}, "experiment_is_judged_once"),
        ("equal", 5, {"stands": CANDIDATE}, "experiment_is_judged_once"),
        ("equal", 5, {"said": '{"decision": "rollback", "reason": "a b c d"}'}, "experiment_is_judged_once"),
    ],
)
def test_one_fault_fails_its_check(future, step, change, check):
    assert failed(told(calls(future, step, **change))) == {check}


def test_what_is_dearer_may_be_called_an_alarm():
    said = '{"decision": "Rollback", "reason": "it is dearer than the champion"}'
    assert failed(told(calls("worse", 2, said=said))) == set()


def changed(path, value):
    rule = json.loads(json.dumps(RULE))
    *above, name = path.split(".")
    part = rule
    for each in above:
        part = part[each]
    if value is None:
        del part[name]
    else:
        part[name] = value
    return rule


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "- a list",
        "shadow: [",
        changed("shadow", None),
        changed("shadow", 150),
        changed("shadow.requests", 99),
        changed("shadow.requests", True),
        changed("requests", 100.5),
        changed("requests", 10**9),
        changed("steps", [50]),
        changed("steps", [20, 50]),
        changed("steps", [10, 10, 50]),
        changed("steps", [10, 50, 100]),
        changed("steps", [0, 50]),
        changed("steps", [10, "25", 50]),
        changed("steps", "10 50"),
        changed("guardrails", None),
        changed("guardrails.errors", 0.06),
        changed("guardrails.errors", 0),
        changed("guardrails.errors", float("nan")),
        changed("guardrails.errors_in_channel", "0.1"),
        changed("guardrails.channel_requests", 51),
        changed("guardrails.latency", 1.0),
        changed("guardrails.latency", 4.1),
        changed("guardrails.disagreement", 0.31),
        changed("experiment.payments", 300),
        changed("experiment.payments", 1100),
        changed("experiment.payments", "340"),
        changed("experiment.confidence", 0.9),
        changed("experiment.confidence", 95),
        changed("experiment.missed_fraud", 0),
        changed("experiment.false_alarm", None),
    ],
)
def test_a_rule_that_the_policy_does_not_allow_is_refused(rule):
    assert failed(told(rule=rule)) == {"rule_is_written"}


@pytest.mark.parametrize(
    "rule",
    [
        changed("experiment.payments", 331),
        changed("experiment.payments", 1020),
        changed("experiment.confidence", 0.99),
        changed("guardrails.latency", 1.2),
        changed("requests", 1000),
    ],
)
def test_stricter_is_fine(rule):
    assert failed(told(rule=rule)) == set()


def test_the_steps_are_those_of_the_rule():
    assert failed(told(rule=changed("steps", [5, 25, 50]))) == {"rolled_out_here"}
    way = [*WAY[:2], ("route", None, {1: 95, 2: 5}), ("route", None, {1: 75, 2: 25}), *WAY[3:6],
           ("route", None, {2: 95, 3: 5}), WAY[-1]]  # fmt: skip
    assert failed(told(rule=changed("steps", [5, 25, 50]), live=endpoint(way))) == set()


@pytest.mark.parametrize(
    "live",
    [
        Endpoint(name=NAME),
        endpoint(way=()),
        endpoint(way=(("deploy", 1, {1: 100}), ("deploy", 2, {1: 90, 2: 10}), *WAY[3:])),
        endpoint(way=(*WAY[:3], *WAY[4:])),
        endpoint(way=WAY[:5]),
        endpoint(way=(*WAY[:6], WAY[-1])),
        endpoint(way=(*WAY[:7], ("route", None, {2: 50, 3: 50}), WAY[-1])),
        endpoint(way=(*WAY, ("undeploy", None, {}))),
        endpoint(begins=NOW - timedelta(hours=2)),
        endpoint(weights={"2": 90, "3": 10}),
        endpoint(weights={"1": 100}),
        endpoint(shadow=3),
        endpoint(scores=[0.1, 0.2, 0.8]),
        endpoint(version="1"),
        endpoint(releases=(release(1, "1"), release(2, "2", "next"), RELEASES[2])),
        endpoint(releases=(release(1, "1"), RELEASES[1], release(3, "3"))),
    ],
)
def test_a_rollout_that_was_none_is_refused(live):
    assert failed(told(live=live)) == {"rolled_out_here"}


@pytest.mark.parametrize("decisions", [[], DECISIONS[:2], [3, None, {"decision": ["promote"]}]])
def test_a_record_without_both_ends_is_refused(decisions):
    assert failed(told(decisions=decisions)) == {"rolled_out_here"}


@pytest.mark.parametrize(
    "live",
    [
        # The bad one first; more than once; after another rollout that was undeployed; with one more try of the good.
        endpoint(way=(WAY[0], ("deploy", 3, {1: 100}), ("route", None, {1: 90, 3: 10}), ("route", None, {1: 100}),
                      *WAY[1:5])),
        endpoint(way=(("deploy", 7, {7: 100}), ("undeploy", None, {}), *WAY)),
        endpoint(
            way=(*WAY[:3], ("rollback", None, {1: 100}), ("route", None, {1: 100}), ("deploy", 4, {1: 100}),
                 ("route", None, {1: 90, 4: 10}), ("route", None, {1: 50, 4: 50}), ("route", None, {4: 100}),
                 ("deploy", 3, {4: 100}), ("route", None, {4: 90, 3: 10}), ("route", None, {4: 100})),
            releases=(*RELEASES, release(4, "2")),
            weights={"4": 100},
        ),
    ],
)  # fmt: skip
def test_other_ways_to_the_same_end_are_fine(live):
    assert failed(told(live=live)) == set()


def pods(number=2, **changes):
    image = changes.pop("image", "mlops-labs/course:sha-0123456789abcdef")
    ready = Pod(name="p", ready=True, containers=(Container(name="serve", image=image),))
    made = {
        "kind": "Deployment",
        "namespace": "mlops-labs-serving",
        "name": f"{NAME}-{number}",
        "labels": {"mlops-labs/deployment": NAME, "mlops-labs/release": str(number)},
        "annotations": {"mlops-labs/code": CODES["now"], "mlops-labs/model": f"models:/{MODEL}/2"},
        "spec": {"replicas": 1},
        "status": {"readyReplicas": 1},
        "pods": (ready,),
    }
    return ClusterObject(**(made | changes))


@pytest.mark.parametrize(
    ("objects", "fails"),
    [
        ((pods(), pods(3, pods=(), spec={"replicas": 0})), False),
        ((pods(image="docker.io/mlops-labs/course:sha-0123456789abcdef"),), False),
        ((), True),
        ((pods(3),), True),
        ((pods(status={}),), True),
        ((pods(annotations={}),), True),
        ((pods(image="busybox:1"),), True),
        ((pods(pods=()),), True),
        ((pods(), pods(3)), True),
    ],
)
def test_on_a_cluster_releases_are_pods(objects, fails):
    result = told(profile="kind", overlay="serve", kubernetes=Kubernetes(objects=objects))
    assert failed(result) == ({"releases_are_pods"} if fails else set())
    assert result.possible == 11


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from([*RULE]), JSON)
    | st.builds(lambda name, value: RULE | {name: value}, st.sampled_from([*RULE]), JSON),
    st.lists(JSON, max_size=3),
    st.text(max_size=40),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_of_a_learner_is_an_error(rule, decisions, said):
    failed(told(calls("good", 0, said=said), rule=rule, decisions=decisions))
    failed(told(rule=json.dumps(rule), decisions=decisions))
