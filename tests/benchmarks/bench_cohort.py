"""Grading a cohort: throughput against nbgrader and otter, workers, Dask, memory, and what an unchanged one costs.

`python tests/benchmarks/bench_cohort.py [PART ...]`, parts: day3 day8 workers dask unchanged memory. Wall-clock
time, since a cohort is graded by the whole machine and bubblewrap hides what its children used. Otter needs an
environment of its own; it is made beside this project's, under build/otter, at the first run.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from bench_grade import nbgrader_course
from measure import report

from checker import platform, replay, submission, workspace
from checker.course import course_root, load_course
from tests.cohorts import make_cohort, small_course

ROOT = course_root(Path(__file__).parent)
OTTER = "otter-grader==7.0.0"
OTTER_TEST = (
    "OK_FORMAT = True\n"
    'test = {"name": "q1", "points": 1, "suites": [{"cases": [{"code": ">>> 1 + 1\\n2", "hidden": False, '
    '"locked": False}], "scored": True, "setup": "", "teardown": "", "type": "doctest"}]}\n'
)
LEARNERS = {"3": 40, "8": 40}
PEERS = {"3": 1 / 50, "8": 1 / 10}


def seconds(command: list[str], **options) -> float:
    """Return the wall-clock seconds of a command that must succeed."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - began


def grade(folder: Path, *options: str, again: bool = True, **environment: str) -> float:
    """Return the seconds that `checker grade --cohort` takes, from its start to its end."""
    if again:
        for path in folder.glob("results.db*"):
            path.unlink()
    command = [sys.executable, "-m", "checker", "grade", "--cohort", str(folder), *options]
    return seconds(command, env=os.environ | environment, cwd=ROOT)


def otter() -> Path:
    """Return otter's own environment, made once; what the notebooks import comes from this one."""
    place = ROOT / "build" / "otter"
    if not (place / "bin" / "otter").exists():
        venv.create(place, with_pip=True)
        subprocess.run([place / "bin" / "pip", "install", "-q", OTTER], check=True, capture_output=True)
        (site,) = place.glob("lib/python3*/site-packages")
        ours = next(Path(each) for each in sys.path if each.endswith("site-packages"))
        (site / "ours.pth").write_text(f"{ours}\n")
    return place / "bin" / "otter"


def against_peers(day: str, scratch: Path) -> None:
    """Compare the time that one submission takes: ours in a cohort, theirs one by one on the same notebook."""
    lab = load_course(ROOT).find(day)
    finished = {}
    for seed in (7, 8):
        for state in ("untouched", "finished"):
            os.environ[workspace.WORK_VARIABLE] = f"{scratch}/{day}-{seed}/{state}"
            made, _ = workspace.start(lab, ROOT, seed=seed)
        replay.solve(lab, ROOT, made.path)
        with submission.frozen(lab, made) as frozen:
            finished[seed], _ = frozen.write(scratch / f"{day}-{seed}")
    cohort = scratch / f"cohort-{day}"
    for number in range(LEARNERS[day]):
        place = cohort / "submitted" / f"learner{number:03}" / lab.name
        place.mkdir(parents=True)
        shutil.copy(finished[7 + number % 2], place)
    ours = grade(cohort) / LEARNERS[day]
    book = scratch / f"nbgrader-{day}"
    nbgrader_course(book, lab, ROOT, scratch / f"{day}-8" / "finished" / lab.name)
    nbgrader = seconds([sys.executable, "-m", "nbgrader", "autograde", "--force", lab.name], cwd=book)
    report(f"day {day}, one of {LEARNERS[day]}", ours, nbgrader, "nbgrader autograde", PEERS[day], "s")
    place = scratch / f"otter-{day}"
    (place / "tests").mkdir(parents=True)
    (place / "tests" / "q1.py").write_text(OTTER_TEST)
    plain = ["--no-requirements", "--no-environment", "--no-config"]
    seconds([str(otter()), "generate", "-t", "tests", "-o", "autograder.zip", *plain], cwd=place)
    submitted = shutil.make_archive(str(place / "submission"), "zip", book / "submitted" / "learner" / lab.name)
    theirs = seconds([str(otter()), "run", submitted, "-a", "autograder.zip", "--no-logo"], cwd=place)
    report(f"day {day}, one of {LEARNERS[day]}", ours, theirs, "otter run", PEERS[day], "s")


