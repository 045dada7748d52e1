"""Grade many submissions: hand them to an executor, keep each row as it comes, and go on where a run was stopped."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from checker.course import COURSE_FILE, Course
from checker.discovery import Submission, discover
from checker.enrolment import ENROLMENTS, KEY, cohort_key
from checker.errors import Unavailable
from checker.keys import grader_key
from checker.platform import home
from checker.result import Row
from checker.store import Store

if TYPE_CHECKING:
    from checker.marking import Job

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
    """A cohort's folder and how it is graded. `make_executor` is called again when its workers died.

    `workers` is how many jobs it does at the same time, unless it knows better.
    """

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

        def due(each: Submission, digest: str) -> bool:
            if store.done(run, each.learner, each.lab, digest) or (
                self.only_changed and store.unchanged(each.learner, each.lab, digest, version)
            ):
                tally.unchanged += 1
                progress(tally)
                return False
            return True

        try:
            work = ((each, digest) for each in found if due(each, digest := _digest(each)))
            # Without any, what it needs need not be imported.
            if first := next(work, None):
                for row in self._rows(self._jobs(chain([first], work), scratch, keep)):
                    keep(row)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        store.finish(run)
        return tally

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

    def _jobs(self, due: Iterable[tuple[Submission, str]], scratch: Path, keep: Callable[[Row], None]) -> Iterator[Job]:
        """Yield what a worker shall look at; what needs no look is kept at once.

        Raises:
            Unavailable: there is something to look at, and no jail.
        """
        from checker.jail import can_confine
        from checker.marking import row_of

        for each, digest in due:
            job = self._job(each, digest, scratch)
            if each.problem:
                keep(row_of(job, each.outcome, f"{each.problem}; next: {each.next_step}"))
            elif can_confine():
                yield job
            else:
                raise Unavailable(
                    "there is no jail on this machine, and what others wrote never runs outside of one",
                    expected="Linux with bubblewrap and user namespaces",
                    next_step="run `sh infra/system.sh`, then `checker doctor`",
                )

    def _job(self, each: Submission, digest: str, scratch: Path) -> Job:
        from checker.marking import Job

        return Job(
            learner=each.learner,
            lab=each.lab,
            path=each.path,
            source=each.source,
            digest=digest,
            received=each.received,
            course=self.root,
            key=self.folder / KEY if self.enrolled else home() / "grader.key",
            enrolled=self.enrolled,
            classmates=self.folder / ENROLMENTS,
            scratch=scratch,
        )

    def _rows(self, jobs: Iterator[Job]) -> Iterator[Row]:
        """Yield rows in the order in which they are done. Workers may die: then it is found out with which job."""
        from checker.executors import stop, width
        from checker.marking import row_of

        executor = self.make_executor()
        flying: dict[Future[Row], Job] = {}
        suspects: list[Job] = []
        tries: Counter[str] = Counter()
        try:
            while True:
                dead: list[Job] = []
                # One of several was at work when a process died: each of them is tried alone.
                alone = bool(suspects)
                most = 1 if alone else EACH_WORKER * width(executor, self.workers)
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
    from checker.marking import mark

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
    """Name the content by its SHA-256: that of the archive, or of the complaint where there is none to be read."""
    from checker.archive import LARGEST_ARCHIVE

    with suppress(OSError):
        # Not a pipe: whoever opens one waits. Nor what will be refused for its size, unread.
        if not each.problem and each.path.is_file() and each.path.stat().st_size <= LARGEST_ARCHIVE:
            with each.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(f"{each.source}\0{each.problem}".encode("utf-8", "surrogateescape")).hexdigest()
