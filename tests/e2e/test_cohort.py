"""`checker grade --cohort` as an instructor has it: many submissions, and everything that can happen meanwhile."""

import os
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from checker.jail import can_confine
from checker.store import RESULTS_FILE, Store
from tests.cohorts import make_cohort, small_course
from tests.cohorts.forged import rewrite
from tests.support import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not can_confine(), reason="no jail can be built here")]

MANY, FEW = 200, 40
WORKERS = 2
HONEST = {"correct": 0.4, "another": 0.2, "partial": 0.2, "wrong": 0.2}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return small_course(tmp_path_factory.mktemp("course") / "course")


@pytest.fixture(scope="module")
def many(tmp_path_factory, course):
    """Every kind of submission, of three days."""
    folder = tmp_path_factory.mktemp("many") / "cohort"
    return make_cohort(folder, learners=MANY, days=(1, 3, 8), course=course, seed=1, processes=WORKERS)


@pytest.fixture(scope="module")
def few(tmp_path_factory, course):
    """Enough submissions for things to happen in the middle, none of which needs the jail."""
    folder = tmp_path_factory.mktemp("few") / "cohort"
    mix = HONEST | {"cheating": 0.3, "corrupt": 0.3}
    return make_cohort(folder, learners=FEW, mix=mix, course=course, seed=2, processes=WORKERS)


class Grader:
    """A cohort's folder, and `checker grade` on it in a process of its own."""

    def __init__(self, folder: Path, course: Path, place: Path) -> None:
        self.folder, self.course, self.place = folder, course, place
        (place / "tmp").mkdir()

    def start(self, *options, environment=None, **more):
        names = {
            "MLOPS_LABS_COURSE": str(self.course), "MLOPS_LABS_HOME": str(self.place / "home"),
            "TMPDIR": str(self.place / "tmp"),
        }  # fmt: skip
        command = [sys.executable, "-m", "checker", "grade", "--cohort", str(self.folder)]
        return Run([*command, "--workers", str(WORKERS), *options], os.environ | names | (environment or {}), more)

    def __call__(self, *options, **more):
        return self.start(*options, **more).end()

    def rows(self):
        """The rows that count."""
        with Store(self.folder / RESULTS_FILE, reading=True) as store:
            return list(store.current())

    def attempts(self):
        """(learner, lab) -> how many rows there ever were."""
        with Store(self.folder / RESULTS_FILE, reading=True) as store:
            return Counter({(each.row.learner, each.row.lab): each.attempts for each in store.standings()})

    def expect_tidy(self):
        """Nothing is left of what was thawed, nor of anything temporary."""
        assert not (self.folder / ".thawed").exists()
        assert list((self.place / "tmp").iterdir()) == []


class Run:
    """One running `checker grade`, in a session of its own."""

    def __init__(self, command, environment, more):
        self.lines, self._began = [], time.monotonic()
        self.process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, **more,
        )  # fmt: skip

    def until(self, count):
        """Read until so many rows were told."""
        while len(self.lines) < count:
            line = self._line()
            assert line, self.output
            self.lines.append(line)

    def _line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 120)
        assert ready, f"nothing for two minutes; before that: {self.output}"
        return self.process.stdout.readline()

    @property
    def output(self):
        return b"".join(self.lines).decode()

    @property
    def family(self):
        return [self.process, *psutil.Process(self.process.pid).children(recursive=True)]

    @property
    def workers(self):
        children = psutil.Process(self.process.pid).children()
        return [each for each in children if any("spawn_main" in word for word in each.cmdline())]

    def end(self):
        """Wait for the end; return itself."""
        while line := self._line():
            self.lines.append(line)
        self.process.stdout.close()
        self.status = self.process.wait(30)
        self.seconds = time.monotonic() - self._began
        return self


def gone(processes, seconds=15):
    """Whether all of them end in time; those that still run."""
    _, alive = psutil.wait_procs([each for each in processes if isinstance(each, psutil.Process)], seconds)
    return not alive, alive


@pytest.fixture
def grader(few, course, tmp_path):
    """The few, in a folder of their own."""
    subprocess.run(["cp", "-a", str(few.folder), str(tmp_path / "cohort")], check=True)
    return Grader(tmp_path / "cohort", course, tmp_path)


def told(rows):
    """What a row must say however it came about."""
    return sorted(
        (each.learner, each.lab, each.status, each.reason, each.digest, each.result and each.result.earned)
        for each in rows
    )


@pytest.fixture(scope="module")
def calm(few, course, tmp_path_factory):
    """What the few become when nothing happens."""
    place = tmp_path_factory.mktemp("calm")
    subprocess.run(["cp", "-a", str(few.folder), str(place / "cohort")], check=True)
    grader = Grader(place / "cohort", course, place)
    done = grader()
    assert done.status == 1, done.output
    assert few.differences(grader.rows()) == []
    return told(grader.rows())


