"""kubectl as the one way to the cluster: words, never a shell, with a time limit, and only our own kubeconfig."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.trouble import Trouble

SECONDS = 60.0
MANAGER = "mlops-labs"
NOT_FOUND = "(NotFound)"
LONGEST = 2000


@dataclass(frozen=True)
class Kubectl:
    """One cluster. `program` is kubectl itself; every method raises Trouble where it fails."""

    kubeconfig: Path
    context: str
    program: str = "kubectl"

    def command(self, *words: str) -> list[str]:
        """The whole command line for these words."""
        return [self.program, "--kubeconfig", str(self.kubeconfig), "--context", self.context, *words]

    def run(self, *words: str, stdin: str | None = None, seconds: float = SECONDS) -> str:
        """Return what kubectl prints on its standard output."""
        command = self.command(*words)
        environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        shown = "kubectl " + " ".join(words[:4])
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False, env=environment
            )
        except FileNotFoundError as error:
            raise Trouble(
                found="no kubectl", expected="kubectl on the PATH", next_step="infra up --profile kind says how"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise Trouble(
                found=f"`{shown}` did not end within {seconds:.0f} s",
                expected="an answer of the cluster",
                next_step="infra status; if the cluster hangs: infra down, then infra up",
            ) from error
        if done.returncode:
            raise Refused(shown, (done.stderr or done.stdout).strip()[-LONGEST:])
        return done.stdout

    def get(
        self, kind: str, name: str | None = None, *, namespace: str | None = None, selector: str | None = None
    ) -> dict[str, Any] | None:
        """Return an object, or a list of them without a name; None if there is none of that name."""
        words = ["get", kind, *([name] if name else []), "--output", "json", *_where(namespace)]
        try:
            found = json.loads(self.run(*words, *(["--selector", selector] if selector else [])))
        except Refused as refused:
            if refused.missing:
                return None
            raise
        return dict(found)

    def apply(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Make the objects so, on the server, as one manager of their fields."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        words = ("apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "--filename", "-")
        self.run(*words, stdin=json.dumps(listed))

    def delete(self, kind: str, name: str, *, namespace: str | None = None) -> None:
        """Delete an object and do not wait; fine where there is none."""
        self.run("delete", kind, name, "--ignore-not-found", "--wait=false", *_where(namespace))


class Refused(Trouble):
    """kubectl ended with an error; `said` is the end of its message."""

    def __init__(self, shown: str, said: str) -> None:
        self.said = said
        super().__init__(
            found=f"`{shown}` failed: {said}",
            expected="a cluster that answers and takes it",
            next_step="infra status --profile kind",
        )

    @property
    def missing(self) -> bool:
        """Whether what was asked for is not there."""
        return NOT_FOUND in self.said


def _where(namespace: str | None) -> list[str]:
    return ["--namespace", namespace] if namespace else []
