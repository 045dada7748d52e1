"""`checker grade` on a finished lab against `nbgrader autograde` on the same notebook, day 3 and day 8."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import cpu, median, report

from checker import platform, replay, workspace
from checker.course import course_root, load_course
from checker.runner import load_checks

TIMES = 3
TARGETS = {"3": 1 / 20, "8": 1 / 3}
# bubblewrap does not hand on the CPU time of what ran in the jail, so it is left out; and who is ended before their
# own children would leave these to nobody: they come to this process, which waits for them.
PLAIN = """
import contextlib, ctypes, os, sys
from checker import grading
from checker.cli import main
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
grading.can_confine = lambda: False
try:
    main(["grade", sys.argv[1]])
finally:
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
"""
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "bench"
c.ClearSolutions.code_stub = {"python": "# Write your answer here."}
c.ExecutePreprocessor.timeout = 600
c.ExecutePreprocessor.startup_timeout = 300
"""


def nbgrader_course(folder: Path, lab, root: Path, finished: Path) -> None:
    """Make a course with the lab as its one assignment and the finished notebook as its one submission."""
    import nbformat

    source = folder / "source" / lab.name
    submission = folder / "submitted" / "learner" / lab.name
    source.mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(CONFIG)
    notebook = replay.solution_notebook(root / "solutions" / lab.name, load_checks(lab))
    nbformat.write(notebook, source / "lab.ipynb")
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", lab.name]
    cpu(command, cwd=folder)
    # The untouched workspace with the finished notebook: it can be executed from top to bottom. Without the
    # marker, its own %check cell gives up at once and is not counted against nbgrader.
    shutil.copytree(
        finished.parent.parent / "untouched" / lab.name, submission, ignore=shutil.ignore_patterns(".checker")
    )
    shutil.copy(finished / "lab.ipynb", submission)


def main() -> None:
    """Print the ratios of CPU seconds, medians of several in one run."""
    root = course_root(Path(__file__).parent)
    course = load_course(root)
    infra = [sys.executable, "-m", "infra"]
    # nbgrader calls alembic by its name.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as scratch:
        os.environ[platform.HOME_VARIABLE] = f"{scratch}/home"
        subprocess.run([*infra, "up", "--no-jupyter", "--mlflow-port", "5987"], check=True, capture_output=True)
        try:
            os.environ |= platform.environment()
            for day, target in TARGETS.items():
                lab = course.find(day)
                for name in ("untouched", "finished"):
                    os.environ[workspace.WORK_VARIABLE] = f"{scratch}/{name}"
                    made, _ = workspace.start(lab, root, seed=7)
                replay.solve(lab, root, made.path)
                folder = Path(scratch, f"nbgrader-{day}")
                nbgrader_course(folder, lab, root, made.path)
                grade = [sys.executable, "-c", PLAIN, day]
                autograde = [sys.executable, "-m", "nbgrader", "autograde", "--force", lab.name]
                ours = median(lambda grade=grade: cpu(grade, cwd=root), TIMES)
                theirs = median(lambda autograde=autograde, folder=folder: cpu(autograde, cwd=folder), TIMES)
                report(f"checker grade {day}", ours, theirs, "nbgrader autograde", target)
        finally:
            subprocess.run([*infra, "down"], check=False, capture_output=True)


if __name__ == "__main__":
    main()