def test_two_hundred_learners(many, course, tmp_path):
    """Every row is as it must be, and those that hang, eat or kill in the jail cost no other anything."""
    grader = Grader(many.folder, course, tmp_path)
    done = grader()
    assert "Traceback" not in done.output
    assert done.status == 1, done.output
    rows = grader.rows()
    assert many.differences(rows) == []
    assert set(grader.attempts().values()) == {1}
    grader.expect_tidy()
    honest = {(each.learner, each.lab) for each in many.rows if each.is_honest}
    assert not [row for row in rows if row.result and row.result.doubts and (row.learner, row.lab) in honest]
    for each in rows:
        assert each.status == "graded" or each.reason
    slow = [each for each in many.rows if "hangs" in each.kind or "never ends" in each.kind]
    seconds = {(each.learner, each.lab): each.seconds for each in rows}
    assert min(seconds[each.learner, each.lab] for each in slow) > 10
    assert max(seconds[each.learner, each.lab] for each in many.rows if each.kind.startswith("day 3")) < 10
    assert not list(tmp_path.rglob("escaped*"))
    assert not list(many.folder.rglob("escaped*"))


def test_what_is_shared_is_shown_with_whom(many, course, tmp_path):
    if not (many.folder / RESULTS_FILE).exists():
        Grader(many.folder, course, tmp_path)()
    with Store(many.folder / RESULTS_FILE, reading=True) as store:
        shared = {frozenset(holder.learner for holder in each.holders) for each in store.shared()}
    wanted = [each for each in many.rows if each.shares]
    assert wanted
    for each in wanted:
        assert any({each.learner, *each.shares} <= group for group in shared), each
    involved = {name for each in wanted for name in (each.learner, *each.shares)}
    assert set().union(*shared) <= involved


def test_workers_that_are_killed_lose_nothing(grader, few, calm):
    run, chosen = grader.start(), random.Random(3)
    for rows in (3, 12, 20):
        run.until(rows)
        if workers := run.workers:
            chosen.choice(workers).send_signal(signal.SIGKILL)
    done = run.end()
    assert done.status == 1, done.output
    assert told(grader.rows()) == calm
    assert set(grader.attempts().values()) == {1}
    grader.expect_tidy()


def test_a_killed_coordinator_goes_on_where_it_was(grader, few, calm):
    run = grader.start()
    run.until(10)
    family = run.family
    run.process.send_signal(signal.SIGKILL)
    run.end()
    ended, alive = gone(family)
    assert ended, alive
    before = grader.rows()
    assert len(before) >= 10
    second = grader()
    assert second.status == 1, second.output
    assert f"{len(before)} left as they were" in second.output
    assert told(grader.rows()) == calm
    assert set(grader.attempts().values()) == {1}
    for row in before:
        assert f"{row.learner} " not in second.output
    grader.expect_tidy()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_stops_everything_and_the_next_start_goes_on(grader, calm, how):
    run = grader.start()
    run.until(8)
    family = run.family
    if how == signal.SIGINT:
        # A terminal sends it to everybody.
        os.killpg(run.process.pid, how)
    else:
        run.process.send_signal(how)
    done = run.end()
    assert done.status == 130, done.output
    assert done.seconds < 60
    assert "goes on from there" in done.output
    assert "Traceback" not in done.output
    ended, alive = gone(family, 5)
    assert ended, alive
    grader.expect_tidy()
    before = len(grader.rows())
    assert before >= 8
    second = grader()
    assert f"{before} left as they were" in second.output
    assert told(grader.rows()) == calm
    assert set(grader.attempts().values()) == {1}


def test_two_at_once_are_told_apart(grader, calm):
    run = grader.start()
    run.until(2)
    other = grader()
    assert other.status == 3
    assert "another `checker grade` is at work" in other.output
    run.end()
    assert told(grader.rows()) == calm


def test_only_what_changed_is_graded_again(grader, few, calm):
    grader()
    assert told(grader.rows()) == calm
    again = grader("--only-changed")
    assert again.status == 0, again.output
    assert f"{FEW} left as they were" in again.output
    assert again.seconds < 20
    better, worse = few.of("starter", "partial")[0], few.of("correct")[0]
    donor = few.of("correct")[1]
    shutil.copyfile(
        *(grader.folder / "submitted" / each.learner / each.lab / f"{each.lab}.zip" for each in (donor, worse))
    )
    path = grader.folder / "submitted" / better.learner / better.lab / f"{better.lab}.zip"
    rewrite(path, path, lambda manifest, blobs: manifest.update(made="2026-01-01T00:00:00Z"))
    third = grader("--only-changed")
    assert "1 graded, 1 refused" in third.output, third.output
    assert f"{FEW - 2} left as they were" in third.output
    attempts = grader.attempts()
    assert {key for key, count in attempts.items() if count == 2} == {
        (each.learner, each.lab) for each in (better, worse)
    }
    # A verdict that was given is not lost to a later refusal.
    assert told(row for row in grader.rows() if row.learner == worse.learner) == [
        row for row in calm if row[0] == worse.learner
    ]


