"""The command `checker`: parses, calls, prints. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from datetime import datetime

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
@click.option("--learner", help="Whose world it is; yours, unless told.")
@click.option("--seed", type=click.IntRange(0, 2**48), help="The world's seed, instead of the learner's own.")
def start(day: str, reset: bool, yes: bool, learner: str | None, seed: int | None) -> None:
    """Make the workspace of DAY, or show where it is."""
    root, course = _course()
    from checker import workspace
    from checker.enrolment import UNENROLLED, enrolled

    lab = course.find(day)
    if learner is None and (own := enrolled()):
        learner, seed = own.learner, own.seed if seed is None else seed
    target = workspace.workspaces(root) / lab.name
    existed = target.exists()
    if reset and existed and not yes:
        click.confirm(
            f"Begin {lab.name} anew? What is there now is kept in {target.parent / workspace.KEPT}",
            abort=True,
        )
    made, kept = workspace.start(lab, root, learner=learner or UNENROLLED, seed=seed, reset=reset)
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
@click.option("--cohort", type=click.Path(file_okay=False, path_type=Path), help="Grade all that is in this folder.")
@click.option("--only-changed", is_flag=True, help="With --cohort: leave alone what was graded as it is.")
@click.option("--workers", type=click.IntRange(1, 256), help="With --cohort: so many processes; one for each core.")
@click.option("--dask", metavar="ADDRESS", help="With --cohort: on the Dask cluster there, such as tcp://host:8786.")
def grade(
    days: tuple[str, ...],
    everything: bool,
    layout: str,
    output: Path | None,
    cohort: Path | None,
    only_changed: bool,
    workers: int | None,
    dask: str | None,
) -> None:
    """Grade DAYS, or the workspace you stand in, or a cohort.

    Exit status: 0 everything passed, 1 marks were lost, 2 wrong usage, 3 the environment kept us
    from grading. With --cohort: 0 all was graded, 1 a submission was refused, 3 something could not
    be graded.
    """
    # An ended session is an interruption like Ctrl-C: what was begun is tidied up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if cohort is not None:
        if days or everything or output or layout != "text":
            raise click.UsageError("--cohort grades every day; `checker report` writes tables and pages of it")
        _grade_cohort(cohort, only_changed=only_changed, workers=workers, dask=dask)
    if only_changed or workers or dask:
        raise click.UsageError("--only-changed, --workers and --dask go with --cohort")
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


def _grade_cohort(folder: Path, *, only_changed: bool, workers: int | None, dask: str | None) -> NoReturn:
    import os
    from concurrent.futures import Executor

    from checker.cohort import Cohort
    from checker.enrolment import cohort_folder
    from checker.report.live import Live, summary
    from checker.store import RESULTS_FILE, Store

    root, course = _course()
    folder, count = cohort_folder(folder), workers or os.cpu_count() or 1

    def make() -> Executor:
        from checker import executors

        return executors.dask(dask) if dask else executors.local(count)

    cohort = Cohort(folder, root, course, make, count, only_changed)
    if not cohort.enrolled:
        click.echo(f"{folder} has no cohort.key: the worlds that learners name are believed.", err=True)
    try:
        with Store(folder / RESULTS_FILE) as store, Live() as live:
            tally = cohort.grade(store, live.row, live.progress)
            for copy in store.copies():
                live.say(f"suspect: {copy.learner}, {copy.lab}: {copy}")
    except KeyboardInterrupt:
        click.echo("checker: stopped; what is listed above is kept, and the same command goes on from there", err=True)
        sys.exit(130)
    click.echo(f"{summary(tally)}. Next: `checker report {folder} --html pages`")
    sys.exit(3 if tally.rows["error"] else 1 if tally.rows["refused"] else 0)


@main.command()
@click.argument("day", required=False)
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write the archive there.")
@click.option("--exchange", is_flag=True, help="Also hand it in through nbgrader's exchange.")
@click.option("--yes", is_flag=True, help="Do not ask before it is handed in.")
def submit(day: str | None, folder: Path | None, exchange: bool, yes: bool) -> None:
    """Freeze DAY, or the workspace you stand in, into one archive to hand in.

    It is written to submissions/ beside your workspaces unless `--to` names a folder.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root, course = _course()
    from checker import workspace
    from checker.submission import frozen

    found = workspace.find(course.find(day) if day else None, course, root)
    lab = course.find(found.identity.lab)
    with frozen(lab, found) as made:
        for line in made.told():
            click.echo(line)
        path, size = made.write(folder or workspace.workspaces(root) / "submissions")
    click.echo(f"Written: {path} ({(size + 1023) >> 10} KiB)")
    if not exchange:
        click.echo("Next: hand in that file as your instructor says.")
        return
    from checker.exchange import hand_in

    if not yes:
        click.confirm("Hand it in through nbgrader's exchange?", abort=True)
    click.echo(f"Handed in to {hand_in(path, lab.name)}.")


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--html", type=click.Path(file_okay=False, path_type=Path), help="Write pages into this folder.")
@click.option("--csv", "layout", type=click.Choice(["canvas", "moodle", "plain"]), help="Write a table of marks.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the table goes.")
@click.option(
    "--gradebook", type=click.Path(dir_okay=False, path_type=Path), help="Write into this gradebook of nbgrader's."
)
def report(folder: Path, **wanted: Any) -> None:
    """Report on the cohort in FOLDER, from what `checker grade --cohort FOLDER` has found so far."""
    if not (wanted["html"] or wanted["layout"] or wanted["gradebook"]):
        raise click.UsageError("say what to write: --html, --csv or --gradebook")
    if wanted["output"] and not wanted["layout"]:
        raise click.UsageError("-o is where the table of --csv goes")
    _, course = _course()
    from checker.enrolment import ENROLMENTS, roster
    from checker.marks import read_settings
    from checker.report import cohort
    from checker.report.ledger import Ledger
    from checker.store import RESULTS_FILE, Store

    settings = read_settings(folder)
    with Store(folder / RESULTS_FILE, reading=True) as store:
        ledger = Ledger.of(store, course, settings, roster(folder / ENROLMENTS))
        for line in cohort.write(ledger, **wanted):
            click.echo(line, err=True)


