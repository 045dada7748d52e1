"""The checks of day 13 over evidence made by hand: no jail, no model."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.checks import day13_model_tests as day13
from checker.evidence import Evidence, Identity
from checker.evidence.proofs import CommandRun, Proofs
from checker.runner import load_checks, run_checks
from checker.tasks.candidates import FAULTS
from tests.support import COURSE

LAB = next(lab for lab in COURSE.labs if lab.day == 13)
CASES = {name: case.candidates["candidate"] for name, case in LAB.proofs.commands[0].cases.items()}
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def answer(case, failed, status=None, **changes):
    text = failed if isinstance(failed, str) else json.dumps({"failed": failed})
    status = int(bool(failed)) if status is None and "problem" not in changes else status
    outputs = {} if failed is None else {"report.json": text}
    return CommandRun(**{"command": "gate", "case": case, "status": status, "outputs": outputs} | changes)


def right():
    return {case: answer(case, sorted(FAULTS[kind])) for case, kind in CASES.items()}


def results(runs):
    identity = Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=NOW)
    evidence = Evidence(workspace=identity, proofs=Proofs(commands=tuple(runs.values())))
    return {check.name: check for check in run_checks(LAB, load_checks(LAB), evidence).checks}


def failed(**changes):
    """The checks that fail when these cases are answered otherwise; all others pass or are blocked."""
    found = results(right() | {run.case: run for run in changes.values()})
    assert {check.outcome for check in found.values()} <= {"passed", "failed", "blocked"}
    return {name for name, check in found.items() if check.outcome == "failed"}


def test_ten_marks_and_everything_right():
    found = results(right())
    assert {check.outcome for check in found.values()} == {"passed"}
    assert sum(check.earned for check in found.values()) == 10


def test_every_case_is_judged():
    named = {"sound", "many-faults", *day13.SOUND, *day13.BROKEN}
    named |= {case for cases in day13.ONE_FAULT.values() for case in cases}
    assert named == set(CASES)
    for family, cases in day13.ONE_FAULT.items():
        assert {FAULTS[CASES[case]] for case in cases} == {frozenset({family})}


@pytest.mark.parametrize(
    "run",
    [
        answer("sound", ["skew"]),
        answer("sound", [], 1),
        answer("sound", ["skew"], 0),
        answer("sound", None, 0),
        answer("sound", "no JSON", 0),
        answer("sound", '{"failed": {}}', 0),
        answer("sound", '{"failed": [[]]}', 0),
        answer("sound", "[1]", 0),
        answer("sound", None, 1),
        answer("sound", None, problem="it did not answer within 40 seconds"),
        answer("cut-off", [], 0),
        answer("cut-off", [], 1),
        answer("cut-off", ["model"], 0),
        answer("no-number", None, 0),
        answer("many-faults", ["invariance"], 0),
    ],
)
def test_a_gate_must_decide(run):
    assert failed(run=run) == {"gate_decides"}


@pytest.mark.parametrize(
    ("run", "refused_by"),
    [
        (answer("sound-weak", ["calibration"]), "sound_models_pass"),
        (answer("sound-forest", [], 2), "sound_models_pass"),
        (answer("age", []), "invariance_is_tested"),
        (answer("batch", None, 1), "invariance_is_tested"),
        (answer("leak", ["invariance"], 0), "invariance_is_tested"),
        (answer("no-amount", []), "direction_is_tested"),
        (answer("amount-only-abroad", []), "direction_is_tested"),
        (answer("blind-to-a-channel", []), "slices_are_tested"),
        (answer("overconfident", []), "calibration_is_tested"),
        (answer("mixed-up-payments", None, 1), "skew_is_tested"),
        (answer("hours-elsewhere", None, problem="it ended its process"), "skew_is_tested"),
        (answer("age", ["invariance", "slices"]), "reasons_are_right"),
    ],
)
def test_one_miss_costs_one_check(run, refused_by):
    assert failed(run=run) == {refused_by}


def test_half_of_invariance_earns_half():
    assert results(right() | {"leak": answer("leak", [])})["invariance_is_tested"].earned == 1
    assert results(right() | {"batch": answer("batch", [])})["invariance_is_tested"].earned == 1


@pytest.mark.parametrize(
    "run",
    [
        answer("age", [" Invariance "]),
        answer("sound", '{"failed": [], "more": {"is": [1, null]}}', 0),
        answer("cut-off", None, 1),
        answer("cut-off", ["invariance", "slices"], 3),
        answer("no-number", "no JSON", 1),
        answer("cut-off", None, problem="it ended its process"),
        answer("many-faults", ["skew"]),
    ],
)
def test_unusual_and_right(run):
    assert not failed(run=run)


def test_without_a_gate():
    problem = "none of the files is there that it needs"
    nothing = {case: CommandRun(command="gate", case=case, problem=problem) for case in CASES}
    found = results(nothing)
    assert {name for name, check in found.items() if check.outcome == "failed"} == {"gate_decides"}
    assert sum(check.earned for check in found.values()) == 0
    assert "no gate" in found["gate_decides"].messages[0].found


SIMPLE = st.none() | st.booleans() | st.floats() | st.text()
VALUES = st.recursive(SIMPLE, lambda each: st.lists(each) | st.dictionaries(st.text(), each))
REPORTS = VALUES | st.fixed_dictionaries({"failed": VALUES})


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(CASES)), REPORTS, st.integers(-255, 255))
def test_no_report_raises(case, value, status):
    found = results(right() | {case: answer(case, json.dumps(value), status)})
    assert {check.outcome for check in found.values()} <= {"passed", "failed", "blocked"}
