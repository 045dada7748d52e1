"""One submission -> one row, whatever it is and whatever happens."""

import dataclasses
import os
import resource
import tempfile
import threading
import time
from datetime import UTC, datetime

import pytest

from checker import marking
from checker.enrolment import ENROLMENTS, KEY
from checker.marking import Job, mark
from checker.result import Row
from tests.cohorts import make_cohort, small_course

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marking")
    course = small_course(folder / "course")
    mix = {"correct": 2, "day 3: tracked only": 1, "day 3: the data of another seed": 1}
    return make_cohort(folder / "cohort", learners=4, mix=mix, course=course), course


@pytest.fixture
def job(cohort, tmp_path):
    """The job of a correct submission."""
    made, course = cohort
    return job_of(made, course, made.of("correct")[0], tmp_path)


def job_of(made, course, each, scratch):
    place = made.folder / "submitted" / each.learner / each.lab
    (path,) = place.glob("*.zip")
    return Job(
        learner=each.learner, lab=each.lab, path=path, source=str(path.relative_to(made.folder)), digest="0" * 64,
        received=NOW, course=course, key=made.folder / KEY, enrolled=True, classmates=made.folder / ENROLMENTS,
        scratch=scratch,
    )  # fmt: skip


def test_every_kind_becomes_its_row(cohort, tmp_path):
    made, course = cohort
    rows = [mark(job_of(made, course, each, tmp_path)) for each in made.rows]
    assert made.differences(rows) == []
    assert list(tmp_path.iterdir()) == []
    for row in rows:
        assert row.seconds > 0
        assert (row.day, row.received, row.digest) == (3, NOW, "0" * 64)
        assert (row.fingerprints != ()) == (row.status == "graded")
        assert Row.model_validate_json(
            row.model_dump_json(exclude={"result": {"earned", "possible", "integrity", "outcome"}})
        )


def test_somebody_elses(cohort, job):
    made, _ = cohort
    other = made.of("correct")[1].learner
    row = mark(dataclasses.replace(job, learner=other))
    assert row.status == "refused"
    assert f"says that it is {job.learner}'s, and was handed in by {other}" in row.reason
    assert "checker enrol" in row.reason
    assert row.learner == other


def test_another_lab(job):
    row = mark(dataclasses.replace(job, lab="day08-experiment-tracking"))
    assert (row.status, row.day) == ("refused", 8)
    assert "handed in for day08" in row.reason


def test_a_world_of_nobody(job):
    # As if the cohort's key had been another when the learner started.
    other = job.scratch / "other.key"
    other.write_bytes(b"k" * 32)
    row = mark(dataclasses.replace(job, key=other))
    assert row.status == "refused"
    assert "a world of nobody in this cohort" in row.reason


def test_without_a_key_of_the_cohort_worlds_are_believed(job):
    row = mark(dataclasses.replace(job, enrolled=False))
    assert (row.status, row.result.earned) == ("graded", 10)


@pytest.mark.parametrize("what", ["key", "path"])
def test_what_is_missing_on_our_side_is_an_error(job, what):
    row = mark(dataclasses.replace(job, **{what: job.scratch / "nowhere"}))
    assert row.status == "error"
    assert "cannot be read" in row.reason


def test_a_scratch_that_is_gone_is_an_error(job):
    row = mark(dataclasses.replace(job, scratch=job.scratch / "nowhere"))
    assert row.status == "error"
    assert row.result is None


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), SystemExit(0), KeyboardInterrupt(), RecursionError()])
def test_a_bug_of_ours_is_an_error(job, monkeypatch, error):
    def broken(job):
        raise error

    monkeypatch.setattr(marking, "_mark", broken)
    row = mark(job)
    assert row.status == "error"
    assert "the grader itself failed" in row.reason
    assert type(error).__name__ in row.reason


def test_one_that_takes_too_long_does_not_hold_up_the_next(job, monkeypatch):
    slow, plain = threading.Event(), marking._mark
    monkeypatch.setattr(marking, "_mark", lambda job: slow.wait(60))
    began = time.monotonic()
    row = mark(dataclasses.replace(job, seconds=0.1))
    assert (row.status, time.monotonic() - began < 5) == ("error", True)
    assert "not graded within 0.1 seconds" in row.reason
    monkeypatch.setattr(marking, "_mark", plain)
    assert mark(job).status == "graded"
    slow.set()


def test_the_jail_stays_warm():
    jails = [marking._in_time(marking._jail, 10) for _ in range(2)]
    threads = [marking._in_time(threading.current_thread, 10) for _ in range(2)]
    assert jails[0] is jails[1]
    assert threads[0] is threads[1]
    assert threads[0].is_alive()


def test_a_process_of_ours_keeps_everything_in_one_place(job, monkeypatch):
    seen = []
    monkeypatch.setitem(marking._process, "is ours", True)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(marking, "_mark", lambda job: seen.append(tempfile.gettempdir()))
    mark(job)
    assert seen == [str(job.scratch)]


def test_a_process_in_which_something_never_ended_takes_no_more(job, monkeypatch):
    monkeypatch.setattr(os, "_exit", lambda status: (_ for _ in ()).throw(SystemExit(status)))
    monkeypatch.setattr(marking, "_process", {"is ours": True, "is spent": False})
    monkeypatch.setattr(marking, "_mark", lambda job: time.sleep(5))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert "not graded within" in mark(dataclasses.replace(job, seconds=0.1)).reason
    with pytest.raises(SystemExit):
        mark(job)


def test_a_worker_ends_with_the_one_that_started_it(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(os, "_exit", lambda status: ended.set() or time.sleep(60))
    monkeypatch.setitem(marking._process, "is ours", False)
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: None)
    marking.stay_with(os.getppid() + 1)
    assert ended.wait(5)
    assert marking._process["is ours"]


def test_a_row_without_a_verdict_can_be_shown(job):
    hostile = dataclasses.replace(job, lab="day99-\x1b[31m", source="a\nb\u202e")
    row = marking.row_of(hostile, "refused", "no\x1b[31m\n" * 500)
    assert (row.day, row.result) == (0, None)
    assert row.source.isprintable()
    assert row.reason.isprintable()
    assert len(row.reason) <= 1000
