"""The checks of day 20 over evidence made by hand: no platform, no server."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from checker.evidence import Evidence, Identity
from checker.evidence.files import FileRecord, Files
from checker.evidence.mlflow import Mlflow, ModelVersion, RegisteredModel
from checker.evidence.services import AnsweredText, Change, Deployment, Endpoint, Endpoints, Release
from checker.runner import load_checks, run_checks
from tests.support import COURSE

LAB = COURSE.find("20")
DEPLOYED = datetime(2026, 11, 21, 12, tzinfo=UTC)
STARTED = DEPLOYED + timedelta(seconds=5)
MODEL, NAME = "day20-card-fraud", "day20-fraud"
QUESTIONS = [{"transaction_id": f"t{number}"} for number in range(3)]
ANSWERS = [[0.01, "approve"], [0.2, "review"], [0.9, "block"]]
TRUTH = {
    "fault": "threshold",
    "file": "policy.json",
    "good": {"code": "g" * 64, "version": "1"},
    "bad": {"code": "b" * 64, "version": "2"},
    "figures": {"scores_changed": 0, "decisions_changed": 38},
    "questions": QUESTIONS,
    "answers": ANSWERS,
}
TOLD = {
    "bad_release": 4,
    "good_release": 3,
    "minutes_to_recover": 12,
    "fault": "threshold",
    "file": "policy.json",
    "scores_changed": 0,
    "decisions_changed": 38,
    "times_slower": 1.1,
    "because": "The thresholds of both versions were swapped in the settings.",
    "prevent": "Replay known payments before a release, and stop at differences.",
}
CHANGED_NOTHING = {"scores_changed": 0, "decisions_changed": 0}
CHECKS = (
    "rolled_back",
    "recovered_in_time",
    "customers_are_served",
    "registry_agrees",
    "incident_is_written",
    "figures_are_measured",
    "fault_is_named",
)


def release(number, kind="good", **changes):
    made = {"release": number, "app": "service:app", "model": MODEL, **TRUTH[kind]}
    return Release(**(made | changes))


def change(event, weights, before, minutes=0.0, number=None):
    moment = DEPLOYED + timedelta(minutes=minutes)
    return Change(at=moment, event=event, release=number, weights=weights, before=before)


GIVEN = (
    change("deploy", {"3": 100}, {}, -1, 3),
    change("deploy", {"4": 100}, {"3": 100}, 0, 4),
)
BACK = change("rollback", {"3": 100}, {"4": 100}, 12.4)


def answered(ask, count, answers=None):
    rows = [
        {"transaction_id": row["transaction_id"], "score": score, "decision": decision}
        for row, (score, decision) in zip(QUESTIONS[:count], (answers or ANSWERS)[:count], strict=True)
    ]
    text = json.dumps({"request_id": "r", "model": {"name": MODEL, "version": "1"}, "predictions": rows})
    return AnsweredText(ask=ask, kind="predict", status=200, text=text)


def endpoint(journal=(*GIVEN, BACK), weights=None, releases=None, answers=None, **changes):
    replies = [AnsweredText(ask=ask, status=200) for ask in ("health", "ready")]
    replies += [answered("batch", 3, answers), answered("single", 1, answers)]
    deployment = Deployment(
        present=True,
        releases=releases or (release(3), release(4, "bad")),
        weights={"3": 100} if weights is None else weights,
    )
    made = {"name": NAME, "deployment": deployment, "journal": tuple(journal), "replies": tuple(replies)}
    return Endpoint(**(made | changes))


def registry(aliases=None, good=None, bad=None, versions=("1", "2")):
    tags = {
        "1": {"status": "live"} | (good or {}),
        "2": {"status": "rolled-back", "reason": "Thresholds were swapped."} | (bad or {}),
    }
    made = tuple(ModelVersion(version=each, tags=tags[each]) for each in versions)
    aliases = {"champion": "1"} if aliases is None else aliases
    return RegisteredModel(name=MODEL, present=True, aliases=aliases, versions=made)


def judged(live=None, registered=None, told=None, text=None, truth=None):
    text = yaml.safe_dump(TOLD | (told or {})) if text is None else text
    evidence = Evidence(
        workspace=Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=1, started=STARTED),
        prepared=TRUTH | (truth or {}),
        files=Files(records=(FileRecord(path="incident.yaml", size=len(text), text=text),)),
        mlflow=Mlflow(registered=(registered or registry(),)),
        endpoints=Endpoints(endpoints=(live or endpoint(),)),
    )
    return {check.name: check for check in run_checks(LAB, load_checks(LAB), evidence).checks}


def refused(name, **changes):
    """That only this check failed; return what it said."""
    results = judged(**changes)
    outcomes = {each: result.outcome for each, result in results.items()}
    assert outcomes[name] == "failed", (outcomes, results[name].messages)
    assert {outcome for each, outcome in outcomes.items() if each != name} <= {"passed", "blocked"}, outcomes
    [message] = results[name].messages
    assert message.found and message.expected and message.next_step
    return message.found


def accepted(**changes):
    results = judged(**changes)
    assert {result.outcome for result in results.values()} == {"passed"}, [
        (name, result.messages) for name, result in results.items() if result.messages
    ]


def test_what_was_done_well_earns_everything():
    accepted()
    assert tuple(judged()) == CHECKS
    assert sum(check.points for check in load_checks(LAB)) == 10


def test_other_ways_back_are_accepted():
    half = change("route", {"3": 50, "4": 50}, {"4": 100}, 3)
    anew = change("deploy", {"3": 25, "4": 25, "5": 50}, half.weights, 5, 5)
    whole = change("route", {"5": 100}, anew.weights, 12)
    shadow = change("route", {"5": 100}, whole.weights, 40)
    live = endpoint(
        (*GIVEN, half, anew, whole, shadow), {"5": 100}, (release(3), release(4, "bad"), release(5))
    )  # fmt: skip
    accepted(live=live)
    accepted(live=live, told={"good_release": "5"})
    back_and_forth = (BACK, change("rollback", {"4": 100}, {"3": 100}, 14), change("route", {"3": 100}, {"4": 100}, 30))
    accepted(live=endpoint((*GIVEN, *back_and_forth)), told={"minutes_to_recover": 30})


def test_an_earlier_incident_is_in_the_journal_as_well():
    old = (
        change("deploy", {"2": 100}, {"1": 100}, -500, 2),
        change("rollback", {"1": 100}, {"2": 100}, -490),
        change("route", {"1": 100}, {"1": 100}, 600),
        change("undeploy", {}, {"1": 100}, -2),
    )
    accepted(live=endpoint((*old, *GIVEN, BACK)))


@pytest.mark.parametrize(
    ("live", "said"),
    [
        (endpoint(GIVEN, {"4": 100}), "the one that you were handed"),
        (
            endpoint((*GIVEN, change("route", {"3": 50, "4": 50}, {"4": 100}, 3)), {"3": 50, "4": 50}),
            "release 4 gets 50",
        ),
        (endpoint(weights={"5": 100}, releases=(release(4, "bad"), release(5, code="x"))), "its code is not that"),
        (endpoint(weights={"5": 100}, releases=(release(4, "bad"), release(5, version="2"))), "serves version 2"),
        (endpoint(weights={"5": 100}, releases=(release(5, model="other"),)), "of `other`"),
        (endpoint((*GIVEN, change("undeploy", {}, {"4": 100}, 3)), {}), "was undeployed at 12:03"),
        (endpoint(deployment=Deployment()), "nothing of this name"),
        (endpoint(deployment=Deployment(present=True, problem="its record cannot be read")), "cannot be read"),
        (endpoint(()), "a journal with 0 changes"),
        (endpoint(GIVEN), "a journal with 0 changes"),
        (endpoint((GIVEN[0], BACK)), "does not lead"),
        (endpoint((*GIVEN, BACK, Change())), "a journal with 2 changes"),
        (endpoint((*GIVEN, change("route", {"3": 100}, {"3": 50, "4": 50}, 8))), "does not lead"),
        (endpoint((*GIVEN, change("rollback", {"3": 100}, {"4": 100}, -0.5))), "does not lead"),
        (endpoint((*GIVEN, BACK, change("route", {"4": 100}, {"3": 100}, 20))), "does not lead"),
    ],
)
def test_what_is_no_way_back_is_refused(live, said):
    assert said in refused("rolled_back", live=live)


def test_who_is_late_is_told_so():
    late = endpoint((*GIVEN, change("rollback", {"3": 100}, {"4": 100}, 61)))
    assert "61 minutes" in refused("recovered_in_time", live=late, told={"minutes_to_recover": 61})
    accepted(live=endpoint((*GIVEN, change("rollback", {"3": 100}, {"4": 100}, 60))), told={"minutes_to_recover": 60})


def test_answers_are_compared():
    other = [[0.01, "approve"], [0.2, "approve"], [0.9, "block"]]
    assert "'approve' instead of `review`" in refused("customers_are_served", live=endpoint(answers=other))
    other = [[0.01, "approve"], [0.3, "review"], [0.9, "block"]]
    assert "1 of 3 scores" in refused("customers_are_served", live=endpoint(answers=other))
    refused("customers_are_served", live=endpoint(replies=()))
    ill = endpoint().replies[1:]
    refused("customers_are_served", live=endpoint(replies=(AnsweredText(ask="health", status=503), *ill)))
    nested = AnsweredText(ask="batch", status=200, text="[" * 9000)
    refused("customers_are_served", live=endpoint(replies=(*endpoint().replies[:2], nested)))


@pytest.mark.parametrize(
    ("registered", "said"),
    [
        (registry(aliases={"champion": "2"}), "names version 2"),
        (registry(aliases={}), "names no version"),
        (registry(good={"status": "retired"}), "'retired'"),
        (registry(bad={"status": "live"}), "'live'"),
        (registry(bad={"reason": "bad release"}), "'bad release'"),
        (registry(bad={"reason": ""}), "''"),
        (registry(versions=("1",)), "no version 2"),
    ],
)
def test_the_registry_must_say_what_is_true(registered, said):
    assert said in refused("registry_agrees", registered=registered)


def test_tags_may_be_spelt_otherwise():
    accepted(registered=registry({"champion": "1", "x": "2"}, {"status": " LIVE "}, {"status": "Rolled_Back"}))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"bad_release": 3}, "`bad_release`: 3"),
        ({"good_release": 4}, "`good_release`: 4"),
        ({"good_release": True}, "True"),
        ({"good_release": [3]}, "[3]"),
        ({"minutes_to_recover": 9}, "9"),
        ({"minutes_to_recover": float("nan")}, "nan"),
        ({"minutes_to_recover": "soon"}, "soon"),
        ({"because": "It broke."}, "It broke"),
        ({"because": None}, "None"),
        ({"prevent": {"a": 1}}, "{'a': 1}"),
        ({"prevent": TOLD["because"].upper()}, "the same sentence"),
    ],
)
def test_an_incident_must_be_whole(told, said):
    assert said in refused("incident_is_written", told=told)


@pytest.mark.parametrize("text", ["", "- 1\n", "fault: [", "a: &x 1\nb: *x\n", "just words", "!!python/none x"])
def test_a_file_that_is_none_is_refused(text):
    refused("incident_is_written", text=text)


@pytest.mark.parametrize(
    "told",
    [
        {"scores_changed": 38},
        {"decisions_changed": 37},
        {"decisions_changed": -38},
        {"decisions_changed": None},
        {"times_slower": 3.5},
        {"times_slower": 0},
        {"times_slower": "about one"},
        {"times_slower": 10**400},
    ],
)
def test_figures_must_be_right(told):
    text = json.dumps(TOLD | told)
    refused("figures_are_measured", text=text)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"fault": "preprocessing", "file": "features.py"}, "changes no score"),
        ({"fault": "stale_features"}, "changes no score"),
        ({"fault": "slow"}, "changes decisions"),
        ({"fault": "leak"}, "changes decisions"),
        ({"file": "policy.py"}, "'policy.py', which is not"),
        ({"file": None}, "None, which is not"),
        ({"fault": "gremlins"}, "'gremlins'"),
        ({"fault": ["threshold"]}, "['threshold']"),
    ],
)
def test_another_fault_is_refused(told, said):
    assert said in refused("fault_is_named", told=told)


def test_a_refusal_does_not_name_what_is_right():
    for fault in ("preprocessing", "stale_features", "slow", "leak", "model"):
        said = judged(told={"fault": fault, "file": "features.py"})["fault_is_named"].messages[0]
        assert "policy" not in f"{said.found}{said.expected}{said.next_step}"
        assert "threshold" not in f"{said.found}{said.expected}{said.next_step}"


def test_what_is_slow_shows_in_the_ratio_alone():
    slow = {"fault": "slow", "file": "model.py", "figures": CHANGED_NOTHING}
    told = {"fault": " SLOW", "file": "service/release-4/model.py", **CHANGED_NOTHING}
    accepted(truth=slow, told=told | {"times_slower": 8.0})
    refused("figures_are_measured", truth=slow, told=told | {"times_slower": 1.2})
    assert "far slower" in refused(
        "fault_is_named", truth=slow, told=told | {"times_slower": "8.25", "fault": "leak"}
    )  # fmt: skip


@pytest.mark.parametrize("fault", ["leak", "model"])
def test_what_changes_no_figure_is_accepted_and_not_mixed_up(fault):
    truth = {"fault": fault, "file": "scorecard.json", "figures": CHANGED_NOTHING}
    told = {"fault": fault, "file": "scorecard.json", **CHANGED_NOTHING}
    accepted(truth=truth, told=told)
    refused("fault_is_named", truth=truth, told=told | {"fault": {"leak": "model", "model": "leak"}[fault]})
