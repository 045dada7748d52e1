"""Judge whether a cluster can live on this machine: everything at once, what forbids apart from what only warns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.kind import advice
from infra.kind.layout import FIXED, PAGES, version, versions
from infra.kind.machine import Machine, Program, Version
from infra.trouble import Trouble

GIB = 2**30
# An engine with 6 GB set in its settings reports a little less.
SLACK = 0.92
CPUS, GOOD_CPUS = 2, 4
WATCHES, INSTANCES = 65536, 512
# Kubernetes supports a kubectl one minor version away from the server.
SUPPORTED_SKEW, LARGEST_SKEW = 1, 2


@dataclass(frozen=True)
class Need:
    """What an overlay needs, in bytes."""

    memory: float
    disk: float
    good_disk: float


NEEDS = {
    "ci": Need(4 * GIB, 8 * GIB, 12 * GIB),
    "serve": Need(6 * GIB, 10 * GIB, 16 * GIB),
    "gpu": Need(6 * GIB, 14 * GIB, 24 * GIB),
    "full": Need(12 * GIB, 16 * GIB, 30 * GIB),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. A grave one forbids the cluster."""

    grave: bool
    found: str
    expected: str
    next_step: str

    def __str__(self) -> str:
        """Lay out the three parts."""
        return f"Found:    {self.found}\nExpected: {self.expected}\nNext:     {self.next_step}"


def check(machine: Machine, overlay: str, ports: Mapping[str, int], *, new: bool = True) -> list[Finding]:
    """Everything that is not as it should be, the grave ones first; of a cluster that is there only what changes."""
    findings = [*_engine(machine), *_kind(machine), *_kubectl(machine), *_ports(machine, ports)]
    if new:
        findings += [*_room(machine, overlay), *_limits(machine), *_gpu(machine)]
    return sorted(findings, key=lambda finding: not finding.grave)


def refuse(findings: list[Finding]) -> None:
    """Raise Trouble with every grave finding in it; nothing happens if there is none."""
    grave = [finding for finding in findings if finding.grave]
    if not grave:
        return
    *others, last = grave
    raise Trouble(
        details="\n\n".join(map(str, others)),
        found=last.found,
        expected=last.expected,
        next_step=last.next_step,
    )


def _engine(machine: Machine) -> list[Finding]:
    facts = machine.engine
    if facts is None:
        if not machine.silent:
            return [Finding(True, "neither docker nor podman", "one of them", advice.install_engine(machine.system))]
        said = "; ".join(machine.silent.values())
        return [Finding(True, said, "an engine that answers", advice.wake_engine(machine.system, machine.silent))]
    findings = []
    if machine.remote:
        findings.append(
            Finding(
                True,
                f"DOCKER_HOST={machine.remote}, an engine on another machine",
                "an engine on this machine, so that the services are reached at 127.0.0.1",
                "unset DOCKER_HOST, or run infra on that machine",
            )
        )
    if facts.cgroup == 1:
        findings.append(
            Finding(
                True,
                f"{facts.engine} with cgroup v1",
                "cgroup v2: from Kubernetes 1.35 on the kubelet refuses v1",
                advice.cgroup_v2(machine.system),
            )
        )
    if facts.rootless and not facts.limits:
        findings.append(
            Finding(
                True,
                f"rootless {facts.engine} that may not limit memory, processes or CPU",
                "the cgroup controllers cpu, memory and pids delegated to this user",
                advice.DELEGATE,
            )
        )
    if facts.engine == "podman":
        findings.append(
            Finding(
                False,
                "podman, which kind supports as an experiment",
                "docker, with which this course is tried",
                "go on; if the cluster does not come up, install docker",
            )
        )
    return findings


def _kind(machine: Machine) -> list[Finding]:
    least = _version("KIND_VERSION")
    return _too_old("kind", machine.kind, least, advice.install_kind(machine.system, versions()))


def _kubectl(machine: Machine) -> list[Finding]:
    major, minor = _version("KUBERNETES_VERSION")
    install = advice.install_kubectl(machine.system, versions())
    findings = _too_old("kubectl", machine.kubectl, (major, minor - LARGEST_SKEW), install)
    if findings or machine.kubectl is None or machine.kubectl.version is None:
        return findings
    away = abs(machine.kubectl.version[1] - minor)
    if away > SUPPORTED_SKEW:
        found = f"kubectl {dotted(machine.kubectl.version)}, {away} minor versions away from the cluster"
        findings.append(Finding(away > LARGEST_SKEW, found, f"kubectl {major}.{minor}", install))
    return findings


def _too_old(name: str, program: Program | None, least: Version, install: str) -> list[Finding]:
    expected = f"{name} {dotted(least)} or newer on the PATH"
    if program is None:
        return [Finding(True, f"no {name}", expected, install)]
    if program.version is None:
        return [Finding(False, f"a {name} that does not tell its version: {program.said[:200]!r}", expected, install)]
    if program.version < least:
        return [Finding(True, f"{name} {dotted(program.version)}", expected, install)]
    return []


