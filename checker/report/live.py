"""A cohort while it is graded: a line for each row as it comes, and below a bar with rate and remaining time."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from checker.report.terminal import console
from checker.text import clean

if TYPE_CHECKING:
    from checker.cohort import Tally
    from checker.result import Row

STYLES = {"graded": "", "refused": "yellow", "error": "red"}


class Live:
    """Use it as a context manager; piped, it prints the lines alone."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = console()
        self._bar = Progress(
            TextColumn("grading"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("grading", total=None, rate="")

    def __enter__(self) -> Live:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def row(self, row: Row) -> None:
        """Show one row."""
        self.say(line(row), STYLES[row.status])

    def say(self, text: str, style: str = "yellow") -> None:
        """Show a line above the bar."""
        from rich.text import Text

        self._console.print(Text(clean(text, 1000), style=style), soft_wrap=True)

    def progress(self, tally: Tally) -> None:
        """Move the bar."""
        done = sum(tally.rows.values()) + tally.unchanged
        self._bar.update(self._task, total=tally.total, completed=done)
        speed = self._bar.tasks[0].speed
        self._bar.update(self._task, rate=f"{speed:.1f}/s" if speed else "")


def line(row: Row) -> str:
    """Return a row as one line: who, what, marks and integrity, or why there are none."""
    head = f"{clean(row.learner, 40):<20} {clean(row.lab, 40):<28}"
    if row.result is None:
        return f"{head} {row.status}: {clean(row.reason, 300)}"
    result = row.result
    worst = next((doubt for doubt in result.doubts if doubt.level == result.integrity), None)
    doubt = f"  {worst.level}: {clean(worst.reason, 160)}" if worst else ""
    undecided = "  some checks could not be decided" if result.outcome == "error" else ""
    return f"{head} {result.earned:g}/{result.possible:g} marks{undecided}{doubt}"


def summary(tally: Tally) -> str:
    """Return what became of a run in one line."""
    parts = [f"{tally.rows[status]} {status}" for status in ("graded", "refused", "error") if tally.rows[status]]
    parts += [f"{tally.unchanged} left as they were"] if tally.unchanged else []
    return ", ".join(parts) or "nothing to grade"
