"""The checks of day 24 over evidence made by hand: a loop that keeps to the contract, and one change at a time."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.evidence import Evidence, Identity
from checker.evidence.files import FileRecord, Files
from checker.evidence.loops import LoopModel, LoopRun, Registered
from checker.evidence.mlflow import ArtifactFile, LoggedModel, Mlflow, ModelVersion, RegisteredModel
from checker.evidence.proofs import Proofs
from checker.runner import load_checks, run_checks
from tests.support import COURSE

LAB = next(lab for lab in COURSE.labs if lab.day == 24)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
NAME = "day24-card-fraud"
SUM, RUN = "ab" * 32, "card-fraud-retraining-2026"
TAGS = {"month": "2025-07", "data_sha256": SUM, "replaces": "1", "pipeline_run": RUN, "reason": "it is 0.6 against 0.1"}
OLD = Registered(version="1", tags={"month": "2025-03"})
NEW = Registered(version="2", tags=TAGS, made=True)
CANDIDATE = Registered(version="2", made=True)


def decided(decision):
    return json.dumps({"decision": decision, "reason": "some words that say why"})


def calls():
    """Chain and step -> what a good loop does there."""
    quiet = {"said": decided("keep"), "before": "1", "champion": "1", "versions": (OLD,)}
    trained = {"models": 1, "pipelines": (RUN,)}
    promoted = {"said": decided("promote"), "champion": "2", "versions": (NEW, OLD), "deployed": ("2",)}
    refused = {"said": decided("refuse"), "versions": (CANDIDATE, OLD)}
    later = {
        "said": decided("keep"),
        "before": "2",
        "champion": "2",
        "versions": (NEW.model_copy(update={"made": False}),),
    }
    again = {"versions": (CANDIDATE.model_copy(update={"made": False}), OLD)}
    return {
        ("own", 0): quiet,
        ("tactics", 0): quiet | {"said": decided("wait")},
        ("tactics", 1): quiet | trained | promoted,
        ("tactics", 2): later,
        ("tactics", 3): later,
        ("dealt", 0): quiet,
        ("dealt", 1): quiet | trained | refused,
        ("dealt", 2): quiet | refused | again,
    }


def proofs(changes=None, model=None):
    made = {place: told | (changes or {}).get(place, {}) for place, told in calls().items()}
    runs = tuple(
        LoopRun(loop="loop", chain=chain, step=step, month="2025-07", sha256=SUM, **({"status": 0} | told))
        for (chain, step), told in made.items()
    )
    models = (
        LoopModel(loop="loop", chain="tactics", step=1, **(model or {"before": 0.1, "after": 0.6, "frauds": 90})),
    )
    return Proofs(loops=runs, loop_models=models)


def here(tags=None, **changes):
    logged = LoggedModel(model_id="m-1", status="LOGGED_MODEL_READY", files=(ArtifactFile(path="MLmodel", size=9),))
    own = {**TAGS, "month": "2025-09", "data_sha256": "cd" * 32, "replaces": "4"} | (tags or {})
    new = {"version": "5", "created": NOW + timedelta(hours=1), "tags": own, "model": logged} | changes
    first = ModelVersion(version="4", created=NOW + timedelta(minutes=1), tags={"month": "2025-03"}, model=logged)
    versions = (ModelVersion(**new), first)
    return Mlflow(registered=(RegisteredModel(name=NAME, present=True, aliases={"champion": "5"}, versions=versions),))


def files(may="keep", september="promote"):
    texts = {"decisions/2025-05.json": may, "decisions/2025-09.json": september}
    return Files(records=tuple(FileRecord(path=path, text=decided(said)) for path, said in texts.items() if said))


def told(proved=None, mlflow=None, found=None):
    evidence = Evidence(
        workspace=Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=1, started=NOW),
        fixtures={"data/2025-09.csv": "cd" * 32},
        files=found or files(),
        mlflow=mlflow or here(),
        proofs=proved or proofs(),
    )
    return run_checks(LAB, load_checks(LAB), evidence)


def failed(result):
    assert not [each for each in result.checks if each.outcome == "error"], result.checks
    return {each.name for each in result.checks if each.outcome == "failed"}


def test_a_good_loop_earns_everything():
    result = told()
    assert result.earned == result.possible == 10
    assert not failed(result)


TRAINS = {"models": 1, "pipelines": (RUN,)}


@pytest.mark.parametrize(
    ("place", "change", "check"),
    [
        (("own", 0), {"status": 1, "printed": "Traceback\nKeyError: 'x'"}, "quiet_months_are_kept"),
        (("own", 0), {"status": None, "problem": "did not answer within 240 seconds"}, "quiet_months_are_kept"),
        (("own", 0), {"said": None}, "quiet_months_are_kept"),
        (("own", 0), {"said": "[1, 2"}, "quiet_months_are_kept"),
        (("own", 0), {"said": '{"decision": 3}'}, "quiet_months_are_kept"),
        (("own", 0), {"deployed": ("1",)}, "quiet_months_are_kept"),
        (("own", 0), {"champion": ""}, "quiet_months_are_kept"),
        (("dealt", 0), TRAINS, "quiet_months_are_kept"),
        (("dealt", 0), {"models": 1}, "quiet_months_are_kept"),
        (("dealt", 0), {"versions": (CANDIDATE, OLD)}, "quiet_months_are_kept"),
        (("dealt", 0), {"said": decided("refuse")}, "quiet_months_are_kept"),
        (("tactics", 0), {"said": decided("keep")}, "drift_without_labels_waits"),
        (("tactics", 0), {"said": decided("refuse")}, "drift_without_labels_waits"),
        (("tactics", 0), TRAINS, "drift_without_labels_waits"),
        (("tactics", 0), {"status": 2}, "drift_without_labels_waits"),
        (("tactics", 1), {"champion": "1", "said": decided("refuse")}, "better_model_is_promoted"),
        (("tactics", 1), {"champion": "3"}, "better_model_is_promoted"),
        (("tactics", 1), {"said": decided("keep")}, "better_model_is_promoted"),
        (("tactics", 1), {"versions": (NEW,)}, "better_model_is_promoted"),
        (("tactics", 1), {"pipelines": ()}, "better_model_is_promoted"),
        (("tactics", 1), {"status": 1}, "better_model_is_promoted"),
        (("dealt", 1), {"champion": "2", "said": decided("promote")}, "worse_model_is_refused"),
        (("dealt", 1), {"said": decided("wait")}, "worse_model_is_refused"),
        (("dealt", 1), {"pipelines": ()}, "worse_model_is_refused"),
        (("dealt", 1), {"status": 1}, "worse_model_is_refused"),
        (("tactics", 1), {"deployed": ()}, "deployment_follows"),
        (("tactics", 1), {"deployed": ("2", "2")}, "deployment_follows"),
        (("tactics", 1), {"deployed": ("1",)}, "deployment_follows"),
        (("dealt", 1), {"deployed": ("1",)}, "deployment_follows"),
        (("tactics", 2), TRAINS, "loop_comes_to_rest"),
        (("tactics", 2), {"deployed": ("2",)}, "loop_comes_to_rest"),
        (("tactics", 3), TRAINS, "loop_comes_to_rest"),
        (("tactics", 3), {"said": decided("wait")}, "loop_comes_to_rest"),
        (("dealt", 2), {"models": 1}, "loop_comes_to_rest"),
        (("dealt", 2), {"status": 1}, "loop_comes_to_rest"),
    ],
)
def test_one_fault_fails_its_check(place, change, check):
    result = told(proofs({place: change}))
    assert failed(result) == {check}
    [refusal] = next(each for each in result.checks if each.name == check).messages
    assert refusal.found and refusal.expected and refusal.next_step


@pytest.mark.parametrize("missing", TAGS)
def test_each_tag_is_asked_for(missing):
    tags = {key: value for key, value in TAGS.items() if key != missing}
    changed = NEW.model_copy(update={"tags": tags})
    assert failed(told(proofs({("tactics", 1): {"versions": (changed, OLD)}}))) == {"promotion_is_on_record"}


def test_tags_may_be_written_in_other_ways():
    tags = TAGS | {"data_sha256": f" {SUM.upper()} ", "pipeline_run": f"runs/{RUN}/"}
    changed = NEW.model_copy(update={"tags": tags})
    assert not failed(told(proofs({("tactics", 1): {"versions": (changed, OLD)}})))


@pytest.mark.parametrize("said", ["KEEP", " keep\n"])
def test_words_are_taken_in_any_case(said):
    assert not failed(told(proofs({("own", 0): {"said": decided(said)}})))


def test_what_a_second_call_writes_is_free():
    places = (("tactics", 2), ("dealt", 2))
    for said in (decided("promote"), decided("keep"), None, "nothing"):
        assert not failed(told(proofs({place: {"said": said} for place in places})))


@pytest.mark.parametrize("model", [{"before": 0.1, "after": 0.15}, {"problem": "is not there"}])
def test_the_new_champion_is_measured(model):
    assert failed(told(proofs(model=model))) == {"better_model_is_promoted"}


def test_a_champion_that_was_not_measured_is_refused():
    proved = proofs().model_copy(update={"loop_models": ()})
    assert failed(told(proved)) == {"better_model_is_promoted"}


@pytest.mark.parametrize(
    ("tags", "changes"),
    [
        ({"month": "2025-10"}, {}),
        ({"data_sha256": "ab"}, {}),
        ({"replaces": "5"}, {}),
        ({"replaces": "9"}, {}),
        ({"replaces": ""}, {}),
        ({"pipeline_run": ""}, {}),
        ({"reason": ""}, {}),
        ({}, {"created": NOW - timedelta(days=1)}),
        ({}, {"created": None}),
        ({}, {"model": None}),
        ({}, {"version": "6"}),
    ],
)
def test_the_registry_here_is_looked_at(tags, changes):
    assert failed(told(mlflow=here(tags, **changes))) == {"loop_ran_here"}


def test_nothing_in_the_registry_here():
    assert failed(told(mlflow=Mlflow(registered=(RegisteredModel(name=NAME),)))) == {"loop_ran_here"}


@pytest.mark.parametrize("found", [files(may=""), files(september=""), files(september="keep")])
def test_decisions_here_are_looked_at(found):
    assert failed(told(found=found)) == {"loop_ran_here"}


def test_without_a_loop_nothing_is_earned():
    absent = {"status": None, "problem": "is not there: no `loop.py`, and no `loop/__main__.py`"}
    result = told(proofs(dict.fromkeys(calls(), absent)))
    assert result.earned == 0
    assert failed(result) == {"quiet_months_are_kept"}
    assert result.checks[0].messages[0].found.startswith("the loop is not there")


WORDS = st.one_of(st.none(), st.text(max_size=20), st.sampled_from([decided("keep"), "{}", "[[", '{"decision": NaN}']))
TOLD = st.fixed_dictionaries(
    {
        "status": st.one_of(st.none(), st.integers(-255, 255)),
        "printed": st.text(max_size=20),
        "said": WORDS,
        "champion": st.sampled_from(["", "1", "2", "\x1b[31m", "9" * 20]),
        "models": st.integers(0, 3),
        "pipelines": st.lists(st.text(max_size=9), max_size=2).map(tuple),
        "deployed": st.lists(st.text(max_size=9), max_size=2).map(tuple),
        "problem": st.one_of(st.none(), st.text(max_size=20)),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([*calls()]), TOLD)
def test_whatever_a_call_did_no_check_breaks(place, change):
    failed(told(proofs({place: change})))