def honest(folder: Path, learners: int) -> Path:
    """Make a cohort of honest day 3 submissions, each in a world of its own."""
    make_cohort(folder, learners=learners, mix={"correct": 1})
    return folder


def workers(scratch: Path) -> None:
    """Two workers against one."""
    folder = honest(scratch / "workers", 60)
    one, two = grade(folder, "--workers", "1"), grade(folder, "--workers", "2")
    report("two workers", two, one, "one worker", 1 / 1.7, "s")


def dask(scratch: Path) -> None:
    """A Dask cluster on this machine against the pool, two workers each, without profiles as in `infra/cohort`."""
    import dask
    from distributed import LocalCluster

    dask.config.set({"distributed.worker.profile.enabled": False})
    folder = honest(scratch / "dask", 150)
    pool = grade(folder, "--workers", "2")
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        grade(folder, "--dask", cluster.scheduler_address)
        ours = grade(folder, "--dask", cluster.scheduler_address)
    report("Dask cluster", ours, pool, "pool", 1 / 0.8, "s")


def unchanged(scratch: Path) -> None:
    """The same cohort a second time."""
    folder = honest(scratch / "unchanged", 400)
    first, again = grade(folder), grade(folder, "--only-changed", again=False)
    report("unchanged cohort of 400", again, first, "the first time", 1 / 100, "s")


def memory(scratch: Path) -> None:
    """The coordinator's own peak memory for 200 and for 2,000 submissions of a course with little data."""
    course = small_course(scratch / "small")
    make_cohort(scratch / "few", learners=200, course=course, mix={"correct": 1})
    shutil.copytree(scratch / "few", scratch / "many")
    for student in sorted((scratch / "few" / "submitted").iterdir()):
        for number in range(1, 10):
            shutil.copytree(student, scratch / "many" / "submitted" / f"{student.name}-{number}")
    peaks = {}
    for name in ("few", "many"):
        command = [sys.executable, "-m", "checker", "grade", "--cohort", str(scratch / name)]
        child = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, env=os.environ | {"MLOPS_LABS_COURSE": str(course)}
        )
        while child.poll() is None:
            status = Path(f"/proc/{child.pid}/status").read_text()
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                peaks[name] = int(found[1])
            time.sleep(0.2)
    ratio = peaks["many"] / peaks["few"]
    word = "reached" if ratio <= 1.2 else "MISSED"
    print(
        f"peak memory of the coordinator: {peaks['many'] >> 10} MiB for 2,000; {peaks['few'] >> 10} MiB for 200; "
        f"ratio {ratio:.3f}, at most 1.200: {word}"
    )


def main() -> None:
    """Run the named parts, or all."""
    parts = sys.argv[1:] or ["day3", "day8", "workers", "dask", "unchanged", "memory"]
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    infra = [sys.executable, "-m", "infra"]
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        os.environ[platform.HOME_VARIABLE] = f"{scratch}/home"
        for part in parts:
            if not part.startswith("day"):
                {"workers": workers, "dask": dask, "unchanged": unchanged, "memory": memory}[part](scratch)
                continue
            subprocess.run([*infra, "up", "--no-jupyter", "--mlflow-port", "5986"], check=True, capture_output=True)
            try:
                os.environ |= platform.environment()
                against_peers(part.removeprefix("day"), scratch)
            finally:
                subprocess.run([*infra, "down"], check=False, capture_output=True)


if __name__ == "__main__":
    main()
