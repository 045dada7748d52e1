"""Docker or Podman: what it says of itself, and the few words that are used of it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.kind.commands import Finished, run
from infra.kind.layout import CLUSTER, NODE
from infra.trouble import Trouble

NAMES = ("docker", "podman")
PROVIDER = "KIND_EXPERIMENTAL_PROVIDER"
# By this label kind itself finds the nodes of its clusters.
LABEL = "io.x-k8s.kind.cluster"
INFO_SECONDS = 20.0
STOP_SECONDS = 120.0


@dataclass(frozen=True)
class Facts:
    """What an engine says of itself. What it does not say is None or empty."""

    engine: str
    version: str
    system: str = ""
    cpus: int | None = None
    memory: int | None = None
    cgroup: int | None = None
    rootless: bool = False
    limits: bool = True
    root: str = ""
    free: int | None = None
    default_runtime: str = ""

    @property
    def in_a_machine(self) -> bool:
        """Whether it runs in a virtual machine, so that the files and limits of this host say nothing about it."""
        return "docker desktop" in self.system.lower() or "linuxkit" in self.system.lower()


@dataclass(frozen=True)
class Engine:
    """A container engine, called by its name."""

    name: str

    def run(self, *words: str, seconds: float = 60.0) -> Finished:
        """Run one of its commands."""
        return run([self.name, *words], seconds=seconds)

    def facts(self) -> Facts:
        """What it says of itself.

        Raises:
            Trouble: it does not answer.
        """
        answer = self.run("info", "--format", "json", seconds=INFO_SECONDS)
        facts = read_facts(self.name, answer.out) if answer.well else None
        if facts is None:
            raise Trouble(
                found=f"{self.name} does not answer: {last_line(answer.said)}",
                expected=f"{self.name} running, and this user allowed to use it",
                next_step=f"{self.name} info",
            )
        return facts

    def node(self) -> str | None:
        """The state of the cluster's node, for example `running` or `exited`; None if there is none."""
        answer = self.run("ps", "--all", "--filter", f"label={LABEL}={CLUSTER}", "--format", "{{.Names}} {{.State}}")
        if not answer.well:
            raise self.refused("ps", answer)
        states = dict(line.split()[:2] for line in answer.out.splitlines() if len(line.split()) > 1)
        return states.get(NODE)

    def start(self, state: str) -> None:
        """Start the node again, which is in this state."""
        word = "unpause" if state == "paused" else "start"
        answer = self.run(word, NODE, seconds=STOP_SECONDS)
        if not answer.well:
            raise self.refused(word, answer)

    def stop(self) -> None:
        """Stop the node; its data stays in it."""
        answer = self.run("stop", "-t", "60", NODE, seconds=STOP_SECONDS)
        if not answer.well:
            raise self.refused("stop", answer)

    def has_image(self, reference: str) -> bool:
        """Whether the engine keeps this image."""
        return self.run("image", "inspect", "--format", "{{.Id}}", reference).well

    def node_has_image(self, reference: str) -> bool:
        """Whether the cluster's node keeps this image."""
        return self.run("exec", NODE, "crictl", "inspecti", reference).well

    def environment(self) -> dict[str, str]:
        """The environment for kind, which must take the same engine."""
        outer = {name: value for name, value in os.environ.items() if name not in (PROVIDER, "KUBECONFIG")}
        return outer if self.name == "docker" else outer | {PROVIDER: self.name}

    def refused(self, what: str, answer: Finished) -> Trouble:
        """The message for a command that failed."""
        return Trouble(
            found=f"`{self.name} {what}` failed: {last_line(answer.said)}",
            expected=f"{self.name} to do it",
            next_step=f"{self.name} info shows whether it works; then: infra up",
        )


def installed(only: str | None = None) -> list[Engine]:
    """The engines on the PATH, the one that kind would take first; or only the one that is named."""
    wanted = only or os.environ.get(PROVIDER)
    return [Engine(name) for name in NAMES if shutil.which(name) and wanted in (None, "", name)]


def read_facts(engine: str, text: str) -> Facts | None:
    """Understand `docker info` or `podman info` as JSON; None if it does not speak of a running engine."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    # `docker` may be Podman's stand-in, which answers in Podman's words.
    return _podman(engine, told) if isinstance(told.get("host"), dict) else _docker(engine, told)


def _docker(engine: str, told: dict[str, Any]) -> Facts | None:
    version = told.get("ServerVersion")
    if not isinstance(version, str) or not version or told.get("ServerErrors"):
        return None
    security = told.get("SecurityOptions")
    root = _text(told.get("DockerRootDir"))
    system = _text(told.get("OperatingSystem"))
    return Facts(
        engine=engine,
        version=version,
        system=system,
        cpus=_number(told.get("NCPU")),
        memory=_number(told.get("MemTotal")),
        cgroup=_number(told.get("CgroupVersion")),
        rootless=isinstance(security, list) and any("name=rootless" in str(option) for option in security),
        limits=all(told.get(name, True) for name in ("MemoryLimit", "PidsLimit", "CPUShares")),
        root=root,
        free=None if "docker desktop" in system.lower() else _free(root),
        default_runtime=_text(told.get("DefaultRuntime")),
    )


def _podman(engine: str, told: dict[str, Any]) -> Facts | None:
    host = told["host"]
    store = _mapping(told.get("store"))
    controllers = host.get("cgroupControllers")
    allocated, used = _number(store.get("graphRootAllocated")), _number(store.get("graphRootUsed"))
    return Facts(
        engine=engine,
        version=_text(_mapping(told.get("version")).get("Version")),
        system=_text(_mapping(host.get("distribution")).get("distribution")),
        cpus=_number(host.get("cpus")),
        memory=_number(host.get("memTotal")),
        cgroup=_number(_text(host.get("cgroupVersion")).removeprefix("v")),
        rootless=_mapping(host.get("security")).get("rootless") is True,
        limits=not isinstance(controllers, list) or {"cpu", "memory", "pids"} <= set(map(str, controllers)),
        root=_text(store.get("graphRoot")),
        free=max(0, allocated - used) if allocated and used is not None else None,
    )


def _free(root: str) -> int | None:
    """Free bytes where the engine keeps its images, if that is a folder of this host."""
    try:
        return shutil.disk_usage(root).free if root and Path(root).is_absolute() else None
    except (OSError, ValueError):
        return None


def _number(value: object) -> int | None:
    """A natural number, be it written as one or in digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def last_line(text: str) -> str:
    """The last line of a message that is not empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"
