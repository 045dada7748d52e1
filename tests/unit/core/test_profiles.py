"""Checks for a cluster: skipped elsewhere, without cost in marks, wherever marks are shown or counted."""

from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.build import end_state
from checker.check import check, expect
from checker.evidence import Evidence, Identity
from checker.magic import Verdict
from checker.profiles import PROFILES, covers, running
from checker.report.junit import to_junit
from checker.report.terminal import to_text
from checker.result import Report
from checker.runner import run_checks
from tests.support import COURSE

LAB = COURSE.ready[0]
WHO = Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=1, started=datetime(2026, 1, 1, tzinfo=UTC))


@check(points=2)
def here(lab):
    """It is built."""
    return "built"


@check(points=1)
def lost(lab):
    """It is tested."""
    expect(False, found="nothing", expected="tests", next_step="write them")


@check(points=1, needs=here, profile="kind")
def there(lab, value):
    """It runs on the cluster."""
    assert value == "built"
    return "runs"


@check(points=3, needs=(there, lost), profile="kind", overlay="full")
def there_too(lab, *values):
    """It is a pipeline there."""


ALL = (here, there, there_too)


def verdict(*checks, **where):
    return run_checks(LAB, checks, Evidence(workspace=WHO, **where))


def outcomes(result):
    return [each.outcome for each in result.checks]


def test_a_check_for_a_cluster_is_skipped_elsewhere_and_costs_nothing():
    result = verdict(*ALL)
    assert outcomes(result) == ["passed", "skipped", "skipped"]
    assert (result.earned, result.possible, result.outcome) == (2, 2, "passed")
    told = result.checks[2].messages[0]
    assert told.next_step.startswith("`infra up --profile kind --overlay full`")
    assert "`local`" in told.found
    assert "overlay `full`" in told.expected


@pytest.mark.parametrize("profile", ["kind", "kind-gpu"])
def test_a_cluster_with_a_gpu_is_a_cluster(profile):
    result = verdict(here, there, profile=profile, overlay="serve")
    assert outcomes(result) == ["passed", "passed"]
    assert (result.earned, result.possible) == (3, 3)


def test_a_cluster_without_the_overlay_is_none_for_it():
    assert outcomes(verdict(*ALL, profile="kind", overlay="serve")) == ["passed", "passed", "skipped"]
    assert outcomes(verdict(*ALL, profile="kind", overlay="full")) == ["passed", "passed", "blocked"]


def test_where_it_can_be_made_it_counts():
    result = verdict(here, lost, there_too, profile="kind", overlay="full")
    assert (result.earned, result.possible, result.outcome) == (2, 6, "failed")


def test_what_is_possible_depends_on_the_place_alone():
    # `there_too` needs a check that fails and one that is skipped: blocked would make it count.
    assert verdict(here, lost, there_too).possible == 3


def test_a_lab_of_which_nothing_can_be_checked_is_skipped():
    result = verdict(there)
    assert (result.outcome, result.possible) == ("skipped", 0)
    assert Report(results=(result,)).exit_status == 0
    assert "costs you no marks" in to_text(Report(results=(result,)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"needs": there}, "is for a cluster too"),
        ({"needs": there_too, "profile": "kind"}, "is for a cluster too"),
        ({"profile": "cloud"}, "a profile is one of"),
        ({"overlay": "full"}, "an overlay is one of a cluster"),
    ],
)
def test_a_check_that_could_never_be_made_is_found_at_import(arguments, words):
    with pytest.raises(ValueError, match=words):

        @check(points=1, **arguments)
        def local(lab, *values):
            """It is never made."""


def test_the_reports_tell_it_apart_from_a_loss():
    report = Report(results=(verdict(*ALL),))
    assert "skipped    -/1   there: It runs on the cluster." in to_text(report)
    assert "2 of 2 marks. Done." in to_text(report)
    suite = ElementTree.fromstring(to_junit(report)).find("testsuite")
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("3", "2", "0")
    assert len(suite.findall("testcase/skipped")) == 2
    data = report.model_dump(mode="json")["results"]
    assert "skipped  -/1 there: It runs on the cluster." in repr(Verdict(data))
    assert ">-/1</td>" in Verdict(data)._repr_html_()


def test_the_end_state_names_the_cluster_and_counts_its_marks_apart():
    text = end_state([there, here, there_too]).splitlines()
    assert [line.split("|")[1].strip() for line in text[2:5]] == ["2", "1", "3"]
    assert "It runs on the cluster. (On a cluster: `infra up --profile kind`.)" in text[3]
    assert text[-1] == "Together 2 marks. On a cluster there are 4 more; elsewhere nothing is lost by it."
    assert end_state([here]).endswith("Together 2 marks.")


def test_profiles_are_in_order():
    assert [[covers(mine, wanted) for wanted in PROFILES] for mine in PROFILES] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


@given(st.dictionaries(st.sampled_from(["MLOPS_LABS_PROFILE", "MLOPS_LABS_OVERLAY"]), st.text(max_size=30)))
def test_whatever_the_environment_says_is_a_place(environment):
    profile, overlay = running(environment)
    assert Evidence(workspace=WHO, profile=profile, overlay=overlay).profile == profile


def test_the_environment_names_the_place():
    assert running({"MLOPS_LABS_PROFILE": "kind", "MLOPS_LABS_OVERLAY": "full"}) == ("kind", "full")
    assert running({"MLOPS_LABS_PROFILE": "local", "MLOPS_LABS_OVERLAY": "full"}) == ("local", "")
    assert running({}) == ("local", "")
