"""Grade many submissions: hand them to an executor, keep each row as it comes, and go on where a run was stopped."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from checker.course import COURSE_FILE, Course
from checker.discovery import Submission, discover
from checker.enrolment import ENROLMENTS, KEY, cohort_key
from checker.errors import CheckerError, Unavailable
from checker.executors import stop
from checker.jail import can_confine
from checker.keys import grader_key
from checker.marking import Job, mark, row_of
from checker.platform import home
from checker.result import Row
from checker.store import Store

SCRATCH = ".thawed"
EACH_WORKER = 3
"""So many submissions are with the executor for each worker: enough to keep it busy, and no more."""
LONE_TRIES = 2

Hear = Callable[[Row], None]


@dataclass
class Tally:
    """What became of a run: rows by status, those that were left as they are, and how many there are in all."""

    total: int = 0
    unchanged: int = 0
    rows: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Cohort:
    """A cohort's folder and how it is graded. `make_executor` is called again when its workers died."""

    folder: Path
    root: Path
    course: Course
    make_executor: Callable[[], Executor]
    workers: int
    only_changed: bool = False

    def grade(self, store: Store, hear: Hear, progress: Callable[[Tally], None]) -> Tally:
        """Grade what is in the folder; `hear` is told each row when it is kept for good.

        Raises:
            UsageError: there is nothing to grade.
            Unavailable: there is no jail, another run is at work, or the results cannot be kept.
        """
        scratch = self.folder / SCRATCH
        version = self._version()
        run = store.begin(f"{'changed' if self.only_changed else 'all'} {version}")
        found = list(discover(self.folder, self.course))
        tally = Tally(total=len(found))
        progress(tally)
        _make_anew(scratch)

        def keep(row: Row) -> None:
            if store.add(run, row, version):
                tally.rows[row.status] += 1
                hear(row)
                progress(tally)

        def due(job: Job) -> bool:
            if store.done(run, job.learner, job.lab, job.digest) or (
                self.only_changed and store.unchanged(job.learner, job.lab, job.digest, version)
            ):
                tally.unchanged += 1
                progress(tally)
                return False
            return True

        try:
            for row in self._rows(self._with_jail(filter(due, self._jobs(found, scratch, keep, due)))):
                keep(row)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        store.finish(run)
        return tally

    def _with_jail(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """Yield `jobs`, once it is known that there is a jail; without a job, nobody needs to look."""
        for job in jobs:
            if not can_confine():
                raise Unavailable(
                    "there is no jail on this machine, and what others wrote never runs outside of one",
                    expected="Linux with bubblewrap and user namespaces",
                    next_step="run `sh infra/system.sh`, then `checker doctor`",
                )
            yield job

    def _version(self) -> str:
        """Name what a verdict depends on besides the submission: the checker, the course and the key."""
        digest = hashlib.sha256()
        package = Path(__file__).parent
        for path in sorted(package.rglob("*.py")):
            digest.update(str(path.relative_to(package.parent)).encode() + path.read_bytes())
        digest.update((self.root / COURSE_FILE).read_bytes())
        digest.update(hashlib.sha256(self._key()).digest())
        return digest.hexdigest()

    def _key(self) -> bytes:
        return cohort_key(self.folder) or grader_key()

    @property
    def enrolled(self) -> bool:
        """Whether the cohort has a key of its own, from which its learners' worlds come."""
        return (self.folder / KEY).exists()

    def _jobs(
        self, found: Iterable[Submission], scratch: Path, keep: Callable[[Row], None], due: Callable[[Job], bool]
    ) -> Iterator[Job]:
        """Yield what a worker shall look at; what needs no look is kept at once."""
        for each in found:
            job = self._job(each, scratch)
            if not each.problem:
                yield job
            elif due(job):
                keep(row_of(job, each.outcome, f"{each.problem}; next: {each.next_step}"))

    def _job(self, each: Submission, scratch: Path) -> Job:
        return Job(
            learner=each.learner,
            lab=each.lab,
            path=each.path,
            source=each.source,
            digest=_digest(each),
            received=each.received,
            course=self.root,
            key=self.folder / KEY if self.enrolled else home() / "grader.key",
            enrolled=self.enrolled,
            classmates=self.folder / ENROLMENTS,
            scratch=scratch,
        )

    def _rows(self, jobs: Iterator[Job]) -> Iterator[Row]:
        """Yield rows in the order in which they are done. Workers may die: then it is found out with which job."""
        executor = self.make_executor()
        flying: dict[Future[Row], Job] = {}
        suspects: list[Job] = []
        tries: Counter[str] = Counter()
        try:
            while True:
                dead: list[Job] = []
                # One of several was at work when a process died: each of them is tried alone.
                alone = bool(suspects)
                most = 1 if alone else EACH_WORKER * self.workers
                dead += _submit(executor, iter([suspects.pop()]) if alone else jobs, flying, most)
                if not flying and not dead:
                    return
                for future in wait(flying, return_when=FIRST_COMPLETED).done if flying else ():
                    job = flying.pop(future)
                    try:
                        yield future.result()
                    except (BrokenExecutor, CancelledError):
                        dead.append(job)
                        tries[job.source] += alone
                    except Exception as error:
                        yield row_of(job, "error", f"it could not be graded: {type(error).__name__}: {error}")
                if dead:
                    dead += flying.values()
                    flying.clear()
                    stop(executor)
                    executor = self.make_executor()
                for job in dead:
                    if tries[job.source] < LONE_TRIES:
                        suspects.append(job)
                    else:
                        yield row_of(job, "error", "the process that graded it died each time; grade it again later")
        finally:
            stop(executor)


def _submit(executor: Executor, jobs: Iterator[Job], flying: dict[Future[Row], Job], most: int) -> Iterator[Job]:
    """Hand over jobs until `most` are with the executor; yield the one that it would not take since it is broken."""
    while len(flying) < most and (job := next(jobs, None)) is not None:
        try:
            flying[executor.submit(mark, job)] = job
        except BrokenExecutor:
            yield job
            return


def _make_anew(scratch: Path) -> None:
    """Make the folder for what is thawed. Nobody else is at work: what lies there is left from a run that died."""
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
    except OSError as error:
        raise Unavailable(
            f"{scratch} cannot be made: {error.strerror}",
            expected="a folder that you can write, on a disk with free space",
            next_step="mend that and start again; what was graded before is kept",
        ) from error


def _digest(each: Submission) -> str:
    """Name the content: that of the archive, or of the complaint where there is none."""
    from checker.submission import digest

    # Not a pipe: whoever opens one waits.
    if not each.problem and each.path.is_file():
        with suppress(OSError, CheckerError):
            return digest(each.path)
    return hashlib.sha256(f"{each.source}\0{each.problem}".encode("utf-8", "surrogateescape")).hexdigest()
