"""What kustomize makes of an overlay, as plain dictionaries."""

from __future__ import annotations

import copy
import functools
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

INFRA = Path(__file__).resolve().parents[4] / "infra"
OVERLAYS = sorted(path.parent.name for path in INFRA.glob("overlays/*/kustomization.yaml"))
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
COURSE_IMAGE = "mlops-labs/course"
SECONDS = 60

Object = dict[str, Any]


@functools.cache
def _rendered(overlay: str) -> str:
    if not shutil.which("kubectl"):
        pytest.skip("no kubectl, which renders the overlays")
    words = ["kubectl", "kustomize", str(INFRA / "overlays" / overlay)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "kustomize warns: " + done.stderr
    return done.stdout


@functools.cache
def _parsed(overlay: str) -> list[Object]:
    return [each for each in yaml.load_all(_rendered(overlay), Loader=yaml.CSafeLoader) if each]


def rendered(overlay: str) -> list[Object]:
    """The objects of an overlay, free to be changed."""
    return copy.deepcopy(_parsed(overlay))


def versions() -> dict[str, str]:
    """The lines of infra/versions.env."""
    lines = (INFRA / "versions.env").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line.strip() and not line.startswith("#")]
    assert len({name for name, _ in pairs}) == len(pairs), "a version stands there twice"
    return {each[0]: each[1] for each in pairs}


def named(thing: Object) -> str:
    """An object as messages call it: Kind namespace/name."""
    metadata = thing.get("metadata", {})
    return f"{thing.get('kind')} {metadata.get('namespace', '')}/{metadata.get('name')}"


def namespace(thing: Object) -> str:
    """The namespace of an object."""
    return str(thing["metadata"].get("namespace", ""))


def find(objects: list[Object], kind: str, name: str, namespace: str | None = None) -> Object:
    """The one object of this kind and name."""
    found = [
        each
        for each in objects
        if each["kind"] == kind
        and each["metadata"]["name"] == name
        and namespace in {None, each["metadata"].get("namespace")}
    ]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


@dataclass(frozen=True)
class Pod:
    """The pods that a workload makes."""

    owner: Object
    template: Object

    @property
    def spec(self) -> Object:
        return self.template["spec"]

    @property
    def namespace(self) -> str:
        return namespace(self.owner)

    @property
    def labels(self) -> dict[str, str]:
        return self.template.get("metadata", {}).get("labels", {})

    @property
    def title(self) -> str:
        return named(self.owner)

    @property
    def main(self) -> list[Object]:
        return list(self.spec["containers"])

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def ports(self) -> dict[str, int]:
        """The named ports of its containers."""
        return {
            port["name"]: port["containerPort"]
            for each in self.main
            for port in each.get("ports", [])
            if "name" in port
        }


def pods(objects: list[Object]) -> Iterator[Pod]:
    """What each workload makes."""
    for each in objects:
        if each.get("kind") == "CronJob":
            yield Pod(each, each["spec"]["jobTemplate"]["spec"]["template"])
        elif each.get("kind") in WORKLOADS:
            yield Pod(each, each["spec"]["template"])


def selects(selector: Object | None, labels: dict[str, str]) -> bool:
    """Whether a label selector takes these labels; an empty one takes all."""
    selector = selector or {}
    for expression in selector.get("matchExpressions", []):
        value, operator = labels.get(expression["key"]), expression["operator"]
        values = expression.get("values", [])
        taken = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not taken[operator]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


UNITS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
UNITS |= {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4, "m": 0.001}


def quantity(text: str | int | float) -> float:
    """A number as Kubernetes writes it.

    Raises:
        ValueError: Kubernetes would not take it.
    """
    text = str(text)
    digits = text.rstrip("kKMGTmi")
    unit = text[len(digits) :]
    if unit not in UNITS or not digits or not digits.replace(".", "", 1).isdigit():
        raise ValueError(f"{text!r} is no quantity")
    return float(digits) * UNITS[unit]