@main.group(cls=Group)
def cohort() -> None:
    """Set up a cohort (for instructors)."""


@cohort.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.argument("learners", nargs=-1)
@click.option("--roster", type=click.File(encoding="utf-8"), help="A file with one learner's name in each line.")
@click.option("--name", help="What the cohort is called; its folder's name, unless told.")
@click.option(
    "--starts", type=click.DateTime(["%Y-%m-%d"]), help="A day before day 1 is due; without it nothing is late."
)
@click.option("--timezone", help="Such as Europe/Berlin; UTC, unless told.")
def cohort_init(
    folder: Path,
    learners: tuple[str, ...],
    roster: Any,
    name: str | None,
    starts: datetime | None,
    timezone: str | None,
) -> None:
    """Make the key and the settings of the cohort in FOLDER, and an enrolment for each of LEARNERS.

    Run it again for those who come later: what is there stays as it is.
    """
    from checker.enrolment import ENROLMENTS, KEY, enrol_all
    from checker.marks import COHORT_FILE, make_settings

    settings = make_settings(folder, name=name, starts=starts and starts.date(), timezone=timezone)
    names = dict.fromkeys([*learners, *(line.strip() for line in roster or () if line.strip())])
    made = enrol_all(folder, settings.name, names)
    click.echo(f"Key:       {folder / KEY}  (keep a copy, and show it to nobody)")
    click.echo(f"Settings:  {folder / COHORT_FILE}")
    click.echo(f"Enrolled:  {len(made)} in {folder / ENROLMENTS}")
    click.echo("Next: give each learner their own file; they run `checker enrol FILE` before their first day.")


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def enrol(file: Path) -> None:
    """Join a cohort with the FILE that your instructor gave you."""
    from checker.enrolment import enrol as keep

    enrolment = keep(file)
    click.echo(f"You are {enrolment.learner} in {enrolment.cohort}.")
    click.echo("What you start from now on is graded as yours; start anew what you began before.")


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
