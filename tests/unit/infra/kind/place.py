"""A machine of its own for a test: a home, and docker, kind and kubectl that only pretend."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
CLONE = HERE.parents[3]
FAKE = HERE / "fake_program.py"
RECORDED = HERE / "recorded"
RENDERED = """\
apiVersion: v1
kind: Namespace
metadata: {name: mlops-labs}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
spec: {names: {kind: Thing}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: postgres, namespace: mlops-labs}
spec: {replicas: 1, selector: {matchLabels: {app.kubernetes.io/name: postgres}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: mlflow, namespace: mlops-labs}
spec:
  replicas: 1
  selector: {matchLabels: {app.kubernetes.io/name: mlflow}}
  template: {spec: {containers: [{name: mlflow, image: "mlops-labs/course:unset"}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: router, namespace: mlops-labs-serving}
spec: {replicas: 1, selector: {matchLabels: {app.kubernetes.io/name: router}}}
---
apiVersion: example.org/v1
kind: Thing
metadata: {name: one}
"""
# A small clone to build the image from, and ports of its own: no test depends on the real clone, or on another test.
RUNNER = """\
import dataclasses, json, sys
from pathlib import Path
from infra.kind import image, layout, machine
clone = Path(sys.argv.pop(1))
for name, port in json.loads((clone / "ports.json").read_text()).items():
    layout.PAGES[name] = dataclasses.replace(layout.PAGES[name], port=port)
image.ROOT, image.DOCKERFILE = clone, clone / "Dockerfile"
image.tag.__defaults__ = (clone, clone / "Dockerfile", ("PYTHON_IMAGE",))
machine.INOTIFY = clone / "inotify"
from infra.cli import main
main()
"""


@dataclass
class Place:
    """Where a test runs `infra` as a child process."""

    root: Path
    ports: dict[str, int] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home, self.state, self.bin = self.root / "home", self.root / "state", self.root / "bin"
        self.clone = self.root / "clone"
        for folder in (self.state, self.bin, self.clone / "inotify"):
            folder.mkdir(parents=True)
        for name in ("docker", "kind", "kubectl"):
            self.install(name)
        (self.state / "rendered.yaml").write_text(RENDERED)
        (self.clone / "Dockerfile").write_text("ARG PYTHON_IMAGE\nFROM $PYTHON_IMAGE\nCOPY code.py /code.py\n")
        (self.clone / "code.py").write_text("print(1)\n")
        for name, value in (("max_user_watches", 524288), ("max_user_instances", 512)):
            (self.clone / "inotify" / name).write_text(f"{value}\n")
        (self.root / "run.py").write_text(RUNNER)
        self.ports = {name: free_port() for name in ("mlflow", "serving", "prometheus", "grafana", "kfp")}
        (self.clone / "ports.json").write_text(json.dumps(self.ports))
        self.own_kubeconfig = self.root / ".kube" / "config"
        self.own_kubeconfig.parent.mkdir()
        self.own_kubeconfig.write_text("mine")

    def install(self, name: str) -> None:
        program = self.bin / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{FAKE}" {name} "{self.state}" "$@"\n')
        program.chmod(0o755)

    def remove(self, name: str) -> None:
        (self.bin / name).unlink()

    def tell(self, name: str, value: object) -> None:
        """Set what the pretending programs answer."""
        (self.state / name).write_text(json.dumps(value))

    def up(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run(*self.up_words(*words), **variables)

    def up_words(self, *words: str) -> list[str]:
        ports = ["--mlflow-port", str(self.ports["mlflow"]), "--serving-port", str(self.ports["serving"])]
        return ["up", "--profile", "kind", "--no-jupyter", *ports, *words]

    def run(self, *words: str, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment() | variables
        command = [sys.executable, "-P", str(self.root / "run.py"), str(self.clone), *words]
        return subprocess.run(
            command, env=environment, input=typed, capture_output=True, text=True, timeout=120, check=False
        )

    def begin(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Start `infra` and return once the command that is to hang does so."""
        (self.state / "hanging").unlink(missing_ok=True)
        command = [sys.executable, "-P", str(self.root / "run.py"), str(self.clone), *words]
        started = subprocess.Popen(
            command,
            env=self.environment() | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while not (self.state / "hanging").exists():
            assert started.poll() is None, started.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return started

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        return kept | {
            "PATH": f"{self.bin}:/usr/bin:/bin" if not (Path("/bin/docker").exists()) else str(self.bin),
            "HOME": str(self.root),
            "MLOPS_LABS_HOME": str(self.home),
            "PYTHONPATH": str(CLONE),
            **self.variables,
        }

    def calls(self, *beginning: str) -> list[list[str]]:
        """The commands that were run, or those which begin so."""
        path = self.state / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        listed = [json.loads(line) for line in lines]
        return [words for words in listed if words[: len(beginning)] == list(beginning)]

    def kubectl(self, first: str) -> list[list[str]]:
        """The words after kubectl's own options, of the calls that begin with this one."""
        return [words[5:] for words in self.calls("kubectl") if words[5:6] == [first]]

    def forget_calls(self) -> None:
        (self.state / "calls.jsonl").unlink(missing_ok=True)

    def told(self) -> dict[str, str]:
        return dict(json.loads((self.home / "platform.json").read_text()))

    def record(self) -> dict[str, object]:
        return dict(json.loads((self.home / "kind" / "state.json").read_text()))

    def close(self) -> None:
        """End what pretends to be the node's pages."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.state / "pages.pid").read_text()), signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def parts(text: str) -> bool:
    """Whether a message has its three parts and is no traceback."""
    return all(part in text for part in ("Found:", "Expected:", "Next:")) and "Traceback" not in text
