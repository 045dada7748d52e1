"""A cohort is graded whatever happens to its workers: nothing is lost, nothing is there twice."""

import os
from collections import Counter
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool

import pytest

from checker import cohort as rooms
from checker import jail
from checker.cohort import SCRATCH, Cohort, Tally
from checker.course import load_course
from checker.errors import Unavailable, UsageError
from checker.marking import row_of
from checker.store import RESULTS_FILE, Store
from tests.cohorts import make_cohort, small_course
from tests.cohorts.forged import rewrite

LEARNERS = 12


class Here(Executor):
    """Grades in this process. `kills` ends the process, so to speak, for those learners, so many times each."""

    def __init__(self, kills=(), times=99, work=None):
        self.kills, self.times, self.work = kills, times, work
        self.broken, self.tried = False, Counter()

    def __call__(self):
        """Make the next executor: it knows what its forerunner knew."""
        self.broken = False
        return self

    def submit(self, function, job):
        if self.broken:
            raise BrokenProcessPool("it died before")
        future = Future()
        self.tried[job.learner] += 1
        if job.learner in self.kills and self.tried[job.learner] <= self.times:
            self.broken = True
            future.set_exception(BrokenProcessPool("it died"))
            return future
        try:
            future.set_result(self.work(job) if self.work else row_of(job, "refused", "looked at"))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait=True, cancel_futures=False):
        pass


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return small_course(tmp_path_factory.mktemp("course") / "course")


@pytest.fixture
def made(tmp_path, course, monkeypatch):
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(jail, "can_confine", lambda: True)
    mix = {"starter": 5, "day 3: nothing in it": 1, "day 3: an empty folder": 1}
    return make_cohort(tmp_path / "cohort", learners=LEARNERS, mix=mix, course=course)


def grade(made, course, executor, *, only_changed=False, workers=2, hear=lambda row: None):
    """Grade once; return the tally and the rows that were heard."""
    heard = []
    seen = []
    cohort = Cohort(made.folder, course, load_course(course), executor, workers, only_changed)

    def listen(row):
        hear(row)
        heard.append(row)

    with Store(made.folder / RESULTS_FILE) as store:
        tally = cohort.grade(store, listen, lambda tally: seen.append(sum(tally.rows.values()) + tally.unchanged))
    assert seen == sorted(seen)
    return tally, heard


def names(rows):
    return sorted(row.learner for row in rows)


def all_of(made):
    return sorted(each.learner for each in made.rows)


def test_every_submission_has_a_row(made, course):
    executor = Here()
    tally, heard = grade(made, course, executor)
    assert names(heard) == all_of(made)
    assert tally == Tally(total=LEARNERS, rows=Counter(refused=LEARNERS))
    assert set(executor.tried.values()) == {1}
    # What needs no look was not handed to a worker.
    assert len(executor.tried) == LEARNERS - len(made.of("day 3: an empty folder"))
    assert not (made.folder / SCRATCH).exists()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_one_that_ends_its_process_is_one_row(made, course, workers):
    killer = made.of("starter")[1].learner
    executor = Here({killer})
    tally, heard = grade(made, course, executor, workers=workers)
    assert names(heard) == all_of(made)
    (bad,) = (row for row in heard if row.status == "error")
    assert (bad.learner, "died each time" in bad.reason) == (killer, True)
    assert tally.rows == Counter(refused=LEARNERS - 1, error=1)
    assert executor.tried[killer] <= 1 + rooms.LONE_TRIES


def test_processes_that_die_by_chance_cost_nobody_anything(made, course):
    executor = Here(set(all_of(made)), times=1)
    tally, heard = grade(made, course, executor)
    assert names(heard) == all_of(made)
    assert not tally.rows["error"]


def test_when_every_process_dies_each_has_a_row_that_says_so(made, course):
    tally, heard = grade(made, course, Here(set(all_of(made))))
    assert names(heard) == all_of(made)
    assert tally.rows["error"] == LEARNERS - len(made.of("day 3: an empty folder"))


