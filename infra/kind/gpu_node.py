"""NVIDIA's container toolkit inside the node: its containerd hands the GPUs, which the node has got, on to the pods."""

from __future__ import annotations

import tempfile
from pathlib import Path

from infra.kind.engine import Engine, last_line
from infra.kind.layout import NODE, version
from infra.profile import Progress
from infra.trouble import Trouble

SOURCE = "https://nvidia.github.io/libnvidia-container"
KEY = "/etc/apt/keyrings/nvidia-container-toolkit.asc"
LIST = "/etc/apt/sources.list.d/nvidia-container-toolkit.list"
DONE = "/etc/mlops-labs-gpu-ready"
PACKAGES = (
    "nvidia-container-toolkit",
    "nvidia-container-toolkit-base",
    "libnvidia-container-tools",
    "libnvidia-container1",
)
SECONDS = 900.0


def steps() -> list[list[str]]:
    """What is done in the node, one command after the other."""
    pinned = version("NVIDIA_TOOLKIT_VERSION")
    return [
        ["mkdir", "-p", "/etc/apt/keyrings"],
        ["curl", "-fsSL", "--retry", "3", "--output", KEY, f"{SOURCE}/gpgkey"],
        ["apt-get", "update"],
        ["apt-get", "install", "--yes", "--no-install-recommends", *(f"{name}={pinned}" for name in PACKAGES)],
        ["nvidia-ctk", "runtime", "configure", "--runtime=containerd", "--config-source=command"],
        ["systemctl", "restart", "containerd"],
        ["nvidia-smi", "-L"],
        ["touch", DONE],
    ]


def prepare(engine: Engine, progress: Progress) -> bool:
    """Have the toolkit in the node; False if it is there."""
    if engine.run("exec", NODE, "test", "-e", DONE).well:
        return False
    progress.waiting("Installing NVIDIA's container toolkit in the node")
    _copy(engine, f"deb [signed-by={KEY}] {SOURCE}/stable/deb/$(ARCH) /\n", LIST)
    for words in steps():
        progress.waiting(f"Preparing the node for GPUs: {' '.join(words[:2])}")
        done = engine.run("exec", NODE, *words, seconds=SECONDS)
        if not done.well:
            raise Trouble(
                details=done.said,
                found=f"`{' '.join(words[:3])}` failed in the node: {last_line(done.said)}",
                expected="NVIDIA's container toolkit in the node",
                next_step="look at the network and at nvidia-smi on this machine, then: infra up --profile kind-gpu",
            )
    return True


def _copy(engine: Engine, text: str, path: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".list", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        Path(file.name).chmod(0o644)
        done = engine.run("cp", file.name, f"{NODE}:{path}")
    if not done.well:
        raise engine.refused("cp", done)