def _room(machine: Machine, overlay: str) -> list[Finding]:
    facts, need = machine.engine, NEEDS[overlay]
    if facts is None:
        return []
    findings = []
    if facts.memory is not None and facts.memory < need.memory * SLACK:
        findings.append(
            Finding(
                True,
                f"{size(facts.memory)} of memory for {facts.engine}",
                f"{size(need.memory)} for the overlay `{overlay}`",
                advice.more_memory(machine.system, need.memory / GIB, overlay),
            )
        )
    elif machine.available_memory is not None and machine.available_memory < need.memory * SLACK:
        findings.append(
            Finding(
                False,
                f"{size(machine.available_memory)} of memory are free now",
                f"{size(need.memory)} for the overlay `{overlay}`",
                "close what you do not need; a machine that swaps makes everything slow",
            )
        )
    if facts.cpus is not None and facts.cpus < GOOD_CPUS:
        expected = f"{GOOD_CPUS} or more; {CPUS} at the least"
        step = advice.more_cpus(machine.system)
        findings.append(Finding(facts.cpus < CPUS, f"{facts.cpus} CPUs for {facts.engine}", expected, step))
    if facts.free is not None and facts.free < need.good_disk:
        findings.append(
            Finding(
                facts.free < need.disk,
                f"{size(facts.free)} free in {facts.root}",
                f"{size(need.good_disk)} for the images of the overlay `{overlay}`; {size(need.disk)} at the least",
                f"{facts.engine} system prune removes what no container uses",
            )
        )
    return findings


def _limits(machine: Machine) -> list[Finding]:
    found = []
    if machine.watches is not None and machine.watches < WATCHES:
        found.append(f"fs.inotify.max_user_watches={machine.watches}")
    if machine.instances is not None and machine.instances < INSTANCES:
        found.append(f"fs.inotify.max_user_instances={machine.instances}")
    if not found:
        return []
    expected = "limits with which no pod ends with `too many open files`"
    return [Finding(False, ", ".join(found), expected, advice.INOTIFY)]


def _ports(machine: Machine, ports: Mapping[str, int]) -> list[Finding]:
    findings = []
    for name, why in machine.taken.items():
        title, port = "JupyterLab" if name == "jupyter" else PAGES[name].title, ports[name]
        if name in (*FIXED, "jupyter"):
            step = f"stop it, or: infra up --profile kind --{name}-port ANOTHER"
            findings.append(Finding(True, f"port {port} is {why}", f"a free port for {title}", step))
        else:
            step = f"nothing, or stop it: otherwise {title} gets the next free port"
            findings.append(Finding(False, f"port {port} is {why}", f"a free port for {title}", step))
    return findings


def _gpu(machine: Machine) -> list[Finding]:
    gpu = machine.gpu
    if gpu is None:
        return []
    if machine.system == "macos":
        return [Finding(True, "macOS", "Linux with an NVIDIA GPU", "infra up --profile kind, without a GPU")]
    findings = []
    if not gpu.cards:
        step = "nvidia-smi; without a GPU: infra up --profile kind"
        findings.append(Finding(True, "no GPU that nvidia-smi lists", "an NVIDIA GPU and its driver", step))
    if machine.engine is not None and machine.engine.engine != "docker":
        expected = "docker, whose NVIDIA runtime gives the GPU to the node"
        step = advice.install_engine(machine.system)
        findings.append(Finding(True, f"{machine.engine.engine} with a GPU", expected, step))
    if not gpu.toolkit:
        expected = "the NVIDIA Container Toolkit"
        findings.append(Finding(True, "no nvidia-ctk on the PATH", expected, advice.TOOLKIT))
        return findings
    if machine.engine is not None and machine.engine.default_runtime not in ("", "nvidia"):
        found = f"docker's default runtime is {machine.engine.default_runtime}"
        findings.append(Finding(True, found, "nvidia as the default runtime", advice.NVIDIA_RUNTIME))
    if gpu.volume_mounts is False:
        found = "accept-nvidia-visible-devices-as-volume-mounts is off"
        findings.append(Finding(True, found, "on: so kind can hand the GPU to its node", advice.NVIDIA_MOUNTS))
    elif gpu.volume_mounts is None:
        found = "the configuration of NVIDIA's container runtime cannot be read"
        expected = "accept-nvidia-visible-devices-as-volume-mounts = true in it"
        findings.append(Finding(False, found, expected, advice.NVIDIA_MOUNTS))
    return findings


def _version(name: str) -> Version:
    major, minor, *_ = version(name).removeprefix("v").split(".")
    return int(major), int(minor)


def dotted(version: Version) -> str:
    """A version as people write it."""
    return f"{version[0]}.{version[1]}"


def size(bytes_: float) -> str:
    """Bytes in GB, as the settings of Docker Desktop count them."""
    return f"{bytes_ / GIB:.1f} GB".replace(".0 ", " ")