def test_an_executor_that_fails_in_its_own_way_is_an_error_and_not_the_end(made, course):
    def work(job):
        raise RuntimeError(f"no {job.learner}\x1b[31m")

    tally, heard = grade(made, course, Here(work=work))
    assert names(heard) == all_of(made)
    assert all(row.reason.isprintable() for row in heard)
    assert tally.rows["error"]


class Stopped(Exception):
    pass


def test_it_goes_on_where_it_was_stopped(made, course):
    def stop(row, kept=[]):  # noqa: B006
        kept.append(row)
        if len(kept) == 5:
            raise Stopped

    with pytest.raises(Stopped):
        grade(made, course, Here(), hear=stop)
    assert not (made.folder / SCRATCH).exists()
    executor = Here()
    tally, heard = grade(made, course, executor)
    assert (tally.unchanged, len(heard)) == (5, LEARNERS - 5)
    with Store(made.folder / RESULTS_FILE, reading=True) as store:
        assert names(store.current()) == all_of(made)
    # A run that ended is not continued.
    tally, heard = grade(made, course, Here())
    assert (tally.unchanged, len(heard)) == (0, LEARNERS)


def test_only_what_changed(made, course):
    grade(made, course, Here())
    tally, heard = grade(made, course, Here(), only_changed=True)
    assert (tally.unchanged, heard) == (LEARNERS, [])
    first = made.of("starter")[0]
    path = made.folder / "submitted" / first.learner / first.lab / f"{first.lab}.zip"
    rewrite(path, path, lambda manifest, blobs: manifest.update(made="2026-01-01T00:00:00Z"))
    _, heard = grade(made, course, Here(), only_changed=True)
    assert names(heard) == [first.learner]
    (made.folder / "cohort.key").write_bytes(b"k" * 32)
    _, heard = grade(made, course, Here(), only_changed=True)
    assert names(heard) == all_of(made)


def test_errors_are_tried_again(made, course):
    killer = made.of("starter")[0].learner
    grade(made, course, Here({killer}))
    _, heard = grade(made, course, Here(), only_changed=True)
    assert names(heard) == [killer]
    assert heard[0].status == "refused"


def test_no_jail_no_grade(made, course, monkeypatch):
    monkeypatch.setattr(jail, "can_confine", lambda: False)
    with pytest.raises(Unavailable, match="no jail"):
        grade(made, course, Here())


def test_what_a_killed_run_left_is_gone(made, course):
    left = made.folder / SCRATCH / "abc" / "thawed"
    left.mkdir(parents=True)
    (left / "file").write_text("x")
    seen = []
    grade(made, course, Here(), hear=lambda row: seen.append(list((made.folder / SCRATCH).iterdir())))
    assert seen[0] == []
    assert not (made.folder / SCRATCH).exists()


def test_a_scratch_that_cannot_be_made_is_explained(made, course):
    (made.folder / SCRATCH).write_text("a file")
    with pytest.raises(Unavailable, match="cannot be made") as caught:
        grade(made, course, Here())
    assert caught.value.next_step


def test_nothing_to_grade(tmp_path, course, monkeypatch):
    monkeypatch.setattr(jail, "can_confine", lambda: True)
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "home"))
    with pytest.raises(UsageError), Store(tmp_path / RESULTS_FILE) as store:
        Cohort(tmp_path, course, load_course(course), Here(), 1).grade(store, print, print)


def test_no_more_is_handed_out_than_workers_can_take(made, course):
    flying = []

    class Slow(Here):
        def submit(self, function, job):
            flying.append(job)
            return super().submit(function, job)

    most = []
    grade(made, course, Slow(), workers=1, hear=lambda row: most.append(len(flying)))
    assert most[0] <= rooms.EACH_WORKER + len(made.of("day 3: an empty folder"))


def test_what_is_far_too_large_is_not_read_to_tell_it_from_others(made, course):
    path = next((made.folder / "submitted").rglob("*.zip"))
    os.truncate(path, 1 << 42)
    tally, _ = grade(made, course, Here())
    assert sum(tally.rows.values()) == LEARNERS
