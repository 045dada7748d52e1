"""`infra`: start, stop and look at the platform. Thin: it parses, calls a profile and prints."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from infra.cohort.cli import cohort
from infra.deploy_cli import COMMANDS
from infra.options import load, profile_option
from infra.tool_cli import tool

if TYPE_CHECKING:
    from infra.profile import ServiceStatus

ENVIRONMENT_TROUBLE = 3
INTERRUPTED = 130
PORT = click.IntRange(1, 65535)
PAGES = {
    "MLflow": "MLFLOW_TRACKING_URI",
    "JupyterLab": "MLOPS_LABS_JUPYTER_URL",
    "Prometheus": "MLOPS_LABS_PROMETHEUS_URL",
    "Grafana": "MLOPS_LABS_GRAFANA_URL",
    "Pipelines": "MLOPS_LABS_KFP_URL",
}


class Commands(click.Group):
    """A group in which every error ends as plain words and an exit status, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        from infra.trouble import Trouble

        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Trouble as trouble:
            click.echo(str(trouble), err=True)
            ctx.exit(ENVIRONMENT_TROUBLE)
        except KeyboardInterrupt as interrupt:
            click.echo(str(interrupt) or "Interrupted. What this command started has been stopped.", err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if os.environ.get("MLOPS_LABS_DEBUG") or getattr(error, "errno", None) == errno.EPIPE:
                raise
            click.echo(str(unforeseen(error)), err=True)
            ctx.exit(ENVIRONMENT_TROUBLE)


def unforeseen(error: Exception) -> Exception:
    """Words for an error that no part of the program expected."""
    from infra.trouble import Trouble

    return Trouble(
        found=f"{type(error).__name__}: {error}",
        expected="no such error",
        next_step="if it names a file or a full disk, mend that; otherwise set MLOPS_LABS_DEBUG=1, "
        "run the command again and report what it prints",
    )


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The platform of the labs: MLflow, JupyterLab and what you deploy, on this machine.

    Exit status: 0 done, 2 wrong usage, 3 the environment stands in the way or something does not run.
    """


@main.command()
@profile_option
@click.option(
    "--notebooks",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="The folder that JupyterLab shows. [default: the root of the clone, or this folder]",
)
@click.option("--mlflow-port", type=PORT, help="[default: 5000]")
@click.option("--jupyter-port", type=PORT, help="[default: 8888]")
@click.option("--serving-port", type=PORT, help="Where deployments are reached. [default: 8090]")
@click.option("--no-jupyter", is_flag=True, help="Leave JupyterLab out, for example inside VS Code.")
@click.option("--open", "path", metavar="PATH", help="Open this notebook or folder in the browser.")
@click.option(
    "--overlay",
    type=click.Choice(["serve", "full", "gpu", "ci"]),
    help="What runs on kind: serve (6 GB), or full with KServe and Kubeflow Pipelines (12 GB). [default: serve]",
)
@click.option("--check", is_flag=True, help="Only look whether this machine has what --profile kind needs.")
def up(  # noqa: PLR0913, PLR0917 - one parameter for each option
    profile_name: str,
    notebooks: Path | None,
    mlflow_port: int | None,
    jupyter_port: int | None,
    serving_port: int | None,
    no_jupyter: bool,
    path: str | None,
    overlay: str | None,
    check: bool,
) -> None:
    """Start the platform and wait until it answers. Does nothing where it runs already."""
    if (overlay or check) and profile_name == "local":
        raise click.UsageError("--overlay and --check go with --profile kind or kind-gpu.")
    if no_jupyter and (jupyter_port or notebooks or path):
        raise click.UsageError("--no-jupyter does not go with --jupyter-port, --notebooks or --open.")
    from infra.profile import Wishes, refuse_beside_another
    from infra.progress import TerminalProgress

    # An ended terminal session is an interruption like Ctrl-C: what was begun is tidied up.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)
    wishes = Wishes(
        mlflow_port=mlflow_port,
        jupyter_port=jupyter_port,
        serving_port=serving_port,
        # Asking for a path asks for the JupyterLab that shows it.
        jupyter=False if no_jupyter else (True if path else None),
        notebooks=notebooks,
        overlay=overlay,
    )
    profile = load(profile_name)
    with TerminalProgress() as progress:
        if check:
            profile.check(wishes, progress)
        else:
            refuse_beside_another(profile_name)
            changed = profile.up(wishes, progress)
    if check:
        click.echo(f"This machine has what the profile {profile_name} needs.")
        return
    variables = profile.environment()
    click.echo("The platform runs." if changed else "The platform runs already; nothing was changed.")
    for title, name in PAGES.items():
        if name in variables:
            click.echo(f"  {title:<10}  {variables[name]}")
    jupyter = variables.get("MLOPS_LABS_JUPYTER_URL")
    if path and jupyter:
        show(jupyter, path)
    click.echo("Next:")
    if jupyter:
        click.echo("  open JupyterLab in the browser; its terminals and notebooks know the platform")
    click.echo('  eval "$(infra env)"   in any other terminal')
    click.echo("  infra down            when you are done; your data stays")


@main.command()
@profile_option
@click.option("--delete-data", is_flag=True, help="Also delete MLflow's runs, models and the logs.")
@click.option("--yes", is_flag=True, help="Delete without asking.")
def down(profile_name: str, delete_data: bool, yes: bool) -> None:
    """Stop the platform. MLflow's runs and models stay.

    On kind the node is stopped and keeps all data; with --delete-data, which asks, the cluster is removed.
    """
    from infra.progress import TerminalProgress

    profile = load(profile_name)
    doomed = profile.data() if delete_data else []
    if doomed and not yes:
        click.echo("This deletes for good:\n" + "\n".join(f"  {path}" for path in doomed), err=True)
        click.confirm("Delete them?", abort=True, err=True)
    with TerminalProgress() as progress:
        progress.waiting("Stopping the platform")
        stopped = profile.down(progress)
    if doomed:
        profile.delete_data()
    # The JupyterLab whose terminal this may be has just gone, and with it the place to print to.
    with contextlib.suppress(OSError):
        click.echo("The platform is stopped." if stopped else "Nothing was running.")
        if doomed:
            click.echo("Its data is deleted.")


@main.command()
@profile_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(profile_name: str, form: str) -> None:
    """Say of each service whether it runs, and where. Exit status 0 if all run, 3 otherwise."""
    rows = load(profile_name).status()
    well = bool(rows) and all(row.running for row in rows)
    if form == "json":
        services = [asdict(row) for row in rows]
        click.echo(json.dumps({"profile": profile_name, "running": well, "services": services}, indent=2))
    else:
        width = max([10, *(len(row.title) for row in rows)])
        for row in rows:
            click.echo(line(row, width))
        if not well:
            click.echo("Next: infra up, or infra logs" if rows else "Nothing runs. Next: infra up", err=True)
    sys.exit(0 if well else ENVIRONMENT_TROUBLE)


def line(row: ServiceStatus, width: int = 10) -> str:
    """One service in one line."""
    parts = [f"{row.title:<{width}} {row.state:<11}"]
    if row.pid is not None:
        megabytes = (row.memory_bytes or 0) / 2**20
        parts.append(f"pid {row.pid:<8}{megabytes:>5.0f} MiB  since {row.since}")
    elif row.memory_bytes is not None:
        parts.append(f"{row.memory_bytes / 2**20:>5.0f} MiB" + (f"  since {row.since}" if row.since else ""))
    return "  ".join([*parts, row.address])


@main.command()
@profile_option
@click.argument("service", required=False)
@click.option("--lines", type=click.IntRange(0), default=30, show_default=True, help="How many of each log.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is added, until Ctrl-C.")
def logs(profile_name: str, service: str | None, lines: int, follow: bool) -> None:
    """Show the logs of SERVICE, or of all; of a deployment, those of its releases."""
    profile = load(profile_name)
    names = profile.log_names()
    if service and service not in names:
        releases = [name for name in names if name.rpartition("-")[0] == service]
        if not releases:
            raise click.BadParameter(f"{service!r} is not one of {', '.join(names)}.", param_hint="SERVICE")
        names = releases
    elif service:
        names = [service]
    with contextlib.suppress(KeyboardInterrupt):
        for name, text in profile.logs(names, lines, follow):
            click.echo(text if service and len(names) == 1 else f"{name:<11} | {text}")


@main.command()
@profile_option
@click.option("--format", "form", type=click.Choice(["shell", "json"]), default="shell", show_default=True)
def env(profile_name: str, form: str) -> None:
    """Print the variables that connect a terminal to the platform: eval "$(infra env)"."""
    variables = load(profile_name).environment()
    if not variables:
        from infra.trouble import Trouble

        raise Trouble(found="no platform that runs", expected="one that does", next_step="infra up")
    click.echo(json.dumps(variables, indent=2) if form == "json" else exports(variables))


def exports(variables: dict[str, str]) -> str:
    """The variables as lines for any POSIX shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def show(jupyter_url: str, path: str) -> None:
    """Open one path of JupyterLab in the browser, and print its address for when there is none."""
    url = link(jupyter_url, path)
    click.echo(f"  Opening     {url}")
    # Without a desktop the module `webbrowser` would start a browser inside this terminal.
    if sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))):
        import webbrowser

        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url)


def link(jupyter_url: str, path: str) -> str:
    """JupyterLab's address for a path below its root."""
    from urllib.parse import quote

    base, _, query = jupyter_url.partition("?")
    return f"{base}/tree/{quote(path.removeprefix('./'))}?{query}"


def interrupt(signal_number: int, frame: object) -> NoReturn:
    """Make of a signal what Ctrl-C is."""
    raise KeyboardInterrupt


for _command in (*COMMANDS, tool, cohort):
    main.add_command(_command)
