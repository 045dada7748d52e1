"""The commands about a cohort's cluster: `infra cohort render`, `collect` and `size`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def cohort() -> None:
    """A cohort's own cluster (for who runs one); infra/cohort/README.md tells the order of commands."""


@cohort.command()
@click.argument("folder", type=FOLDER)
def render(folder: Path) -> None:
    """Write FOLDER/cluster/: a namespace for each learner, secrets, the hub's values, the grader's overlay.

    FOLDER is the cohort's, as `checker cohort init` made it, with your cluster.json in it. Run it again when
    somebody joins; what is there is written anew, and the grader's certificate stays.
    """
    from infra.cohort.render import render as write

    for path in write(folder.absolute()):
        click.echo(path)
    click.echo("These files hold keys: keep them as you keep the cohort's folder, and out of git.")


@cohort.command()
@click.option("--drop", type=FOLDER, required=True, help="Where each learner has a folder to hand in.")
@click.option("--to", "target", type=FOLDER, required=True, help="The cohort's folder, as the grader sees it.")
@click.option("--roster", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
def collect(drop: Path, target: Path, roster: Path) -> None:
    """Take what learners handed in, and write down when. It runs in the cluster, every few minutes."""
    from checker.course import course_root, load_course
    from infra.cohort.collect import Collection
    from infra.cohort.names import read_roster

    labs = frozenset(lab.name for lab in load_course(course_root()).ready)
    collection = Collection(drop, target, tuple(read_roster(roster)), labs, click.echo)
    click.echo(f"{collection.collect(datetime.now(UTC))} new")


@cohort.command()
@click.option("--learners", type=click.IntRange(1, 100_000), multiple=True, default=(30, 300, 3000), show_default=True)
@click.option("--at-once", type=click.FloatRange(0, 1, min_open=True), help="The share of learners who work at a time.")
@click.option("--workers", type=click.IntRange(1, 10_000), help="So many workers grade.")
def size(learners: tuple[int, ...], at_once: float | None, workers: int | None) -> None:
    """Say what a cohort costs in cores, memory and disk; `python -m infra.cohort.sizing --help` knows more."""
    from infra.cohort.sizing import Assumptions, measured, page

    usual = Assumptions()
    assumed = Assumptions(at_once=at_once or usual.at_once, workers=workers or usual.workers)
    click.echo(page(measured(), assumed, learners))
