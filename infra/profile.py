"""What every profile of the platform can do, whatever its services run on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from infra.trouble import Trouble

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from infra.deployments import Deployments

NAMES = ("local", "kind", "kind-gpu")


@dataclass(frozen=True)
class Wishes:
    """What the person asked of `up`; None stands for "no wish", so the default or what runs is kept."""

    mlflow_port: int | None = None
    jupyter_port: int | None = None
    serving_port: int | None = None
    jupyter: bool | None = None
    notebooks: Path | None = None
    overlay: str | None = None


@dataclass(frozen=True)
class ServiceStatus:
    """One service as it stands now. `running` means that it answered over HTTP."""

    name: str
    title: str
    state: str
    address: str
    pid: int | None = None
    memory_bytes: int | None = None
    since: str | None = None

    @property
    def running(self) -> bool:
        """Whether the service answered."""
        return self.state == "running"


class Progress(Protocol):
    """Where `up` tells what it is doing."""

    def note(self, text: str) -> None:
        """Say one thing that happened."""

    def waiting(self, text: str) -> None:
        """Say what is being waited for; replaces the last thing waited for."""


class Profile(Protocol):
    """A place where the platform runs. Every method raises Trouble when the environment is at fault."""

    def check(self, wishes: Wishes, progress: Progress) -> None:
        """Look whether `up` would find what it needs; raise Trouble with all that it would not."""

    def up(self, wishes: Wishes, progress: Progress) -> bool:
        """Start what does not run yet and wait until it answers; False if nothing had to be done."""

    def down(self, progress: Progress) -> bool:
        """Stop everything and keep the data; False if nothing ran."""

    def data(self) -> Sequence[Path | str]:
        """What `delete_data` would delete: folders, and what is not one in words."""

    def delete_data(self) -> None:
        """Delete what the services stored; only after `down`."""

    def status(self) -> list[ServiceStatus]:
        """Each service that the platform should run; empty if none was started."""

    def log_names(self) -> list[str]:
        """The logs that can be read."""

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[tuple[str, str]]:
        """(service, line) pairs: the last lines of each log, then new ones while following."""

    def deployments(self, progress: Progress) -> AbstractContextManager[Deployments]:
        """What is deployed, to be looked at and changed by nobody else at the same time."""

    def environment(self) -> dict[str, str]:
        """The variables that connect a terminal or a notebook to what runs; empty if nothing does."""


def load(name: str) -> Profile:
    """The profile of this name."""
    if os.name == "nt":
        raise Trouble(
            found="Windows",
            expected="Linux or macOS, on which the platform runs",
            next_step="install WSL (wsl --install) and run this command in its terminal",
        )
    if name == "local":
        from infra.local.platform import Local

        return Local()
    if name in NAMES:
        from infra.kind.profile import Kind

        return Kind(gpu=name == "kind-gpu")
    raise Trouble(
        found=f"profile `{name}`",
        expected="one of: " + ", ".join(NAMES),
        next_step="infra up --profile local",
    )


def active() -> str:
    """The profile that runs or was begun, and `local` where there is none."""
    from checker import platform

    told = platform.environment().get("MLOPS_LABS_PROFILE")
    if told in NAMES:
        return str(told)
    from infra.kind.layout import KindLayout
    from infra.kind.state import State

    state = State.load(KindLayout(platform.home()))
    return state.profile if state and state.up else NAMES[0]


def refuse_beside_another(name: str) -> None:
    """Raise Trouble when another profile runs: their services would have the same addresses and records."""
    other = active()
    if other != name and load(other).environment():
        raise Trouble(
            found=f"the profile `{other}` runs",
            expected="one profile at a time",
            next_step=f"infra down --profile {other}, which keeps its data; then: infra up --profile {name}",
        )
