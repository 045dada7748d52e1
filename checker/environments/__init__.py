"""Environments that lie over the main one: what a lab needs and the main environment cannot have at the same time.

Each is a small virtual environment with the packages of its lock file, and sees all others of the main one. It lies in
the folder of that, so that it goes with it, and is found by the digest of its lock: a new lock is a new environment.
`infra tool NAME` makes it, and puts its program on the path of the main one.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

READY = "ready"
"""A file that is written last."""


@dataclass(frozen=True)
class Tool:
    """What an environment is for: the `program` to run. It is not to be had from the version `below` of Python on."""

    name: str
    title: str
    program: str
    below: tuple[int, int] | None = None

    @property
    def lock(self) -> Path:
        """The packages that it has of its own, with their hashes."""
        return Path(__file__).with_name(f"{self.name}.lock")

    @property
    def folder(self) -> Path:
        """Where it lies, or would lie."""
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        digest = hashlib.sha256(self.lock.read_bytes() + f"{python} {sys.prefix}".encode()).hexdigest()
        return Path(sys.prefix) / "tools" / f"{self.name}-{digest[:12]}"

    @property
    def command(self) -> Path:
        """The program among those of the main environment, so that it is on the same path."""
        return Path(sys.prefix) / "bin" / self.program

    @property
    def ready(self) -> bool:
        """Whether it was made to the end."""
        return (self.folder / READY).is_file()

    @property
    def packages(self) -> Path:
        """The folder that its own packages are imported from."""
        python = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / python / "site-packages"

    @property
    def fits(self) -> bool:
        """Whether it can be had with this Python."""
        return self.below is None or sys.version_info[:2] < self.below


TOOLS = {
    each.name: each
    for each in (
        # It wants FastAPI below 0.116.
        Tool("mlserver", "MLServer", "mlserver", below=(3, 13)),
    )
}
