"""The commands about deployments: `infra deploy`, `deployments`, `route`, `rollback`, `undeploy`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.options import load, profile_option

if TYPE_CHECKING:
    from infra.deployments import DeploymentStatus, Traffic


@click.command()
@profile_option
@click.argument("name")
@click.option("--app", metavar="MODULE:APP", help="An ASGI application, for example service:app.")
@click.option("--model", metavar="URI", help="models:/NAME@ALIAS or models:/NAME/VERSION.")
@click.option("--version", help="The model's version, where --model says models:/NAME only.")
@click.option(
    "--weight", type=click.IntRange(1, 100), default=100, show_default=True, help="Of 100 requests, so many go to it."
)
@click.option("--shadow", is_flag=True, help="It gets a copy of each request; nobody sees its answers.")
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    default=".",
    help="The folder of the application. [default: this one]",
)
def deploy(  # noqa: PLR0913, PLR0917 - one parameter for each option
    profile_name: str,
    name: str,
    app: str | None,
    model: str | None,
    version: str | None,
    weight: int,
    shadow: bool,
    folder: Path,
) -> None:
    """Make a new release of NAME, and send traffic to it once it answers GET /health with 200.

    The code of the folder is copied and the model fetched: what is changed afterwards needs a new release. An
    application finds the model in the folder that MODEL_URI names, and appends what it predicts to the file
    PREDICTION_LOG. A model without an application is served by MLflow's own server, at /invocations.

    On a cluster a release is the Deployment NAME-RELEASE in the namespace mlops-labs-serving. PREDICTION_LOG lies in
    its pod and goes with it: kubectl exec deploy/NAME-RELEASE -- cat /work/predictions.jsonl
    """
    from infra.deployments import Order
    from infra.progress import TerminalProgress

    if version:
        if not model:
            raise click.UsageError("--version goes with --model models:/NAME.")
        model = f"{model}/{version}"
    if shadow and weight != 100:
        raise click.UsageError("--shadow does not go with --weight: a shadow's answers go to nobody.")
    order = Order(name=name, app=app, model=model, weight=weight, shadow=shadow, folder=folder)
    with TerminalProgress() as progress, load(profile_name).deployments(progress) as deployments:
        status = deployments.deploy(order, progress)
    tell(status)


@click.command("deployments")
@profile_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show_deployments(profile_name: str, form: str) -> None:
    """Show what is deployed, and who gets the traffic."""
    from infra.progress import TerminalProgress

    with TerminalProgress() as progress, load(profile_name).deployments(progress) as deployments:
        found = deployments.all()
    if form == "json":
        click.echo(json.dumps([as_json(each) for each in found], indent=2))
        return
    for each in found:
        tell(each)
    if not found:
        click.echo("Nothing is deployed. Next: infra deploy NAME --app service:app --model models:/NAME@champion")


@click.command()
@profile_option
@click.argument("name")
@click.argument("shares", nargs=-1, required=True, metavar="RELEASE=WEIGHT...")
@click.option("--shadow", type=click.IntRange(1), metavar="RELEASE", help="Gets a copy of each request.")
def route(profile_name: str, name: str, shares: tuple[str, ...], shadow: int | None) -> None:
    """Share the traffic of NAME among its releases, for example: infra route fraud 1=90 2=10."""
    from infra.progress import TerminalProgress

    traffic = parse_traffic(shares, shadow)
    with TerminalProgress() as progress, load(profile_name).deployments(progress) as deployments:
        status = deployments.route(name, traffic, progress)
    tell(status)


@click.command()
@profile_option
@click.argument("name")
def rollback(profile_name: str, name: str) -> None:
    """Give the traffic of NAME back to the releases that had it before the last change."""
    from infra.progress import TerminalProgress

    with TerminalProgress() as progress, load(profile_name).deployments(progress) as deployments:
        status = deployments.rollback(name, progress)
    tell(status)


@click.command()
@profile_option
@click.argument("name")
def undeploy(profile_name: str, name: str) -> None:
    """Stop all releases of NAME and forget them. Its journal and its prediction log stay."""
    from infra.progress import TerminalProgress

    with TerminalProgress() as progress, load(profile_name).deployments(progress) as deployments:
        deployments.undeploy(name, progress)
    click.echo(f"{name} is no longer deployed.")


COMMANDS = (deploy, show_deployments, route, rollback, undeploy)


def parse_traffic(shares: tuple[str, ...], shadow: int | None) -> Traffic:
    """Read RELEASE=WEIGHT words.

    Raises:
        click.BadParameter: one cannot be read, or they do not add up to 100.
    """
    from infra.deployments import ALL, Traffic

    weights: dict[int, int] = {}
    for share in shares:
        release, _, weight = share.partition("=")
        if not (release.isdecimal() and weight.isdecimal()) or int(release) in weights:
            raise click.BadParameter(f"{share!r} is not RELEASE=WEIGHT with a release named once.", param_hint="SHARES")
        weights[int(release)] = int(weight)
    if sum(weights.values()) != ALL:
        raise click.BadParameter(f"the weights add up to {sum(weights.values())}, not to {ALL}.", param_hint="SHARES")
    if shadow is not None and weights.get(shadow):
        raise click.BadParameter(f"release {shadow} has a share of the traffic already.", param_hint="--shadow")
    return Traffic({release: weight for release, weight in sorted(weights.items()) if weight}, shadow)


def tell(status: DeploymentStatus) -> None:
    """Print one deployment: its address, and a line for each release that runs, and for the last one that does not."""
    click.echo(f"{status.name}  {status.address}")
    for each in status.releases:
        release = each.release
        share = "shadow" if each.shadow else f"{each.weight:>3}%"
        what = ", ".join(filter(None, [release.app, str(release.model) if release.model else None]))
        click.echo(f"  release {release.number:<3} {share:>6}  {each.state:<8} {what}  since {release.created}")


def as_json(status: DeploymentStatus) -> dict[str, Any]:
    """One deployment for programs."""
    return {
        "name": status.name,
        "address": status.address,
        "releases": [
            {
                "release": each.release.number,
                "app": each.release.app,
                "model": str(each.release.model) if each.release.model else None,
                "code": each.release.code,
                "created": each.release.created,
                "state": each.state,
                "weight": each.weight,
                "shadow": each.shadow,
            }
            for each in status.releases
        ],
    }
