"""What a person reads in a terminal: words and not only colour, plain when piped, NO_COLOR honoured."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from checker.result import LabResult, Report

if TYPE_CHECKING:
    from checker.course import Course, Lab
    from checker.doctor import Finding

STYLES = {"passed": "green", "failed": "red", "blocked": "yellow", "error": "magenta", "skipped": "cyan"}
PLAIN_WIDTH = 100


def console(file: io.StringIO | None = None) -> Console:
    """Return a console that interprets no markup in what it is given; piped, it is 100 columns wide."""
    made = Console(file=file, highlight=False, markup=False, emoji=False)
    return (
        made if made.is_terminal else Console(file=file, highlight=False, markup=False, emoji=False, width=PLAIN_WIDTH)
    )


def print_report(report: Report) -> None:
    """Print the verdict on each lab, and the sum where there are several."""
    out = console()
    for result in report.results:
        _lab(out, result)
    if len(report.results) > 1:
        _summary(out, report)


def to_text(report: Report) -> str:
    """Return what `print_report` would print into a pipe."""
    file = io.StringIO()
    out = console(file)
    for result in report.results:
        _lab(out, result)
    return file.getvalue()


def _lab(out: Console, result: LabResult) -> None:
    out.print(Text(f"Day {result.day}: {result.title}", style="bold"))
    if result.skipped is not None:
        out.print(Text(f"  skipped: {result.skipped}; it costs you no marks"))
        return
    for check in result.checks:
        line = Text("  ")
        line.append(f"{check.outcome:<8}", style=STYLES[check.outcome])
        earned = "-" if check.outcome == "skipped" else f"{check.earned:g}"
        line.append(f"{earned:>4}/{check.points:<3g} ")
        line.append(f"{check.name}: {check.description}")
        out.print(line)
        if check.outcome == "blocked":
            out.print(Text(f"{'':>19}waits for: {check.blocked_by}", style="dim"))
            continue
        for message in check.messages:
            for name, words in (
                ("found", message.found),
                ("expected", message.expected),
                ("next", message.next_step),
            ):
                if words:
                    out.print(Text(f"{'':>19}{name + ':':<10}{words}"))
    for doubt in result.doubts:
        out.print(Text(f"  {doubt.level}: {doubt.reason}", style="bold red"))
    out.print(Text(f"  {_verdict(result)}", style="bold"))
    out.print()


def _verdict(result: LabResult) -> str:
    marks = f"{result.earned:g} of {result.possible:g} marks"
    if result.outcome == "skipped":
        return "Nothing could be checked here, and it costs you no marks."
    if result.outcome == "passed":
        return f"{marks}. Done."
    if result.outcome == "error":
        return f"{marks} so far. Some checks could not be made: the environment's turn, not yours; it costs nothing."
    return f"{marks}. Do the first `next` above, then check again."


def _summary(out: Console, report: Report) -> None:
    table = Table("day", "lab", "marks", "outcome", "integrity")
    for result in report.results:
        marks = f"{result.earned:g}/{result.possible:g}"
        table.add_row(str(result.day), Text(result.lab), marks, result.outcome, result.integrity)
    out.print(table)


def list_labs(course: Course, labs: Iterable[Lab], root: Path) -> None:
    """Print the days, module by module, with what was started."""
    from checker.workspace import MARKER, workspaces

    out = console()
    out.print(Text(course.title, style="bold"))
    chosen = list(labs)
    for module in course.modules:
        mine = [lab for lab in chosen if lab.module == module.name]
        if not mine:
            continue
        out.print(Text(f"\n{module.title}", style="bold"))
        for lab in mine:
            started = (workspaces(root) / lab.name / MARKER).is_file()
            note = "planned" if lab.status == "planned" else "started" if started else ""
            out.print(Text(f"  {lab.day:>2}  {lab.slug:<26} {lab.minutes} min  {note:<8} {lab.title}"))
    out.print(Text("\nBegin one with `checker start DAY`."))


def diagnosis(findings: Iterable[Finding]) -> int:
    """Print what the doctor found and return the exit status: 0 well, 3 something must be mended."""
    out = console()
    status = 0
    for finding in findings:
        line = Text("  ")
        line.append(f"{finding.level:<8}", style={"ok": "green", "note": "yellow", "problem": "red"}[finding.level])
        line.append(f"{finding.name}: {finding.found}")
        out.print(line)
        if finding.level != "ok" and finding.next_step:
            out.print(Text(f"{'':>10}next: {finding.next_step}"))
        if finding.level == "problem":
            status = 3
    out.print(
        Text(
            "Everything that is needed is there."
            if status == 0
            else "Mend the problems above, then run `checker doctor` again."
        )
    )
    return status
