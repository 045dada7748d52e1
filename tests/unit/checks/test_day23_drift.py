"""The checks of day 23 over evidence made by hand: no Evidently, no jail."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.checks import day23_drift as day23
from checker.evidence import Evidence, Identity
from checker.evidence.drift import ColumnDrift, Drift, DriftReport, Limit, Spoken
from checker.evidence.proofs import DriftFigure, ProfileRead, Proofs, Summary
from checker.runner import load_checks, run_checks
from tests.support import COURSE, ROOT

LAB = next(lab for lab in COURSE.labs if lab.day == 23)
PROOF = LAB.proofs.drift
NOW = datetime(2026, 11, 21, tzinfo=UTC)
FIXTURES = {fixture.path: f"{number:064x}" for number, fixture in enumerate(LAB.fixtures, start=1)}
REFERENCE = tuple(FIXTURES[path] for path in day23.REFERENCE)
QUIET, LOUD, LIMIT = 0.01, 0.3, 0.05
TRUE = {"2025-06": QUIET, "2025-09": LOUD}


def method(column):
    return "wasserstein" if column in day23.NUMBERS else "jensenshannon"


def limits(**changes):
    """The thresholds, with other fields in some of them."""
    reason = "between noise and effect, by ratio"
    told = {each: Limit(column=each, method=method(each), threshold=LIMIT, reason=reason) for each in day23.COLUMNS}
    return tuple(
        each.model_copy(update=changes.get(name, {})) for name, each in told.items() if changes.get(name) != {}
    )


def true_value(name, column):
    return LOUD if name == "2025-09" and column in day23.MOVED else QUIET


def report(name, value=true_value, columns=day23.COLUMNS, threshold=LIMIT, passed=None, **changes):
    told = tuple(
        ColumnDrift(column=each, method=method(each), threshold=threshold, value=value(name, each), passed=passed)
        for each in columns
    )
    path = f"reports/{name}.json"
    return DriftReport(**{"name": name, "path": path, "sha256": f"{name[-1]}" * 64, "columns": told} | changes)


def spoken(name, **changes):
    current = (FIXTURES[day23.REPORTS[name]],)
    return Spoken(**{"name": name, "report": f"{name[-1]}" * 64, "reference": REFERENCE, "current": current} | changes)


def drift(june=None, september=None, told=None, of_june=None, **changes):
    return Drift(
        **{
            "reports": (june or report("2025-06"), september or report("2025-09")),
            "manifest": "reports/sources.yaml",
            "spoken": (of_june or spoken("2025-06"), spoken("2025-09")),
            "thresholds": "thresholds.yaml",
            "limits": limits() if told is None else told,
        }
        | changes
    )


def figures(found, **cases):
    """What the grader would compute; `cases` have other values for a month not seen, by column."""
    made = []
    values = {"asked": true_value, "replaced": lambda *_: 0.7, "swapped": lambda *_: 0.8, "other": lambda *_: 0.9}
    for each in found.reports:
        for column in each.columns:
            made += [
                DriftFigure(
                    of=of,
                    name=each.name,
                    column=column.column,
                    method=column.method,
                    values=(value(each.name, column.column),),
                )
                for of, value in values.items()
            ]
    for name, case in PROOF.cases.items():
        for limit in found.limits:
            value = cases.get(name.replace("-", "_"), {}).get(
                limit.column, LOUD if limit.column in case.drifted else QUIET
            )
            made.append(DriftFigure(of="case", name=name, column=limit.column, method=limit.method, values=(value,)))
    return tuple(made)


def profiles(**changes):
    made = []
    for path, files in PROOF.profiles.items():
        columns = tuple(
            Summary(column=each, rows=8000 * len(files), distinct=40.0)
            if each not in day23.NUMBERS
            else Summary(column=each, rows=8000 * len(files), least=0.5, most=900.0, mean=31.5, distinct=2000.0)
            for each in day23.COLUMNS
        )
        made.append(ProfileRead(**{"path": path, "found": columns, "true": columns} | changes.get(Path(path).stem, {})))
    return tuple(made)


def outcome(found=None, profile=None, **cases):
    found = found or drift()
    identity = Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=NOW)
    proofs = Proofs(drift=figures(found, **cases), profiles=profile if profile is not None else profiles())
    evidence = Evidence(workspace=identity, fixtures=FIXTURES, drift=found, proofs=proofs)
    return run_checks(LAB, load_checks(LAB), evidence)


def failed(found=None, profile=None, **cases):
    """The checks that fail, and what they found; all others pass or are blocked."""
    told = outcome(found, profile, **cases)
    assert {check.outcome for check in told.checks} <= {"passed", "failed", "blocked"}, told.checks
    return {check.name: check.messages[0].found for check in told.checks if check.outcome == "failed"}


def test_ten_marks_and_everything_right():
    told = outcome()
    assert told.earned == told.possible == 10
    assert not told.doubts


def test_the_checks_and_the_course_speak_of_the_same():
    assert tuple(PROOF.columns) == day23.COLUMNS
    assert PROOF.current == day23.REPORTS
    assert PROOF.reference == day23.REFERENCE
    assert PROOF.replaced["2025-06"] == day23.FIRST
    assert {*day23.QUIET, *day23.AFTER, *day23.SHIFTED.values()} == set(PROOF.cases)
    assert all(column in PROOF.cases[case].drifted for column, case in day23.SHIFTED.items())
    assert set(day23.QUIET) == {name for name, case in PROOF.cases.items() if not case.drifted}
    assert {*day23.MONTHLY, day23.MERGED} == set(PROOF.profiles)
    card = json.loads((ROOT / "solutions" / LAB.name / "files/scorecard.json").read_text())
    assert PROOF.scorecard.model_dump(mode="json") == card


@pytest.mark.parametrize(
    "told",
    [
        (),
        limits(score={}),
        limits(score={"method": ""}),
        limits(score={"method": "chisquare"}),
        limits(channel={"method": "wasserstein"}),
        limits(channel={"method": "TVD"}),
        limits(channel={"threshold": None}),
        limits(channel={"threshold": 0.0}),
        limits(channel={"reason": "so"}),
        (*limits(), Limit(column="transaction_id", method="psi", threshold=1, reason="x" * 30)),
    ],
)
def test_thresholds_must_be_whole(told):
    assert set(failed(drift(told=told))) == {"thresholds_are_written"}


def test_a_missing_file_of_thresholds():
    found = drift(told=(), limits_problem="is not there")
    assert set(failed(found)) == {"thresholds_are_written"}


def test_alarms_in_quiet_months_are_refused():
    told = failed(trifles={"country": 0.06})
    assert set(told) == {"quiet_months_stay_quiet"}
    assert "`country`" in told["quiet_months_stay_quiet"]
    assert set(failed(quiet_june={"age_band": LIMIT})) == {"quiet_months_stay_quiet"}


def test_hidden_drift_is_refused():
    assert "`score`" in failed(october={"score": 0.049})["drift_is_not_hidden"]
    assert "30% higher" in failed(all_shifted={"amount": 0.01})["drift_is_not_hidden"]
    assert "25% higher" in failed(scores_shifted={"score": 0.01})["drift_is_not_hidden"]
    assert not failed(october={"country": LOUD, "age_band": LOUD})


def test_p_values_alarm_below():
    told = limits(amount={"method": "ks", "threshold": 1e-12})
    values = {name: {"amount": 0.4} for name in ("quiet_february", "quiet_april", "quiet_may", "quiet_june", "trifles")}
    values |= {name: {"amount": 1e-90} for name in ("august", "october", "december", "all_shifted")}
    assert set(failed(drift(told=told), **values)) == {"september_alarms_and_june_does_not"}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (drift(june=report("2025-06", problem="is not there")), "is not there"),
        (drift(june=report("2025-06", columns=day23.COLUMNS[:-1])), "`score`"),
        (drift(june=report("2025-06", columns=(*day23.COLUMNS, "transaction_id"))), "`transaction_id`"),
        (drift(spoken_problem="is not there"), "is not there"),
        (drift(spoken=()), "says nothing"),
        (drift(of_june=spoken("2025-06", report="f" * 64)), "another SHA-256"),
        (drift(of_june=spoken("2025-06", report="")), "another SHA-256"),
        (drift(of_june=spoken("2025-06", current=(FIXTURES[day23.FIRST],))), "old report"),
        (drift(of_june=spoken("2025-06", current=(FIXTURES["data/2025-09.csv"],))), "other data"),
        (drift(of_june=spoken("2025-06", current=())), "other data"),
        (drift(of_june=spoken("2025-06", current=("e" * 64,))), "not given to you"),
        (drift(of_june=spoken("2025-06", reference=REFERENCE[:2])), "reference"),
        (
            drift(of_june=spoken("2025-06", reference=(FIXTURES[day23.REPORTS["2025-06"]],), current=REFERENCE)),
            "changed places",
        ),
    ],
)
def test_a_report_must_say_what_it_is_about(found, said):
    told = failed(found)
    assert set(told) == {"reports_name_their_data"}
    assert said in told["reports_name_their_data"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda *_: 0.7, "old report"),
        (lambda *_: 0.8, "changed places"),
        (lambda *_: 0.9, "other data"),
        (lambda name, column: true_value(name, column) / (2 if column == "amount" else 1), "`amount`"),
        (lambda name, column: true_value(name, column) / (2 if column == "score" else 1), "scorecard.json"),
        (lambda *_: None, "not what the checker computes"),
        (lambda *_: -1e300, "not what the checker computes"),
    ],
)
def test_values_that_are_not_those_of_the_data(value, said):
    told = failed(drift(june=report("2025-06", value)))
    assert set(told) == {"reports_are_true"}
    assert said in told["reports_are_true"]


def test_one_edited_number_is_suspect():
    def value(name, column):
        return QUIET * (2 if column == "amount" else 1)

    assert [doubt.level for doubt in outcome(drift(june=report("2025-06", value))).doubts] == ["suspect"]


def test_a_method_that_is_not_recomputed():
    june = report("2025-06")
    june = june.model_copy(
        update={"columns": (june.columns[0].model_copy(update={"method": "anderson"}), *june.columns[1:])}
    )
    assert "`anderson`" in failed(drift(june=june))["reports_are_true"]


def test_a_test_that_says_the_opposite():
    assert set(failed(drift(september=report("2025-09", passed=True)))) == {"reports_are_true"}
    assert set(failed(drift(june=report("2025-06", passed=False)))) == {"reports_are_true"}


def test_thresholds_of_report_and_file_must_be_the_same():
    told = failed(drift(september=report("2025-09", threshold=0.9)))
    assert set(told) == {"september_alarms_and_june_does_not"}
    assert set(failed(drift(september=report("2025-09", threshold=None)))) == {"september_alarms_and_june_does_not"}


def test_rounding_is_no_lie():
    def value(name, column):
        return true_value(name, column) * (1 + 1e-5)

    assert not failed(drift(june=report("2025-06", value), september=report("2025-09", value)))


def changed(stem, column, **figures):
    profile = next(each for each in profiles() if Path(each.path).stem == stem)
    found = tuple(each.model_copy(update=figures if each.column == column else {}) for each in profile.found)
    return profiles(**{stem: {"found": found}})


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (profiles(**{"2025-02": {"problem": "is not there", "found": ()}}), "is not there"),
        (profiles(**{"2025-02": {"found": ()}}), "says nothing"),
        (changed("2025-09", "score", rows=2000), "2000"),
        (changed("2025-06", "amount", most=90000.0), "largest"),
        (changed("2025-06", "amount", mean=None), "mean"),
        (changed("2025-06", "amount", missing=3), "missing"),
        (changed("2025-06", "country", distinct=80.0), "different"),
    ],
)
def test_profiles_must_be_those_of_the_months(profile, said):
    told = failed(profile=profile)
    assert set(told) == {"months_are_profiled"}
    assert said in told["months_are_profiled"]


def test_estimates_may_be_off_a_little():
    assert not failed(profile=changed("2025-06", "amount", distinct=2080.0))


def test_a_profile_that_was_merged_twice():
    assert set(failed(profile=changed("reference", "amount", rows=32000))) == {"reference_is_merged"}


ODD = st.none() | st.floats(allow_nan=False) | st.integers(-(10**6), 10**6)
NAMES = st.sampled_from([*day23.COLUMNS, "x\x1b[31m", ""])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    st.lists(st.builds(ColumnDrift, column=NAMES, method=st.text(max_size=9), threshold=ODD, value=ODD), max_size=9),
    st.lists(st.builds(Limit, column=NAMES, method=st.text(max_size=9), threshold=ODD, reason=st.text()), max_size=9),
)
def test_whatever_is_reported_gets_an_answer(columns, told):
    found = drift(
        june=report("2025-06", columns=(), problem=None).model_copy(update={"columns": tuple(columns)}),
        told=tuple(told),
    )
    for check in outcome(found).checks:
        assert check.outcome in ("passed", "failed", "blocked")
        assert "\x1b" not in str(check.messages)