def test_results_that_cannot_grow(grader, calm):
    """The file's limit stands for a full disk: what was graded before is kept, and the next start goes on."""
    limit = 300_000

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = grader(preexec_fn=little)
    assert done.status == 3, done.output
    assert "cannot grow" in done.output
    assert "make some room" in done.output
    assert "Traceback" not in done.output
    kept = len(grader.rows())
    assert 0 < kept < FEW
    second = grader()
    assert f"{kept} left as they were" in second.output
    assert told(grader.rows()) == calm
    assert set(grader.attempts().values()) == {1}
    grader.expect_tidy()


FULL = """
set -e
disk=$1
mount -t tmpfs -o size=64m none "$disk"
cp -a "$2/." "$1/"
used=$(du -sk "$1" | cut -f1)
mount -o remount,size=$((used + 4000))k "$1"
shift 2
set +e
"$@"; echo "ended with $?"
mount -o remount,size=200m "$disk"
"$@" --only-changed; echo "ended with $?"
"""


def test_no_room_for_what_is_thawed(tmp_path):
    """A tmpfs that holds the cohort and nothing more: errors that say so, and all is well when there is room."""
    if subprocess.run(["unshare", "-Urm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here: no user namespaces for this user")
    made = make_cohort(tmp_path / "made", learners=6, mix={"correct": 4, "day 3: no zip": 2}, seed=4)
    disk = tmp_path / "disk"
    disk.mkdir()
    command = [sys.executable, "-m", "checker", "grade", "--cohort", str(disk), "--workers", "2"]
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", FULL, "sh", str(disk), str(made.folder), *command],
        cwd=ROOT, env=os.environ | {"MLOPS_LABS_HOME": str(tmp_path / "home")}, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
    )  # fmt: skip
    first, second, _ = done.stdout.split("ended with ")
    assert first.count("error: the submission cannot be unpacked: No space left on device") == 4, done.stdout
    assert "4 error" in first
    assert second.startswith("3\n")
    assert second.count("10/10 marks") == 4, done.stdout
    assert "4 graded, 2 left as they were" in second
    assert done.stdout.endswith("ended with 0\n")


BROKEN = """
import dataclasses, os
if os.environ.get("WITH_A_BUG"):
    import checker.checks.day03_data_versioning as day
    def broken(lab, *needed):
        raise ZeroDivisionError("a bug")
    broken.__doc__, broken.__name__ = day.april_is_back.description, "april_is_back"
    day.april_is_back = dataclasses.replace(day.april_is_back, function=broken)
"""


def test_a_check_with_a_bug_costs_nothing(tmp_path, course):
    made = make_cohort(tmp_path / "cohort", learners=4, mix={"correct": 1}, course=course, seed=5)
    grader = Grader(made.folder, course, tmp_path)
    assert grader().status == 0
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    bug = {"WITH_A_BUG": "yes", "PYTHONPATH": str(tmp_path)}
    done = grader(environment=bug)
    assert done.output.count("8/10 marks  some checks could not be decided") == 4, done.output
    with Store(made.folder / RESULTS_FILE, reading=True) as store:
        newest = [list(store.attempts(each.learner, each.lab))[-1] for each in made.rows]
    for row in newest:
        (broken,) = (check for check in row.result.checks if check.outcome == "error")
        assert (row.status, row.result.outcome, broken.name) == ("graded", "error", "april_is_back")
        assert "costs you no marks" in broken.messages[0].next_step
    # What counts is the verdict that is whole.
    assert [row.result.earned for row in grader.rows()] == [10] * 4


CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=sys.argv[1]
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@contextmanager
def cluster(place, environment):
    pytest.importorskip("distributed")
    script = place / "cluster.py"
    script.write_text(CLUSTER)
    with subprocess.Popen(
        [sys.executable, str(script), str(place / "dask")], cwd=ROOT, env=os.environ | environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        yield process.stdout.readline().strip()
        process.stdin.close()


def test_a_dask_cluster_gives_the_same_rows(grader, few, calm, tmp_path, course):
    environment = {"MLOPS_LABS_COURSE": str(course), "MLOPS_LABS_HOME": str(tmp_path / "home")}
    with cluster(tmp_path, environment) as address:
        done = grader("--dask", address)
        assert done.status == 1, done.output
        assert told(grader.rows()) == calm
        run = grader.start("--dask", address)
        run.until(5)
        run.process.send_signal(signal.SIGINT)
        stopped = run.end()
        assert stopped.status == 130, stopped.output
        assert "Traceback" not in stopped.output
        done = grader("--dask", address)
        assert "left as they were" in done.output
    assert told(grader.rows()) == calm
    assert set(grader.attempts().values()) == {2}
    nobody = grader("--dask", address)
    assert nobody.status == 3
    assert "no Dask scheduler answers" in nobody.output
