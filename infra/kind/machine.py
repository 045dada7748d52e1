"""What this machine has: programs and their versions, the engine, limits, ports, a GPU. It looks and judges nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import re
import shutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from infra.kind import engine as engines
from infra.kind.commands import run
from infra.kind.engine import Engine, Facts
from infra.local import ports
from infra.trouble import Trouble

Version = tuple[int, int]
INOTIFY = Path("/proc/sys/fs/inotify")
NVIDIA_CONFIG = Path("/etc/nvidia-container-runtime/config.toml")
VERSION_SECONDS = 20.0


@dataclass(frozen=True)
class Program:
    """A program on the PATH; `version` is None where it does not tell one."""

    version: Version | None
    said: str


@dataclass(frozen=True)
class Gpu:
    """What a GPU in the cluster stands on."""

    cards: int
    toolkit: bool
    volume_mounts: bool | None


@dataclass(frozen=True)
class Machine:
    """Everything that the preflight judges."""

    system: Literal["linux", "macos", "wsl"]
    kind: Program | None
    kubectl: Program | None
    engine: Facts | None
    silent: Mapping[str, str] = field(default_factory=dict)
    available_memory: int | None = None
    watches: int | None = None
    instances: int | None = None
    taken: Mapping[str, str] = field(default_factory=dict)
    remote: str = ""
    gpu: Gpu | None = None


def look(*, gpu: bool, engine: str | None = None) -> Machine:
    """Look at this machine, apart from its ports; only at this engine where one is named."""
    facts, silent = _engine(engine)
    system = this_system()
    here = system != "macos" and not (facts and facts.in_a_machine)
    return Machine(
        system=system,
        kind=program("kind", "version"),
        kubectl=program("kubectl", "version", "--client", "--output", "json"),
        engine=facts,
        silent=silent,
        available_memory=_available_memory() if here else None,
        watches=_limit("max_user_watches") if here else None,
        instances=_limit("max_user_instances") if here else None,
        remote=_remote(),
        gpu=_gpu() if gpu else None,
    )


def this_system() -> Literal["linux", "macos", "wsl"]:
    """Which advice fits this machine."""
    if sys.platform == "darwin":
        return "macos"
    return "wsl" if "microsoft" in platform.release().lower() else "linux"


def program(name: str, *words: str) -> Program | None:
    """A program and its version; None if it is not on the PATH."""
    if not shutil.which(name):
        return None
    try:
        answer = run([name, *words], seconds=VERSION_SECONDS)
    except Trouble as trouble:
        return Program(None, trouble.found)
    return Program(read_version(answer.out), answer.said)


def read_version(text: str) -> Version | None:
    """Find the major and minor version in what `kind version` or `kubectl version --output json` prints."""
    try:
        told = json.loads(text)
        text = str(told["clientVersion"]["gitVersion"])
    except (ValueError, KeyError, TypeError):
        pass
    found = re.search(r"\bv(\d{1,4})\.(\d{1,4})\.\d", text)
    return (int(found[1]), int(found[2])) if found else None


def _engine(only: str | None) -> tuple[Facts | None, dict[str, str]]:
    """The first engine that answers, and what the others before it said."""
    silent: dict[str, str] = {}
    for each in engines.installed(only):
        try:
            return each.facts(), silent
        except Trouble as trouble:
            silent[each.name] = trouble.found
    return None, silent


def _remote() -> str:
    """The address of an engine on another machine, whose ports would not be ours; empty for one of this machine."""
    host = os.environ.get("DOCKER_HOST", "")
    scheme, _, rest = host.partition("://")
    name = rest.rsplit("@", 1)[-1].split(":")[0].split("/")[0]
    near = scheme in ("", "unix", "fd", "npipe") or name in ("localhost", "127.0.0.1", "[")
    return "" if near else host


def _taken(port: int) -> str | None:
    why = ports.problem(port)
    who = ports.holder(port) if why == "in use" else None
    return f"{why} by {who}" if who else why


def _available_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def _limit(name: str) -> int | None:
    try:
        return int((INOTIFY / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _gpu() -> Gpu:
    cards = 0
    if shutil.which("nvidia-smi"):
        try:
            listed = run(["nvidia-smi", "-L"], seconds=VERSION_SECONDS)
            cards = sum(line.startswith("GPU ") for line in listed.out.splitlines()) if listed.well else 0
        except Trouble:
            cards = 0
    return Gpu(cards, shutil.which("nvidia-ctk") is not None, volume_mounts(NVIDIA_CONFIG))


def volume_mounts(path: Path) -> bool | None:
    """Whether NVIDIA's runtime takes devices that are wished for as mounts; None if its file cannot be read."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told.get("accept-nvidia-visible-devices-as-volume-mounts") is True


def engine_of(facts: Facts) -> Engine:
    """The engine that said this of itself."""
    return Engine(facts.engine)


def with_ports(machine: Machine, wanted: Mapping[str, int]) -> Machine:
    """The same machine, with those of these ports that are taken."""
    taken = {name: why for name, port in wanted.items() if (why := _taken(port))}
    return dataclasses.replace(machine, taken=taken)
