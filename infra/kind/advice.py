"""How to get what a cluster needs, on each system. Commands are those of the projects themselves."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Literal

System = Literal["linux", "macos", "wsl"]
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

INOTIFY = (
    "sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512 "
    "(in /etc/sysctl.d/ for good), if pods end with that message"
)
DELEGATE = (
    "write `[Service]` and below it `Delegate=yes` into /etc/systemd/system/user@.service.d/delegate.conf, then: "
    "sudo systemctl daemon-reload, and log in again"
)
TOOLKIT = "docs.nvidia.com/datacenter/cloud-native/container-toolkit says how to install it"
NVIDIA_RUNTIME = "sudo nvidia-ctk runtime configure --runtime=docker --set-as-default && sudo systemctl restart docker"
NVIDIA_MOUNTS = (
    "sudo nvidia-ctk config --set accept-nvidia-visible-devices-as-volume-mounts=true --in-place "
    "&& sudo systemctl restart docker"
)


def architecture() -> str:
    """This machine's architecture, as downloads are named by it."""
    return ARCHITECTURES.get(platform.machine().lower(), "amd64")


def install_engine(system: System) -> str:
    """How to get a container engine."""
    if system == "macos":
        return (
            "install Docker Desktop (docs.docker.com/desktop), or: brew install colima docker "
            "&& colima start --cpu 4 --memory 8 --disk 40"
        )
    if system == "wsl":
        return (
            "install Docker Desktop on Windows and switch on Settings > Resources > WSL integration for this "
            "distribution; or Docker Engine in it: docs.docker.com/engine/install"
        )
    return (
        "install Docker Engine as docs.docker.com/engine/install says for your distribution, then: "
        'sudo usermod -aG docker "$USER", and log in again'
    )


def wake_engine(system: System, silent: Mapping[str, str]) -> str:
    """How to bring an engine that is installed to answer."""
    said = " ".join(silent.values()).lower()
    if "permission denied" in said:
        return 'sudo usermod -aG docker "$USER", then log in again'
    if "docker" not in silent:
        return "podman machine start" if system == "macos" else "podman info shows what is wrong"
    if system == "macos":
        return "open Docker Desktop, or: colima start --cpu 4 --memory 8 --disk 40"
    if system == "wsl":
        return "start Docker Desktop on Windows, with WSL integration for this one; or: sudo service docker start"
    return "sudo systemctl start docker; for one without root: systemctl --user start docker"


def install_kind(system: System, known: Mapping[str, str]) -> str:
    """How to get kind."""
    if system == "macos":
        return "brew install kind (or brew upgrade kind)"
    number = known["KIND_VERSION"].removeprefix("v")
    return (
        f"curl -Lo kind https://kind.sigs.k8s.io/dl/v{number}/kind-linux-{architecture()}"
        f"{_checked(known, 'KIND', 'kind')} && sudo install -m 0755 kind /usr/local/bin/kind"
    )


def _checked(known: Mapping[str, str], name: str, file: str) -> str:
    """The step that compares what was fetched with its digest, where that is known."""
    digest = known.get(f"{name}_LINUX_{architecture().upper()}_SHA256")
    return f' && echo "{digest}  {file}" | sha256sum --check' if digest else ""


def install_kubectl(system: System, known: Mapping[str, str]) -> str:
    """How to get kubectl."""
    number = known["KUBERNETES_VERSION"].removeprefix("v")
    if system == "macos":
        return "brew install kubernetes-cli; where Docker Desktop's own is found: brew link --overwrite kubernetes-cli"
    return (
        f"curl -LO https://dl.k8s.io/release/v{number}/bin/linux/{architecture()}/kubectl"
        f"{_checked(known, 'KUBECTL', 'kubectl')} && sudo install -m 0755 kubectl /usr/local/bin/kubectl"
    )


def cgroup_v2(system: System) -> str:
    """How to get to cgroup v2."""
    if system == "wsl":
        return "wsl --update; [wsl2] kernelCommandLine = cgroup_no_v1=all in .wslconfig; then: wsl --shutdown"
    if system == "macos":
        return "update Docker Desktop or Colima"
    return "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line, or use a newer distribution"


def more_memory(system: System, gigabytes: float, overlay: str) -> str:
    """How to give the engine more memory."""
    smaller = "; or without Kubeflow and KServe: infra up --profile kind --overlay serve" if overlay == "full" else ""
    local = "" if smaller else "; without Docker: infra up --profile local"
    if system == "macos":
        colima = f"colima stop && colima start --memory {gigabytes + 2:.0f}"
        return f"Docker Desktop > Settings > Resources, or: {colima}{smaller}{local}"
    if system == "wsl":
        return f"[wsl2] memory={gigabytes + 2:.0f}GB in .wslconfig, then: wsl --shutdown{smaller}{local}"
    return f"a machine with more memory{smaller}{local}"


def more_cpus(system: System) -> str:
    """How to give the engine more CPUs."""
    if system == "macos":
        return "Docker Desktop > Settings > Resources, or: colima stop && colima start --cpu 4"
    if system == "wsl":
        return "[wsl2] processors=4 in .wslconfig, then: wsl --shutdown"
    return "go on with patience, or take a larger machine"
