"""What counts: due dates in the cohort's time zone, the late policy, extensions and weights."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.course import LatePolicy
from checker.errors import CheckerError
from checker.marks import COHORT_FILE, CohortSettings, Marks, due, marks_of, read_settings, share_lost, total
from checker.result import LabResult
from tests.support import COURSE
from tests.unit.report.synthetic import NOON, check, row

DAY_3 = next(lab for lab in COURSE.labs if lab.day == 3)
BERLIN = CohortSettings(name="c", starts="2026-03-26", timezone="Europe/Berlin")
POLICY = LatePolicy(grace_minutes=15, lost_per_day=0.1, at_most=0.5)
DUE = datetime(2026, 3, 4, 23, 59, 59, tzinfo=UTC)


def test_a_lab_is_due_at_the_end_of_a_day_in_the_cohorts_zone():
    # Summer time begins in Berlin on 2026-03-29.
    assert due(BERLIN, 3, DAY_3).isoformat() == "2026-03-29T23:59:59+02:00"
    assert due(BERLIN, 2, None).isoformat() == "2026-03-28T23:59:59+01:00"
    assert due(BERLIN, 3, DAY_3.model_copy(update={"due": 0})).isoformat() == "2026-03-26T23:59:59+01:00"
    assert due(CohortSettings(name="c"), 3, DAY_3) is None


def test_an_extension_is_for_one_learner_and_one_day():
    given_more = {"learner": "ada", "day": 3, "until": "2026-04-10"}
    settings = BERLIN.model_validate(BERLIN.model_dump() | {"extensions": [given_more]})
    assert due(settings, 3, DAY_3, "ada").date().isoformat() == "2026-04-10"
    assert due(settings, 3, DAY_3, "bob") == due(settings, 3, DAY_3) == due(BERLIN, 3, DAY_3)
    assert due(settings, 8, None, "ada") == due(BERLIN, 8, None)


@pytest.mark.parametrize(
    ("late", "lost"),
    [
        (timedelta(days=-9), 0),
        (timedelta(0), 0),
        (timedelta(milliseconds=900), 0),
        (timedelta(minutes=15), 0),
        (timedelta(minutes=15, seconds=1), 0.1),
        (timedelta(days=1), 0.1),
        (timedelta(days=1, seconds=1), 0.2),
        (timedelta(days=4, hours=5), 0.5),
        (timedelta(days=400), 0.5),
    ],
)
def test_each_day_begun_costs_a_share_up_to_a_limit(late, lost):
    assert share_lost(POLICY, DUE + late, DUE) == pytest.approx(lost)
    assert share_lost(POLICY, (DUE + late).replace(tzinfo=None), DUE) == pytest.approx(lost)


def test_without_a_date_nothing_is_late():
    assert share_lost(POLICY, NOON, None) == 0


@given(st.datetimes(timezones=st.timezones()), st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**6))
def test_the_share_lost_is_a_share(received, per_day, at_most, grace):
    policy = LatePolicy(grace_minutes=grace, lost_per_day=per_day, at_most=at_most)
    assert 0 <= share_lost(policy, received, due(BERLIN, 3, DAY_3)) <= at_most


def test_raw_marks_stay_beside_the_late_ones():
    settings = CohortSettings(name="c", starts="2026-03-01")
    late = row("ada", 3, check("a"), check("b", "failed"), received=DUE + timedelta(hours=30))
    assert marks_of(late, DAY_3, POLICY, settings) == Marks(raw=2, possible=4, lost=0.2)
    assert marks_of(late, DAY_3, POLICY, settings).final == pytest.approx(1.6)
    assert marks_of(row("ada", 3, check("a"), check("b", "error")), DAY_3, POLICY, settings).open


@pytest.mark.parametrize(
    "without",
    [
        row(status="refused"),
        row(status="error"),
        row().model_copy(
            update={"result": LabResult(day=3, lab=DAY_3.name, title="t", graded=NOON, skipped="it needs kind")}
        ),
    ],
)
def test_what_has_no_verdict_has_no_marks(without):
    assert marks_of(without, DAY_3, POLICY, BERLIN) is None


def test_the_total_is_weighed():
    assert total([(1, Marks(10, 10)), (3, Marks(5, 10))]) == pytest.approx(0.625)
    assert total([(1, Marks(10, 10)), (1, None)]) == pytest.approx(0.5)
    assert total([(0, Marks(10, 10))]) is None
    assert total([]) is None


def test_settings_are_read_and_a_folder_without_them_has_the_defaults(tmp_path):
    assert read_settings(tmp_path) == CohortSettings(name=tmp_path.name)
    (tmp_path / COHORT_FILE).write_text(BERLIN.model_dump_json())
    assert read_settings(tmp_path) == BERLIN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "JSON"),
        ('{"name": "c", "timezone": "Mars/Olympus"}', "timezone"),
        ('{"name": "c", "timezone": "../../etc/passwd"}', "timezone"),
        ('{"name": "c", "starts": "soon"}', "starts"),
        ('{"name": "c", "starts": "9999-12-31"}', "starts"),
        ('{"name": "c", "reveal": "keys"}', "reveal"),
        ('{"name": "c", "extensions": [{"learner": "ada"}]}', "extensions.0.day"),
    ],
)
def test_wrong_settings_are_named(tmp_path, text, words):
    (tmp_path / COHORT_FILE).write_text(text)
    with pytest.raises(CheckerError, match=words) as told:
        read_settings(tmp_path)
    assert told.value.next_step
