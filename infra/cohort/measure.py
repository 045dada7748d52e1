"""Measure on this machine what a learner and a grading worker need, for `infra.cohort.sizing` to compute with.

    python -m infra.cohort.measure learner [DAY ...]   a learner's platform, and each lab: memory, disk, CPU
    python -m infra.cohort.measure grading             one Dask worker with the submissions that `learner` made
    python -m infra.cohort.measure image               the size of the course image, estimated from what goes into it

Each part is written into measured.json when it is done. Submissions are kept in SCRATCH between the parts. CPU is what
the kernel counted for everything that was started, the jail included, and so needs a control group of one's own: run
it as root. Memory is PSS, in which pages that several processes share are counted once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from checker import platform, replay, workspace
from checker.course import course_root, load_course
from infra.trouble import Trouble

MEASURED = Path(__file__).with_name("measured.json")
SCRATCH = Path(os.environ.get("MLOPS_LABS_MEASURE", Path(tempfile.gettempdir()) / "mlops-labs-measure"))
GROUPS = (Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup"))
BIN = Path(sys.executable).parent
EACH = 0.25
SETTLING = 20.0
SEED = 7
COPIES = 3
PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Meter:
    """The memory of everything that this process started, looked at again and again, and the CPU of it all."""

    peak: int = 0
    largest: dict[str, int] = field(default_factory=dict)
    cpu: float = 0.0
    seconds: float = 0.0

    def look(self) -> None:
        """Take one reading."""
        total = 0
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error, OSError):
                used = process.memory_full_info().pss
                total += used
                words = " ".join(process.cmdline())
                for name, sign in ROLES.items():
                    if sign in words:
                        self.largest[name] = max(self.largest.get(name, 0), used)
        self.peak = max(self.peak, total)


ROLES = {
    "mlflow": "mlflow_server",
    "router": "/envoy",
    "jupyterlab": "jupyter",
    "coordinator": "checker grade --cohort",
    "scheduler": "dask scheduler",
}


class Group:
    """A control group that counts the CPU of all that is in it, whoever waits for whom."""

    def __init__(self) -> None:
        self.folder = next((each for each in GROUPS if (each / "cgroup.procs").exists()), None)
        try:
            if self.folder is None:
                raise FileNotFoundError("no control groups")
            self.folder /= f"mlops-labs-{os.getpid()}"
            self.folder.mkdir()
            (self.folder / "cgroup.procs").write_text(str(os.getpid()))
        except OSError as error:
            raise Trouble(
                found=f"no control group can be made: {error}",
                expected="a machine on which CPU can be counted",
                next_step="run it as root",
            ) from error

    def used(self) -> float:
        """CPU seconds so far."""
        assert self.folder is not None
        old = self.folder / "cpuacct.usage"
        if old.exists():
            return int(old.read_text()) / 1e9
        lines = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        return int(lines["usage_usec"]) / 1e6


@contextmanager
def measured(group: Group) -> Iterator[Meter]:
    """Measure what is done within."""
    meter, over = Meter(), threading.Event()

    def watch() -> None:
        while not over.wait(EACH):
            meter.look()

    thread = threading.Thread(target=watch, daemon=True)
    began, before = time.monotonic(), group.used()
    own = time.process_time()
    thread.start()
    try:
        yield meter
    finally:
        over.set()
        thread.join()
        meter.cpu = group.used() - before - (time.process_time() - own)
        meter.seconds = time.monotonic() - began


def disk(folder: Path) -> int:
    """The bytes that a folder takes on its disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def run(*words: str, **variables: str) -> str:
    """Run a program of this environment that must succeed."""
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        env=os.environ | platform.environment() | variables,
        cwd=course_root(Path(__file__).parent),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{words} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def keep(name: str, figures: dict[str, Any]) -> None:
    """Write one part into measured.json."""
    stored: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    noted = {"at": datetime.now(UTC).isoformat(timespec="minutes"), "load": round(os.getloadavg()[1], 1)}
    stored[name] = stored.get(name, {}) | figures | noted
    MEASURED.write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(name, json.dumps(figures), flush=True)


def learner(days: list[str], group: Group) -> None:
    """A learner's platform at rest, then each lab as its solution does it."""
    root = course_root(Path(__file__).parent)
    course = load_course(root)
    home = SCRATCH / "home"
    os.environ[platform.HOME_VARIABLE] = str(home)
    os.environ[workspace.WORK_VARIABLE] = str(SCRATCH / "work")
    shutil.rmtree(home, ignore_errors=True)
    ports = ["--mlflow-port", "5981", "--serving-port", "8981", "--jupyter-port", "8982"]
    with measured(group) as meter:
        run("infra", "up", "--notebooks", str(SCRATCH), *ports)
        time.sleep(SETTLING)
    starting, rest = meter.cpu, Meter()
    rest.look()
    try:
        keep("rest", {"memory": rest.peak, "parts": rest.largest, "starting_cpu": round(starting, 1)})
        os.environ |= platform.environment()
        for lab in (course.find(day) for day in days) if days else course.ready:
            try:
                figures = one_lab(lab.name, root, group)
            except Exception as error:
                print(f"{lab.name}: {error}", flush=True)
                continue
            keep("labs", {lab.name: figures})
        keep("home", {"disk": disk(home)})
    finally:
        run("infra", "down")


