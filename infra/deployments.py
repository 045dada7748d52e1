"""What a deployment is, on every profile: releases of a service behind one stable address, and who gets the traffic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from infra.profile import Progress
from infra.trouble import Trouble

# A label in DNS, since on Kubernetes it is one, and short, since a socket's path carries it.
NAME = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")
APP = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
MODEL = re.compile(r"models:/(?P<name>[^/@:]+)(@(?P<alias>[^/@]+)|/(?P<version>[1-9]\d*))?")
ALL = 100


@dataclass(frozen=True)
class Registered:
    """A version of a registered model."""

    name: str
    version: str

    def __str__(self) -> str:
        """As MLflow writes it."""
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True)
class Order:
    """What a person asks of `deploy`: an ASGI application, a registered model, or the one with the other."""

    name: str
    app: str | None
    model: str | None
    weight: int
    shadow: bool
    folder: Path

    def __post_init__(self) -> None:
        """Refuse what no profile can deploy."""
        check_name(self.name)
        if not self.app and not self.model:
            raise Trouble(
                found="neither an application nor a model",
                expected="one of them, or both",
                next_step=f"infra deploy {self.name} --app service:app --model models:/card-fraud@champion",
            )
        if self.app and not APP.fullmatch(self.app):
            raise Trouble(
                found=f"--app {self.app}",
                expected="MODULE:NAME, the module as `import` writes it, the name of the ASGI application in it",
                next_step=f"for `app = FastAPI()` in service.py: infra deploy {self.name} --app service:app",
            )
        if self.model and not MODEL.fullmatch(self.model):
            raise Trouble(
                found=f"--model {self.model}",
                expected="models:/NAME@ALIAS or models:/NAME/VERSION",
                next_step=f"infra deploy {self.name} --model models:/card-fraud@champion",
            )


@dataclass(frozen=True)
class Release:
    """What never changes once it was made: the code, and the version of the model. `code` is a SHA-256."""

    number: int
    app: str | None
    model: Registered | None
    code: str
    created: str


@dataclass(frozen=True)
class Traffic:
    """Which release gets how many of 100 requests, and which a copy of each, whose answers nobody sees."""

    weights: Mapping[int, int] = field(default_factory=dict)
    shadow: int | None = None

    @property
    def serving(self) -> set[int]:
        """The releases that must run."""
        return set(self.weights) | ({self.shadow} if self.shadow is not None else set())

    def joined(self, number: int, weight: int) -> Traffic:
        """The traffic once `number` gets `weight` of 100 requests; the others share the rest as they did before."""
        others = {other: share for other, share in self.weights.items() if other != number}
        if not others:
            weight = ALL
        weights = _shared(others, ALL - weight) | {number: weight}
        return Traffic({other: share for other, share in sorted(weights.items()) if share}, self.shadow)

    def shadowed(self, number: int | None) -> Traffic:
        """The traffic with another shadow, or with none."""
        return Traffic(self.weights, number)


def _shared(weights: Mapping[int, int], total: int) -> dict[int, int]:
    """Scale `weights` to the sum `total`, in whole numbers: the largest remainders are rounded up."""
    whole = sum(weights.values())
    exact = {number: share * total / whole for number, share in weights.items()}
    shares = {number: int(share) for number, share in exact.items()}
    by_remainder = sorted(exact, key=lambda number: shares[number] - exact[number])
    for number in by_remainder[: total - sum(shares.values())]:
        shares[number] += 1
    return shares


@dataclass(frozen=True)
class Deployment:
    """A name, its releases, and the traffic; `earlier` is the traffic before each change, the last one first."""

    name: str
    releases: tuple[Release, ...] = ()
    traffic: Traffic = Traffic()
    earlier: tuple[Traffic, ...] = ()

    def release(self, number: int) -> Release:
        """One of its releases.

        Raises:
            Trouble: it has no such release.
        """
        for each in self.releases:
            if each.number == number:
                return each
        raise Trouble(
            found=f"no release {number} of `{self.name}`",
            expected="one of " + ", ".join(str(each.number) for each in self.releases),
            next_step="infra deployments",
        )


@dataclass(frozen=True)
class ReleaseStatus:
    """One release as it stands now."""

    release: Release
    state: str
    weight: int
    shadow: bool


@dataclass(frozen=True)
class DeploymentStatus:
    """One deployment as it stands now."""

    name: str
    address: str
    releases: tuple[ReleaseStatus, ...]


class Deployments(Protocol):
    """Where deployments live: processes here, Kubernetes objects there. Every method may raise Trouble."""

    def deploy(self, order: Order, progress: Progress) -> DeploymentStatus:
        """Make a release, wait until it answers, then send traffic to it; when it does not, nothing has changed."""

    def route(self, name: str, traffic: Traffic, progress: Progress) -> DeploymentStatus:
        """Share the traffic anew among releases that are there."""

    def rollback(self, name: str, progress: Progress) -> DeploymentStatus:
        """Give the traffic back to those that had it before the last change."""

    def undeploy(self, name: str, progress: Progress) -> None:
        """Stop all releases and forget them; the journal stays."""

    def all(self) -> list[DeploymentStatus]:
        """Each deployment, by name."""


def check_name(name: str) -> None:
    """Raise Trouble unless a deployment may have this name."""
    if not NAME.fullmatch(name):
        raise Trouble(
            found=f"the name {name!r}",
            expected="at most 20 small letters, digits and hyphens, beginning with a letter",
            next_step="infra deploy fraud --app service:app",
        )


def unknown(name: str, known: list[str]) -> Trouble:
    """The message for a deployment that is not there."""
    return Trouble(
        found=f"no deployment `{name}`",
        expected="one of " + ", ".join(known) if known else "a deployment",
        next_step="infra deployments" if known else f"infra deploy {name} --app service:app",
    )
