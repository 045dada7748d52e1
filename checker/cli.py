"""The command `checker`: parses, calls, prints. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from checker.course import Course

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Group(click.Group):
    """Turns every foreseen problem into three plain sentences and an exit status."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command; 130 after Ctrl-C, 2 or 3 for a problem that is explained."""
        from checker.errors import CheckerError

        try:
            return super().invoke(context)
        except CheckerError as error:
            click.echo(f"checker: {error.found}", err=True)
            if error.expected:
                click.echo(f"  expected: {error.expected}", err=True)
            if error.next_step:
                click.echo(f"  next:     {error.next_step}", err=True)
            context.exit(error.exit_status)
        except KeyboardInterrupt:
            click.echo("checker: stopped", err=True)
            context.exit(130)


def _course() -> tuple[Path, Course]:
    from checker.course import course_root, load_course

    root = course_root()
    return root, load_course(root)


@click.group(cls=Group, context_settings=CONTEXT)
@click.version_option(package_name="mlops-labs")
def main() -> None:
    """Start labs, and see how far you are.

    A day goes: `checker start 3`, do the lab, `checker grade 3`.
    """


@main.command("list")
@click.option("--all", "everything", is_flag=True, help="Also show the days that are planned.")
@click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text")
def list_labs(everything: bool, layout: str) -> None:
    """List the days of the course."""
    root, course = _course()
    from checker.report import terminal

    labs = course.labs if everything else course.ready
    if layout == "json":
        import json

        fields = {"day", "slug", "title", "outcome", "module", "minutes", "tools", "profiles", "status"}
        click.echo(json.dumps([lab.model_dump(mode="json", include=fields) for lab in labs], indent=2))
        return
    terminal.list_labs(course, labs, root)


@main.command()
@click.argument("day")
@click.option("--reset", is_flag=True, help="Begin anew; the old workspace is kept beside it.")
@click.option("--yes", is_flag=True, help="Do not ask before a reset.")
@click.option("--learner", default="me", show_default=True, help="Whose world it is.")
@click.option("--seed", type=click.IntRange(0, 2**48), help="The world's seed, instead of the learner's own.")
def start(day: str, reset: bool, yes: bool, learner: str, seed: int | None) -> None:
    """Make the workspace of DAY, or show where it is."""
    root, course = _course()
    from checker import workspace

    lab = course.find(day)
    target = workspace.workspaces(root) / lab.name
    existed = target.exists()
    if reset and existed and not yes:
        click.confirm(
            f"Begin {lab.name} anew? What is there now is kept in {target.parent / workspace.KEPT}",
            abort=True,
        )
    made, kept = workspace.start(lab, root, learner=learner, seed=seed, reset=reset)
    if kept:
        click.echo(f"The old workspace is kept in {kept}")
    if existed and not reset:
        click.echo(f"Day {lab.day} was started on {made.identity.started:%Y-%m-%d %H:%M} UTC; nothing was changed.")
    click.echo(f"Workspace: {made.path}")
    click.echo(
        f"Next: open {made.path / 'lab.ipynb'} in JupyterLab (`infra up` shows the address), or work in a terminal."
    )
    click.echo(f"See how far you are with `checker grade {lab.day}`.")


@main.command()
@click.argument("days", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every day that you have started.")
@click.option("--format", "layout", type=click.Choice(["text", "json", "junit"]), default="text")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there instead of the terminal.")
def grade(days: tuple[str, ...], everything: bool, layout: str, output: Path | None) -> None:
    """Grade DAYS, or the workspace you stand in.

    Exit status: 0 everything passed, 1 marks were lost, 2 wrong usage, 3 the environment kept us
    from grading.
    """
    # An ended session is an interruption like Ctrl-C: what was begun is tidied up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root, course = _course()
    from checker import grading, workspace
    from checker.report import render
    from checker.result import Report

    if everything and days:
        raise click.UsageError("name days or say --all, not both")
    if everything:
        folder = workspace.workspaces(root)
        labs = [lab for lab in course.ready if (folder / lab.name / workspace.MARKER).is_file()]
        found = [(lab, workspace.read(folder / lab.name)) for lab in labs]
        if not found:
            raise click.UsageError("no day was started; run `checker start 1`")
    elif days:
        wanted = [course.find(day) for day in days]
        found = [(lab, workspace.find(lab, course, root)) for lab in {lab.day: lab for lab in wanted}.values()]
    else:
        here = workspace.find(None, course, root)
        found = [(course.find(here.identity.lab), here)]
    report = Report(results=tuple(grading.grade(lab, each) for lab, each in found))
    render(report, layout, output)
    sys.exit(report.exit_status)


@main.command()
def doctor() -> None:
    """Look whether everything is there that the course needs."""
    from checker.doctor import diagnose
    from checker.report import terminal

    sys.exit(terminal.diagnosis(diagnose()))


@main.command()
@click.option("--check", "only_check", is_flag=True, help="Change nothing; fail if anything would change.")
@click.argument("days", nargs=-1)
def build(only_check: bool, days: tuple[str, ...]) -> None:
    """Build labs/ from solutions/ (for authors)."""
    root, course = _course()
    from checker.build import build_labs

    labs = [course.find(day) for day in days] if days else list(course.ready)
    changed = build_labs(root, labs, write=not only_check, whole=not days)
    for path in changed:
        click.echo(f"{'differs' if only_check else 'written'}: {path.relative_to(root)}")
    if only_check and changed:
        click.echo("labs/ is not what solutions/ makes; run `checker build`", err=True)
        sys.exit(1)
    click.echo(f"{len(labs)} labs are up to date.")
