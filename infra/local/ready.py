"""Wait until the services answer over HTTP, or say why they do not."""

from __future__ import annotations

import shlex
import time
from types import TracebackType

from infra.local import logs
from infra.local.config import command
from infra.local.layout import TITLES, Layout, Settings
from infra.local.mlflow_server import database_uri
from infra.local.supervisor import Program, Supervisor
from infra.profile import Progress
from infra.trouble import Trouble

TIMEOUT = 180.0
LOG_LINES = 15


class Probe:
    """Asks the services whether they are there."""

    def __init__(self, settings: Settings) -> None:
        import httpx

        self._settings = settings
        # A proxy from the environment has no say about this machine's own ports.
        self._client = httpx.Client(trust_env=False, timeout=5)

    def answers(self, name: str) -> bool:
        """Whether the service answers. JupyterLab is asked something that needs our token, so it is ours."""
        import httpx

        settings = self._settings
        if name == "mlflow":
            url, headers = f"{settings.mlflow_url}/health", {}
        else:
            url = f"{settings.jupyter_url}/api/status"
            headers = {"Authorization": f"token {settings.token}"}
        try:
            return self._client.get(url, headers=headers).status_code == 200
        except httpx.HTTPError:
            return False

    def __enter__(self) -> Probe:
        """Use it in a `with` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._client.close()


def wait(layout: Layout, settings: Settings, supervisor: Supervisor, progress: Progress, *, retries: bool) -> None:
    """Return when every service answers; with `retries`, supervisord may try one that died again."""
    pending = list(settings.services)
    start = time.monotonic()
    with Probe(settings) as probe:
        while pending:
            progress.waiting("Waiting for " + " and ".join(TITLES[name] for name in pending) + " to answer")
            programs = supervisor.programs()
            if programs is None:
                raise failure(layout, "supervisord", "supervisord ended while its services were starting")
            for name in list(pending):
                program = programs.get(name)
                if program is None or gave_up(program, retries=retries):
                    raise death(layout, name)
                if probe.answers(name):
                    pending.remove(name)
                    progress.note(f"{TITLES[name]} answers after {time.monotonic() - start:.1f} s")
            if pending and time.monotonic() - start > TIMEOUT:
                raise failure(layout, pending[0], f"{TITLES[pending[0]]} did not answer within {TIMEOUT:.0f} s")
            if pending:
                time.sleep(0.1)


def gave_up(program: Program, *, retries: bool) -> bool:
    """Whether waiting for this program is in vain. STOPPED is what it is before supervisord's first turn."""
    return program.dead and program.state != "STOPPED" and not (retries and program.state == "BACKOFF")


def death(layout: Layout, name: str) -> Trouble:
    """What to say about a service that ended."""
    if name == "mlflow" and layout.refusal.exists():
        return wrong_database(layout)
    return failure(layout, name, f"{TITLES[name]} ended while it was starting")


def wrong_database(layout: Layout) -> Trouble:
    """The database was made by another version of MLflow, or is no database."""
    from importlib.metadata import version

    old = layout.database
    upgrade = f'cp "{old}" "{old}.bak" && mlflow db upgrade "{database_uri(layout)}" && infra up'
    return Trouble(
        details=f"MLflow says: {layout.refusal.read_text(encoding='utf-8')}",
        found=f"{old} is not a database that this MLflow can use",
        expected=f"a database made by MLflow {version('mlflow')}",
        next_step=f"if an older MLflow made it: {upgrade}\n"
        "          otherwise begin with an empty one: infra down --delete-data && infra up",
    )


def failure(layout: Layout, name: str, found: str) -> Trouble:
    """A service that cannot be had, with the end of its log."""
    return Trouble(
        details=f"The end of {layout.log(name)}:\n{logs.last(layout.log(name), LOG_LINES)}",
        found=found,
        expected=f"{TITLES.get(name, name)} that answers; its command: {shlex.join(command(layout, name))}",
        next_step="mend what the last lines name, then: infra up",
    )
