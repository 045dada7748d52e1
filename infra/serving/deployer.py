"""The course of a change, on every profile: make a release, wait until it answers, turn the traffic, stop the rest."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from infra.deployments import (
    Deployment,
    DeploymentStatus,
    Order,
    Release,
    ReleaseStatus,
    Traffic,
    check_name,
    unknown,
)
from infra.interrupts import uninterrupted
from infra.profile import Progress
from infra.serving.registry import resolve
from infra.serving.routes import called
from infra.serving.store import Store, now
from infra.trouble import Trouble

STOPPED = "stopped"


class Runners(Protocol):
    """What runs the releases and turns the traffic: processes here, pods there. Every method may raise Trouble."""

    def start(self, deployment: Deployment, number: int, progress: Progress) -> None:
        """Start a release of a deployment, and wait until it answers that it is healthy."""

    def stop(self, name: str, number: int) -> None:
        """Stop a release, which may be started again; nothing happens where it does not run."""

    def remove(self, name: str, number: int) -> None:
        """Stop a release for good."""

    def reroute(self, progress: Progress, *, hurried: bool = False) -> None:
        """Have the router follow the store's records, starting it where need be, and wait until it does.

        Hurried, it waits for seconds only: the change has failed already, and Ctrl-C cannot cut this short.
        """

    def tidy(self) -> None:
        """After a deployment or a release has gone: let go of what ran for it beside its releases."""

    def states(self, deployment: Deployment) -> Mapping[int, str]:
        """How the releases stand that run or should; those that were stopped may be left out."""


@dataclass
class Change:
    """What has been done so far of a change that may fail."""

    made: int | None = None
    started: list[int] = field(default_factory=list)
    rerouted: bool = False


class Deployer:
    """The deployments of a platform that runs. One change at a time: the caller holds the platform's lock."""

    def __init__(self, store: Store, runners: Runners, mlflow_url: str, serving_url: str) -> None:
        self._store, self._runners = store, runners
        self._mlflow_url, self._serving_url = mlflow_url, serving_url

    def deploy(self, order: Order, progress: Progress) -> DeploymentStatus:
        """Make a release, wait until it answers, then send traffic to it; when it does not, nothing has changed."""
        model = resolve(order, self._mlflow_url) if order.model else None
        before = self._store.read(order.name) or Deployment(order.name)
        if order.shadow and not before.traffic.weights:
            raise Trouble(
                found=f"`{order.name}` has no release whose requests could be copied to a shadow",
                expected="a release that gets traffic",
                next_step=f"infra deploy {order.name} without --shadow",
            )
        number = self._store.next_number(order.name)
        with self._all_or_nothing(before, progress) as change:
            change.made = number
            code = self._store.keep_code(order.name, number, order.folder if order.app else None)
            release = Release(number=number, app=order.app, model=model, code=code, created=now())
            made = dataclasses.replace(before, releases=(*before.releases, release))
            # A process reads its own record when it starts.
            self._store.write(made)
            traffic = before.traffic.shadowed(number) if order.shadow else before.traffic.joined(number, order.weight)
            earlier = (before.traffic, *before.earlier)
            self._turn(made, dataclasses.replace(made, traffic=traffic, earlier=earlier), change, progress)
            self._note("deploy", before, traffic, number)
        return self._settled(before, progress)

    def route(self, name: str, traffic: Traffic, progress: Progress) -> DeploymentStatus:
        """Share the traffic anew among releases that are there."""
        before = self._known(name)
        for number in traffic.serving:
            before.release(number)
        return self._rerouted("route", before, traffic, (before.traffic, *before.earlier), progress)

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
        return self._rerouted("rollback", before, traffic, tuple(earlier), progress)

    def undeploy(self, name: str, progress: Progress) -> None:
        """Stop all releases and forget them; the journal stays."""
        before = self._known(name)
        progress.waiting(f"Stopping {name}")
        with self._all_or_nothing(before, progress) as change:
            self._turn(before, dataclasses.replace(before, traffic=Traffic()), change, progress)
            self._note("undeploy", before, Traffic())
        with uninterrupted():
            self._store.forget(name)
            for release in before.releases:
                self._end(self._runners.remove, name, release.number, progress)
            self._tidy(progress)

    def all(self) -> list[DeploymentStatus]:
        """Each deployment, by name."""
        return [self._status(each) for each in self._store.all()]

    def _known(self, name: str) -> Deployment:
        check_name(name)
        deployment = self._store.read(name)
        if deployment is None:
            raise unknown(name, self._store.names())
        return deployment

    def _rerouted(
        self, event: str, before: Deployment, traffic: Traffic, earlier: tuple[Traffic, ...], progress: Progress
    ) -> DeploymentStatus:
        """Turn the traffic among releases that are there."""
        with self._all_or_nothing(before, progress) as change:
            after = dataclasses.replace(before, traffic=traffic, earlier=earlier)
            self._turn(before, after, change, progress)
            self._note(event, before, traffic)
        return self._settled(before, progress)

    def _turn(self, before: Deployment, after: Deployment, change: Change, progress: Progress) -> None:
        """Start what shall get traffic, then turn it; in this order, nobody waits."""
        for number in sorted(after.traffic.serving - before.traffic.serving):
            change.started.append(number)
            self._runners.start(before, number, progress)
        change.rerouted = True
        self._store.write(after)
        self._runners.reroute(progress)

    def _note(self, event: str, before: Deployment, after: Traffic, release: int | None = None) -> None:
        self._store.note(before.name, event, release, before.traffic, after)

    def _settled(self, before: Deployment, progress: Progress) -> DeploymentStatus:
        """Stop what gets no traffic any more. The change is made: what does not stop is told, and undoes nothing."""
        after = self._known(before.name)
        with uninterrupted():
            for number in sorted(before.traffic.serving - after.traffic.serving):
                self._end(self._runners.stop, before.name, number, progress)
        return self._status(after)

    @contextlib.contextmanager
    def _all_or_nothing(self, before: Deployment, progress: Progress) -> Iterator[Change]:
        """Whatever fails within, Ctrl-C included, is undone: records, routes and releases are as before."""
        change = Change()
        try:
            yield change
        except BaseException:
            with uninterrupted():
                self._undo(before, change, progress)
            raise

    def _undo(self, before: Deployment, change: Change, progress: Progress) -> None:
        if before.releases:
            self._store.write(before)
        else:
            self._store.forget(before.name)
        if change.rerouted:
            with told(progress, "The router may not follow the earlier routes yet"):
                self._runners.reroute(progress, hurried=True)
        for number in change.started:
            how = self._runners.remove if number == change.made else self._runners.stop
            self._end(how, before.name, number, progress)
        if change.made is not None:
            self._store.drop(before.name, change.made)
        self._tidy(progress)

    @staticmethod
    def _end(how: Callable[[str, int], None], name: str, number: int, progress: Progress) -> None:
        with told(progress, f"{called(name, number)} gets no traffic but could not be stopped"):
            how(name, number)

    def _tidy(self, progress: Progress) -> None:
        with told(progress, "Something that nothing needs any more may still run"):
            self._runners.tidy()

    def _status(self, deployment: Deployment) -> DeploymentStatus:
        states, traffic = self._runners.states(deployment), deployment.traffic
        rows = [
            ReleaseStatus(
                each,
                states.get(each.number, STOPPED),
                traffic.weights.get(each.number, 0),
                traffic.shadow == each.number,
            )
            for each in deployment.releases
        ]
        return DeploymentStatus(deployment.name, f"{self._serving_url}/{deployment.name}", tuple(rows))


@contextlib.contextmanager
def told(progress: Progress, what: str) -> Iterator[None]:
    """A trouble within is told and no more: what was asked for has been decided already."""
    try:
        yield
    except Trouble as trouble:
        progress.note(f"{what}: {trouble.found}")
    except OSError as error:
        progress.note(f"{what}: {error.strerror or error}")
