"""One submission -> one row. Runs in a worker: whatever it is given, it answers with a row."""

from __future__ import annotations

import atexit
import os
import queue
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from checker.archive import Refused
from checker.course import Course, Lab, load_course
from checker.enrolment import UNENROLLED, roster
from checker.errors import CheckerError, Unavailable
from checker.evidence import Identity
from checker.jail import Jail
from checker.keys import read_key, world_seed
from checker.result import Row
from checker.text import clean

_own = threading.local()
"""What a thread keeps from one submission to the next: whom it gives orders, or its warm jail."""
_process = {"is ours": False, "is spent": False}
"""Whether this process is there for grading alone, and whether a submission that took too long is still at work."""
MEMORY = 8 << 30
WARM = ("mlflow.pyfunc.model", "mlflow.sklearn", "checker.tasks.rehearsal")


@dataclass(frozen=True)
class Job:
    """What a worker is told of one submission: paths and names, never the key itself.

    `enrolled` says that the key is the cohort's and the learners' seeds come from it; `classmates` is the folder
    whose files are named by all of them. `seconds` is what the submission may take.
    """

    learner: str
    lab: str
    path: Path
    source: str
    digest: str
    received: datetime
    course: Path
    key: Path
    enrolled: bool
    classmates: Path
    scratch: Path
    seconds: float = 1800


def mark(job: Job) -> Row:
    """Thaw, collect, prove and check one submission."""
    started = time.perf_counter()
    if _process["is ours"]:
        if _process["is spent"]:
            # Its place is taken by a new process, and this submission is handed to that.
            os._exit(1)
        # What a process that is killed leaves behind lies where the next run clears up.
        tempfile.tempdir = str(job.scratch)
    try:
        row = _in_time(lambda: _mark(job), job.seconds)
    except Refused as error:
        row = row_of(job, "refused", _sentence(error))
    except CheckerError as error:
        row = row_of(job, "error", _sentence(error))
    except Exception as error:
        row = row_of(job, "error", f"the grader itself failed: {type(error).__name__}: {clean(error, 300)}")
    return row.model_copy(update={"seconds": round(time.perf_counter() - started, 3)})


def row_of(job: Job, status: str, reason: str) -> Row:
    """Return a row without a verdict."""
    lab = next((each for each in _course(job.course).labs if each.name == job.lab), None)
    return Row.model_validate(
        {
            "learner": job.learner,
            "day": lab.day if lab else 0,
            "lab": job.lab,
            "source": clean(job.source, 500),
            "digest": job.digest,
            "received": job.received,
            "status": status,
            "reason": clean(reason, 1000),
        }
    )


def _mark(job: Job) -> Row:
    from checker import attempts
    from checker.fingerprints import fingerprints
    from checker.grading import judge
    from checker.submission import thaw

    course = _course(job.course)
    with tempfile.TemporaryDirectory(dir=job.scratch, ignore_cleanup_errors=True) as place:
        workspace = thaw(job.path, Path(place, "thawed"), course.find)
        lab = course.find(workspace.identity.lab)
        _expect_own(job, lab, workspace.identity)
        result, evidence = judge(lab, workspace, read_key(job.key), _jail())
        models = workspace.carried.models if workspace.carried else None
        return row_of(job, "graded", "").model_copy(
            update={
                "result": result.model_copy(update={"learner": job.learner}),
                "fingerprints": fingerprints(evidence, models),
                "past": attempts.read(workspace),
            }
        )


def _expect_own(job: Job, lab: Lab, identity: Identity) -> None:
    """Refuse a submission that is of another lab, of another learner, or of another learner's world."""
    if lab.name != job.lab:
        raise Refused(
            f"the archive is of {lab.name}, and was handed in for {job.lab}",
            expected=f"the archive of {job.lab}",
            next_step=f"run `checker submit` in the workspace of {job.lab}",
        )
    named = clean(identity.learner, 80)
    if identity.learner != job.learner and (job.enrolled or identity.learner != UNENROLLED):
        raise Refused(
            f"the archive says that it is {named}'s, and was handed in by {clean(job.learner, 80)}",
            expected="one's own work, begun under one's own name",
            next_step="run `checker enrol` with your own enrolment, then `checker start DAY --reset`",
        )
    if not job.enrolled or identity.seed == world_seed(read_key(job.key), job.learner):
        return
    key = read_key(job.key)
    owner = next((name for name in roster(job.classmates) if world_seed(key, name) == identity.seed), None)
    raise Refused(
        f"the workspace was started in {f'the world of {owner}' if owner else 'a world of nobody in this cohort'}",
        expected=f"the world of {clean(job.learner, 80)}, which the enrolment gives",
        next_step="run `checker enrol` with your own enrolment, then `checker start DAY --reset`",
    )


def _sentence(error: CheckerError) -> str:
    parts = [error.found]
    parts += [f"expected: {error.expected}"] if error.expected else []
    parts += [f"next: {error.next_step}"] if error.next_step else []
    return "; ".join(parts)


Answers = queue.SimpleQueue[tuple[Row | None, BaseException | None]]


def _serve(orders: queue.SimpleQueue[tuple[Callable[[], Row], Answers] | None]) -> None:
    """Do one thing after another, until there is nothing more to come."""
    while (order := orders.get()) is not None:
        work, answers = order
        try:
            answers.put((work(), None))
        except BaseException as error:
            answers.put((None, error))


def _in_time(work: Callable[[], Row], seconds: float) -> Row:
    """Do `work` in a second thread, and wait only so long: one submission does not stop the others.

    It is the same thread for all of them, since a jail is as warm as the thread that started it is alive.
    """
    orders: queue.SimpleQueue[tuple[Callable[[], Row], Answers] | None] | None = getattr(_own, "orders", None)
    if orders is None:
        orders = _own.orders = queue.SimpleQueue()
        threading.Thread(target=_serve, args=(orders,), daemon=True).start()
    answers: Answers = queue.SimpleQueue()
    orders.put((work, answers))
    try:
        row, error = answers.get(timeout=seconds)
    except queue.Empty:
        # That thread ends when what it is at does; the next submission gets another, with another jail.
        orders.put(None)
        _own.orders = None
        _process["is spent"] = _process["is ours"]
        raise Unavailable(
            f"it was not graded within {seconds:g} seconds", expected="an answer in time", next_step="grade it again"
        ) from None
    if row is None:
        raise error if isinstance(error, Exception) else RuntimeError(f"it ended with {error!r}")
    return row


@cache
def _course(root: Path) -> Course:
    return load_course(root)


def _jail() -> Jail:
    """This thread's warm jail: one that a submission broke is built anew at its next task."""
    from checker.prove import models, notebooks

    made: Jail | None = getattr(_own, "jail", None)
    if made is None:
        made = _own.jail = Jail(confined=True, preload=dict.fromkeys((*notebooks.PRELOADED, *models.PRELOADED, *WARM)))
        atexit.register(made.close)
    return made


def stay_with(parent: int) -> None:
    """Begin a worker process: it ends when the process that started it is gone, however that ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    # What a hostile file makes of memory ends as one row's error, and not as the machine's.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    _process["is ours"] = True
