"""A platform of its own for a test: a home, free ports, and `infra` in it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

INFRA = str(Path(sys.executable).with_name("infra"))
PATIENCE = 240.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(truth: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not truth():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.1)


@dataclass
class Platform:
    """A home of its own, and `infra` in it."""

    home: Path
    notebooks: Path
    mlflow_port: int = field(default_factory=free_port)
    jupyter_port: int = field(default_factory=free_port)
    serving_port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
        return kept | {"MLOPS_LABS_HOME": str(self.home), "PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def up_words(self) -> list[str]:
        ports = ["--mlflow-port", str(self.mlflow_port), "--jupyter-port", str(self.jupyter_port)]
        ports += ["--serving-port", str(self.serving_port)]
        return ["up", *ports, "--notebooks", str(self.notebooks)]

    def infra(self, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        # Into files, not pipes: a service that kept a pipe open would make this wait for ever.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run(
                [INFRA, *words],
                env=self.environment,
                cwd=folder or self.notebooks,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                check=False,
                timeout=PATIENCE,
            )
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, out.read(), err.read())

    def up(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.infra(*self.up_words, *words)

    def services(self) -> dict[str, dict[str, Any]]:
        told = json.loads(self.infra("status", "--format", "json").stdout)
        return {service["name"]: service for service in told["services"]}

    def pid(self, name: str) -> int:
        return int(self.services()[name]["pid"])

    def variables(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.home / "platform.json").read_text())
        return found

    def processes(self) -> list[psutil.Process]:
        """Whatever carries this home in its command line or environment, however it came to be."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                named = any(str(self.home) in word for word in process.cmdline())
                if named or process.environ().get("MLOPS_LABS_HOME") == str(self.home):
                    found.append(process)
        return found


def make(folder: Path) -> Platform:
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    (notebooks / "here.txt").write_text("hello")
    return Platform(folder / "home", notebooks)
