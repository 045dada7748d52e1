"""Releases as processes of supervisord, each on a socket of its own, and the router before them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping

from infra.deployments import Deployment
from infra.files import write_private
from infra.local import config, logs, ports
from infra.local.layout import Layout, Settings
from infra.local.serving import router
from infra.local.supervisor import Supervisor
from infra.profile import Progress
from infra.serving.deployer import Deployer
from infra.serving.routes import HEALTH, called, followed
from infra.serving.store import Store
from infra.trouble import Trouble

PATIENCE = 180.0
TURNING_PATIENCE, HURRIED = 20.0, 5.0
LOG_LINES = 20


def local_deployments(layout: Layout, settings: Settings) -> Deployer:
    """The deployments of a local platform that runs."""
    store = Store(layout.serving)
    return Deployer(store, Processes(layout, settings, store), settings.mlflow_url, settings.serving_url)


class Processes:
    """What runs the releases of one home."""

    def __init__(self, layout: Layout, settings: Settings, store: Store) -> None:
        self._layout, self._settings, self._store = layout, settings, store
        self._supervisor = Supervisor(settings.socket)

    def start(self, deployment: Deployment, number: int, progress: Progress) -> None:
        """Start one release and wait until it says that it is healthy."""
        name = called(deployment.name, number)
        self._add(name, config.release_command(self._layout, deployment.name, number))
        self._await(name, lambda: self._healthy(deployment.name, number), f"{name} to answer {HEALTH}", progress)

    def stop(self, name: str, number: int) -> None:
        """Stop a release; its code and its model stay in its folder."""
        self._stop(called(name, number))

    def remove(self, name: str, number: int) -> None:
        """Stop a release for good."""
        self._stop(called(name, number))

    def reroute(self, progress: Progress, *, hurried: bool = False) -> None:
        """Have the router follow the store's records, and wait until it does."""
        deployments = list(self._store.all())
        wanted = any(each.traffic.weights for each in deployments)
        programs = self._supervisor.programs() or {}
        runs = router.PROGRAM in programs and not programs[router.PROGRAM].dead
        if not runs and wanted:
            port = self._settings.serving_port
            if why := ports.problem(port):
                raise ports.taken("serving", port, why, "infra down && infra up")
        version = router.write_routes(self._layout, self._settings, deployments)
        if not runs and wanted:
            router.write_config(self._layout, self._settings)
            self._add(router.PROGRAM, router.command(self._layout))
            self._await(router.PROGRAM, lambda: self._follows(version), "the router to listen", progress)
        elif runs:
            self._turned(version, HURRIED if hurried else TURNING_PATIENCE)

    def tidy(self) -> None:
        """Stop the router where nothing is deployed any more."""
        if not self._store.names():
            self._stop(router.PROGRAM)

    def states(self, deployment: Deployment) -> Mapping[int, str]:
        """How the releases stand that supervisord knows."""
        programs = self._supervisor.programs() or {}
        states = {}
        for release in deployment.releases:
            found = programs.get(called(deployment.name, release.number))
            if found:
                state = "running" if self._healthy(deployment.name, release.number) else "silent"
                states[release.number] = {"BACKOFF": "restarting"}.get(found.state, "failed") if found.dead else state
        return states

    def _healthy(self, name: str, number: int) -> bool:
        import httpx

        transport = httpx.HTTPTransport(uds=str(router.socket(self._settings, name, number)))
        with httpx.Client(transport=transport, trust_env=False, timeout=5) as client:
            try:
                return client.get(f"http://{name}{HEALTH}").status_code == 200
            except httpx.HTTPError:
                return False

    def _follows(self, version: str) -> bool:
        return followed(self._settings.serving_url) == version

    def _turned(self, version: str, patience: float) -> None:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self._follows(version):
                return
            time.sleep(0.02)
        raise Trouble(
            found=f"the router did not take over its new routes within {patience:.0f} s",
            expected="Envoy that reads its files in the platform's home",
            next_step="infra logs router",
        )

    def _await(self, name: str, there: Callable[[], bool], what: str, progress: Progress) -> None:
        start = time.monotonic()
        log = self._layout.log(name)
        while not there():
            progress.waiting(f"Waiting for {what}")
            programs = self._supervisor.programs() or {}
            waited = time.monotonic() - start
            if name not in programs or programs[name].dead or waited > PATIENCE:
                ended = waited <= PATIENCE
                raise Trouble(
                    details=f"The end of {log}:\n{logs.last(log, LOG_LINES)}",
                    found=f"{name} ended while it was starting" if ended else f"no {what} within {PATIENCE:.0f} s",
                    expected=what.replace(" to ", " that can ", 1),
                    next_step="mend what the last lines name, then the same command again; the traffic is as it was",
                )
            time.sleep(0.1)
        progress.note(f"{name} answers after {time.monotonic() - start:.1f} s")

    def _add(self, name: str, words: list[str]) -> None:
        self._stop(name)
        self._layout.programs.mkdir(parents=True, exist_ok=True)
        self._layout.log(name).unlink(missing_ok=True)
        write_private(self._layout.program(name), config.program(name, words))
        self._supervisor.add(name)

    def _stop(self, name: str) -> None:
        if self._layout.program(name).exists():
            self._supervisor.remove(name)
            self._layout.program(name).unlink(missing_ok=True)


def prepare(layout: Layout, settings: Settings) -> None:
    """Before supervisord starts: what it shall run of the deployments, with the ports and paths of this time."""
    shutil.rmtree(layout.programs, ignore_errors=True)
    layout.programs.mkdir(parents=True)
    deployments = list(Store(layout.serving).all())
    if not deployments:
        return
    router.write_config(layout, settings)
    router.write_routes(layout, settings, deployments)
    commands = {router.PROGRAM: router.command(layout)}
    for each in deployments:
        for number in each.traffic.serving:
            commands[called(each.name, number)] = config.release_command(layout, each.name, number)
    for name, words in commands.items():
        write_private(layout.program(name), config.program(name, words))
