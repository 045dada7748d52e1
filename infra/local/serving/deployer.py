"""Deployments as processes: make a release, wait until it answers, turn the traffic, stop what no longer gets any."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable

from infra.deployments import (
    MODEL,
    Deployment,
    DeploymentStatus,
    Order,
    Registered,
    Release,
    ReleaseStatus,
    Traffic,
    check_name,
    unknown,
)
from infra.local import config, logs, ports
from infra.local.layout import Layout, Settings, write_private
from infra.local.serving import router
from infra.local.serving.store import Store, now
from infra.local.supervisor import Supervisor
from infra.profile import Progress
from infra.trouble import Trouble

PATIENCE = 180.0
LOG_LINES = 20
HEALTH = "/health"


def program(name: str, number: int) -> str:
    """What supervisord calls a release, and its log."""
    return f"{name}-{number}"


class LocalDeployments:
    """The deployments of a platform that runs. One change at a time: the caller holds the platform's lock."""

    def __init__(self, layout: Layout, settings: Settings) -> None:
        self._layout, self._settings = layout, settings
        self._store = Store(layout)
        self._supervisor = Supervisor(settings.socket)

    def deploy(self, order: Order, progress: Progress) -> DeploymentStatus:
        """Make a release, wait until it answers, then send traffic to it; when it does not, nothing has changed."""
        model = self._resolve(order) if order.model else None
        before = self._store.read(order.name) or Deployment(order.name)
        number = self._store.next_number(order.name)
        try:
            code = self._store.keep_code(order.name, number, order.folder if order.app else None)
            release = Release(number=number, app=order.app, model=model, code=code, created=now())
            made = dataclasses.replace(before, releases=(*before.releases, release))
            self._store.write(made)
            traffic = before.traffic.shadowed(number) if order.shadow else before.traffic.joined(number, order.weight)
            if not traffic.weights:
                raise Trouble(
                    found=f"`{order.name}` has no release whose requests could be copied to a shadow",
                    expected="a release that gets traffic",
                    next_step=f"infra deploy {order.name} without --shadow",
                )
            self._turn(made, traffic, progress)
        except BaseException:
            self._stop(program(order.name, number))
            self._store.drop(order.name, number)
            if before.releases:
                self._store.write(before)
            else:
                self._store.forget(order.name)
            raise
        return self._noted(order.name, "deploy", number, before.traffic)

    def route(self, name: str, traffic: Traffic, progress: Progress) -> DeploymentStatus:
        """Share the traffic anew among releases that are there."""
        before = self._known(name)
        for number in traffic.serving:
            before.release(number)
        self._turn(before, traffic, progress)
        return self._noted(name, "route", None, before.traffic)

    def rollback(self, name: str, progress: Progress) -> DeploymentStatus:
        """Give the traffic back to those that had it before the last change."""
        before = self._known(name)
        if not before.earlier or not before.earlier[0].weights:
            raise Trouble(
                found=f"`{name}` has had no other traffic than it has now",
                expected="a change that can be taken back",
                next_step="infra deployments",
            )
        traffic, *earlier = before.earlier
        self._turn(before, traffic, progress, earlier=tuple(earlier))
        return self._noted(name, "rollback", None, before.traffic)

    def undeploy(self, name: str, progress: Progress) -> None:
        """Stop all releases and forget them; the journal stays."""
        before = self._known(name)
        progress.waiting(f"Stopping {name}")
        self._store.note(name, "undeploy", None, before.traffic, Traffic())
        self._store.forget(name)
        self._reroute()
        for release in before.releases:
            self._stop(program(name, release.number))
        if not self._store.names():
            self._stop(router.PROGRAM)

    def all(self) -> list[DeploymentStatus]:
        """Each deployment, by name."""
        return [self._status(each) for each in self._store.all()]

    def _known(self, name: str) -> Deployment:
        check_name(name)
        deployment = self._store.read(name)
        if deployment is None:
            raise unknown(name, self._store.names())
        return deployment

    def _turn(
        self, deployment: Deployment, traffic: Traffic, progress: Progress, earlier: tuple[Traffic, ...] | None = None
    ) -> None:
        """Start what shall get traffic, turn it, and stop what gets none any more; in this order, nobody waits."""
        started = []
        try:
            for number in sorted(traffic.serving - deployment.traffic.serving):
                started.append(program(deployment.name, number))
                self._start(deployment, number, progress)
            self._ensure_router(progress)
        except BaseException:
            for each in started:
                self._stop(each)
            raise
        if earlier is None:
            earlier = (deployment.traffic, *deployment.earlier)
        self._store.write(dataclasses.replace(deployment, traffic=traffic, earlier=earlier))
        self._reroute()
        for number in deployment.traffic.serving - traffic.serving:
            self._stop(program(deployment.name, number))

    def _noted(self, name: str, event: str, release: int | None, before: Traffic) -> DeploymentStatus:
        after = self._known(name)
        self._store.note(name, event, release, before, after.traffic)
        return self._status(after)

    def _start(self, deployment: Deployment, number: int, progress: Progress) -> None:
        """Start one release and wait until it says that it is healthy."""
        name = program(deployment.name, number)
        words = config.release_command(self._layout, deployment.name, number)
        self._add(name, words)
        self._await(name, lambda: self._healthy(deployment.name, number), f"{name} to answer {HEALTH}", progress)

    def _healthy(self, name: str, number: int) -> bool:
        import httpx

        transport = httpx.HTTPTransport(uds=str(router.socket(self._settings, name, number)))
        with httpx.Client(transport=transport, trust_env=False, timeout=5) as client:
            try:
                return client.get(f"http://{name}{HEALTH}").status_code == 200
            except httpx.HTTPError:
                return False

    def _ensure_router(self, progress: Progress) -> None:
        """Start the router where it does not run, and wait until it listens."""
        programs = self._supervisor.programs() or {}
        if router.PROGRAM in programs and not programs[router.PROGRAM].dead:
            return
        port = self._settings.serving_port
        if why := ports.problem(port):
            raise ports.taken("serving", port, why, "infra down && infra up")
        router.write_config(self._layout, self._settings)
        router.write_routes(self._layout, self._settings, self._store.all())
        self._add(router.PROGRAM, router.command(self._layout))
        self._await(router.PROGRAM, lambda: ports.problem(port) == "in use", "the router to listen", progress)

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

    def _reroute(self) -> None:
        version = router.write_routes(self._layout, self._settings, self._store.all())
        router.await_version(self._settings, version)

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

    def _resolve(self, order: Order) -> Registered:
        """The version that an alias stands for now: a release keeps its version when the alias moves on."""
        import httpx

        found = MODEL.fullmatch(order.model or "")
        name, alias, version = found.group("name", "alias", "version") if found else ("", None, None)
        path = "registered-models/alias" if alias else "model-versions/get"
        asked = {"name": name, "alias": alias} if alias else {"name": name, "version": version}
        if not alias and not version:
            raise Trouble(
                found=f"{order.model}, without an alias or a version",
                expected="models:/NAME@ALIAS or models:/NAME/VERSION",
                next_step=f"infra deploy {order.name} --model {order.model}@champion",
            )
        try:
            with httpx.Client(trust_env=False, timeout=30) as client:
                answer = client.get(f"{self._settings.mlflow_url}/api/2.0/mlflow/{path}", params=asked)
                said = answer.json()
                if answer.status_code == 200:
                    return Registered(name, str(said["model_version"]["version"]))
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise Trouble(
                found=f"MLflow did not say which version {order.model} is: {type(error).__name__}",
                expected="an answer of its registry",
                next_step="infra status",
            ) from error
        reason = str(said.get("message", "")) if isinstance(said, dict) else ""
        raise Trouble(
            found=f"{order.model} is not in the registry" + (f": {reason}" if reason else ""),
            expected="a registered model with this alias or version",
            next_step=f"look at {self._settings.mlflow_url}/#/models",
        )

    def _status(self, deployment: Deployment) -> DeploymentStatus:
        programs = self._supervisor.programs() or {}
        rows = []
        for release in deployment.releases:
            state = "stopped"
            found = programs.get(program(deployment.name, release.number))
            if found:
                state = "running" if self._healthy(deployment.name, release.number) else "silent"
                state = {"BACKOFF": "restarting"}.get(found.state, "failed") if found.dead else state
            weight = deployment.traffic.weights.get(release.number, 0)
            rows.append(ReleaseStatus(release, state, weight, deployment.traffic.shadow == release.number))
        return DeploymentStatus(deployment.name, f"{self._settings.serving_url}/{deployment.name}", tuple(rows))


def prepare(layout: Layout, settings: Settings) -> None:
    """Before supervisord starts: what it shall run of the deployments, with the ports and paths of this time."""
    shutil.rmtree(layout.programs, ignore_errors=True)
    layout.programs.mkdir(parents=True)
    deployments = list(Store(layout).all())
    if not deployments:
        return
    router.write_config(layout, settings)
    router.write_routes(layout, settings, deployments)
    commands = {router.PROGRAM: router.command(layout)}
    for each in deployments:
        for number in each.traffic.serving:
            commands[program(each.name, number)] = config.release_command(layout, each.name, number)
    for name, words in commands.items():
        write_private(layout.program(name), config.program(name, words))