def one_lab(name: str, root: Path, group: Group) -> dict[str, Any]:
    """Start, do, grade and hand in one lab."""
    lab = load_course(root).find(name)
    shutil.rmtree(SCRATCH / "work" / name, ignore_errors=True)
    outbox = SCRATCH / "submitted" / name
    shutil.rmtree(outbox, ignore_errors=True)
    made, _ = workspace.start(lab, root, seed=SEED)
    with measured(group) as doing:
        replay.solve(lab, root, made.path)
    size = disk(made.path)
    with measured(group) as grading:
        run("checker", "grade", name)
    with measured(group) as handing:
        run("checker", "submit", name, "--to", str(outbox))
    (archive,) = outbox.glob("*.zip")
    return {
        "cpu": round(doing.cpu, 1),
        "seconds": round(doing.seconds, 1),
        "memory": doing.peak,
        "grade_cpu": round(grading.cpu, 1),
        "grade_memory": grading.peak,
        "submit_cpu": round(handing.cpu, 1),
        "submission": archive.stat().st_size,
        "disk": size,
    }


def grading(group: Group) -> None:
    """Grade whole courses of one learner and of several on one Dask worker: the difference is what a learner costs."""
    os.environ[platform.HOME_VARIABLE] = str(SCRATCH / "home")
    archives = sorted((SCRATCH / "submitted").glob("*/*.zip"))
    costs = {}
    worker, parts = 0, {}
    for learners in (1, COPIES):
        folder = SCRATCH / f"cohort-{learners}"
        shutil.rmtree(folder, ignore_errors=True)
        for number in range(learners):
            for archive in archives:
                place = folder / "submitted" / f"learner{number}" / archive.parent.name
                place.mkdir(parents=True)
                shutil.copy(archive, place)
        with measured(group) as meter:
            scheduler, address = dask_scheduler()
            words = ["worker", address, "--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--no-dashboard"]
            own = subprocess.Popen([str(BIN / "dask"), *words, "--local-directory", str(SCRATCH / "dask")])
            try:
                run("checker", "grade", "--cohort", str(folder), "--dask", address)
            finally:
                for process in (own, scheduler):
                    process.terminate()
                    process.wait()
        costs[learners] = meter.cpu
        parts = meter.largest
        worker = max(worker, meter.peak - sum(parts.get(name, 0) for name in ("coordinator", "scheduler")))
    each = (costs[COPIES] - costs[1]) / (COPIES - 1)
    keep(
        "grading",
        {
            "labs": [each.parent.name for each in archives],
            "cpu": round(each, 1),
            "beginning_cpu": round(max(0.0, costs[1] - each), 1),
            "worker_memory": worker,
            "row": round((SCRATCH / f"cohort-{COPIES}" / "results.db").stat().st_size / (COPIES * len(archives))),
            "coordinator_memory": parts.get("coordinator", 0),
            "scheduler_memory": parts.get("scheduler", 0),
        },
    )


def dask_scheduler() -> tuple[subprocess.Popen[bytes], str]:
    """Start a scheduler, and wait until it tells its address."""
    told = SCRATCH / "scheduler.json"
    told.unlink(missing_ok=True)
    words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(told)]
    process = subprocess.Popen([str(BIN / "dask"), *words])
    while not told.exists() and process.poll() is None:
        time.sleep(EACH)
    return process, str(json.loads(told.read_text(encoding="utf-8"))["address"])


def image() -> None:
    """The bytes of what goes into the course image."""
    root = course_root(Path(__file__).parent)
    course = sum(disk(root / each) for each in COPIED)
    keep("image", {"environment": disk(Path(sys.prefix)), "course": course, "base": BASE})


COPIED = ("checker", "infra", "labs")
BASE = 260 << 20
"""Debian with Python 3.11, git and bubblewrap, from what their packages say that they take."""


def main(words: list[str]) -> None:
    """Measure the part that is named."""
    part, *days = words or ["learner"]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if part == "image":
        image()
        return
    import ctypes

    # What is started as a service leaves its parent; it stays below this process all the same.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    group = Group()
    if part == "learner":
        learner(days, group)
    else:
        grading(group)


if __name__ == "__main__":
    main(sys.argv[1:])
