"""`make demo`: the platform started, three labs done and graded as a learner would, everything stopped again.

All state lies in a temporary folder: nothing is left running, and nothing in the tree is changed.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from checker import grading, platform, replay, workspace
from checker.course import Course, Lab, course_root, load_course
from checker.errors import CheckerError
from checker.report import terminal
from checker.result import LabResult
from infra.local import ports

SHOWN = ("1", "3", "8")
STEPS_PER_LAB = 4
Value = TypeVar("Value")


@dataclass
class Story:
    """What happened to one lab: both verdicts, and the seconds that each step took."""

    lab: Lab
    starter: LabResult | None = None
    solution: LabResult | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def as_promised(self) -> bool:
        """Whether the starter earned nothing and the solution everything, honestly."""
        return (
            self.starter is not None
            and self.solution is not None
            and self.starter.earned == 0
            and self.starter.outcome == "failed"
            and self.solution.outcome == "passed"
            and self.solution.integrity == "ok"
        )


def main() -> int:
    """Run the demo; 0 when every lab keeps its promise, 1 when one does not, 3 when the platform fails."""
    parser = argparse.ArgumentParser(prog="python -m infra.demo", description=__doc__)
    parser.add_argument("days", nargs="*", default=SHOWN, help="these days instead of 1, 3 and 8")
    parser.add_argument("--shuffle", type=int, metavar="SEED", help="do the labs in another order")
    parser.add_argument("--seed", type=int, default=2026, help="the seed of the learner's world")
    parser.add_argument("--no-jupyter", action="store_true", help="leave JupyterLab out")
    wanted = parser.parse_args()
    console = terminal.console()
    root = course_root(Path(__file__).parent)
    course = load_course(root)
    began = time.monotonic()
    try:
        labs = [course.find(day) for day in wanted.days]
        if wanted.shuffle is not None:
            random.Random(wanted.shuffle).shuffle(labs)  # noqa: S311 - an order, not a secret
        with tempfile.TemporaryDirectory(prefix="mlops-labs-demo-") as scratch:
            stories = _play(console, root, labs, Path(scratch), wanted)
    except CheckerError as error:
        console.print(f"demo: {error.found}\n  expected: {error.expected}\n  next:     {error.next_step}", markup=False)
        return error.exit_status
    except KeyboardInterrupt:
        console.print("demo: stopped; the platform is down and nothing was changed")
        return 130
    _show(console, course, stories, time.monotonic() - began)
    return 0 if all(story.as_promised for story in stories) else 1


def _play(console: Console, root: Path, labs: list[Lab], scratch: Path, wanted: argparse.Namespace) -> list[Story]:
    os.environ[platform.HOME_VARIABLE] = str(scratch / "home")
    os.environ[workspace.WORK_VARIABLE] = str(scratch / "work")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    # What the labs put into temporary folders goes with the rest.
    os.environ["TMPDIR"] = str(scratch / "tmp")
    (scratch / "tmp").mkdir()
    columns = (
        TextColumn("{task.description:<44}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
    )
    stories = []
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("starting MLflow and JupyterLab", total=2 + STEPS_PER_LAB * len(labs))

        def step(words: str) -> None:
            progress.update(bar, description=words)
            if not console.is_terminal:
                console.print(words)

        with _platform(step, jupyter=not wanted.no_jupyter):
            progress.advance(bar)
            for lab in labs:
                stories.append(_do(lab, root, wanted.seed, step, lambda: progress.advance(bar)))
            step("stopping the platform")
        progress.advance(bar)
    return stories


def _do(lab: Lab, root: Path, seed: int, step: Callable[[str], None], done: Callable[[], None]) -> Story:
    story = Story(lab)

    def timed(name: str, words: str, work: Callable[[], Value]) -> Value:
        step(f"day {lab.day}: {words}")
        began = time.monotonic()
        value = work()
        story.seconds[name] = time.monotonic() - began
        done()
        return value

    made, _ = timed("start", "starting a workspace", lambda: workspace.start(lab, root, learner="demo", seed=seed))
    story.starter = timed("grade starter", "grading the untouched starter", lambda: grading.grade(lab, made))
    timed("solve", "doing the lab (papermill)", lambda: replay.solve(lab, root, made.path))
    story.solution = timed("grade", "grading again", lambda: grading.grade(lab, made))
    return story


@contextmanager
def _platform(step: Callable[[str], None], *, jupyter: bool) -> Iterator[None]:
    """A platform of its own on free ports; down again whatever happens."""
    command = [sys.executable, "-m", "infra"]
    chosen = ["--mlflow-port", str(ports.free())]
    chosen += ["--jupyter-port", str(ports.free())] if jupyter else ["--no-jupyter"]
    step("starting MLflow and JupyterLab" if jupyter else "starting MLflow")
    try:
        up = subprocess.run([*command, "up", *chosen], capture_output=True, text=True, check=False)
        if up.returncode:
            raise CheckerError(
                f"the platform did not start: {(up.stderr or up.stdout).strip()}",
                expected="`infra up` to end with status 0",
                next_step="run `infra up` by hand and follow what it says",
            )
        yield
    finally:
        subprocess.run([*command, "down"], capture_output=True, check=False)


def _show(console: Console, course: Course, stories: list[Story], seconds: float) -> None:
    table = Table(title=f"{course.title}: marks, and the seconds of each step")
    for name in ("day", "lab", "starter", "solution", "integrity", "start", "solve", "grade"):
        table.add_column(name, justify="left" if name in ("lab", "integrity") else "right", no_wrap=True)
    for story in sorted(stories, key=lambda each: each.lab.day):
        starter, solution = story.starter, story.solution
        if starter is None or solution is None:
            continue
        table.add_row(
            str(story.lab.day),
            story.lab.title,
            f"{starter.earned:g}/{starter.possible:g}",
            f"{solution.earned:g}/{solution.possible:g}",
            solution.integrity,
            *(f"{story.seconds[name]:.1f}" for name in ("start", "solve", "grade")),
        )
    console.print(table)
    for story in stories:
        for result in (story.starter, story.solution):
            if result is not None and not story.as_promised:
                for check in result.checks:
                    console.print(f"  {story.lab.name}: {check.name}: {check.outcome} {check.messages}", markup=False)
    kept = all(story.as_promised for story in stories)
    console.print(
        f"{len(stories)} labs in {seconds:.0f} seconds: "
        + ("untouched they earn nothing, done they earn everything." if kept else "NOT what was promised; see above.")
    )
    console.print("Begin yourself: `make lab` opens day 1 in JupyterLab; `.venv/bin/checker list` shows the days.")


if __name__ == "__main__":
    sys.exit(main())
