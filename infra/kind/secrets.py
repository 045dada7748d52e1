"""Passwords and keys: made at random in the cluster, once; nowhere on the host, and never changed."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import Any

from infra.kind.kubectl import Kubectl
from infra.kind.layout import NAMESPACE

BYTES = 16


@dataclass(frozen=True)
class Wanted:
    """A Secret: its keys, and the other namespaces which get a copy of it."""

    namespace: str
    name: str
    keys: tuple[str, ...]
    copies: tuple[str, ...] = ()


TABLE = (
    Wanted(NAMESPACE, "postgres", ("password",)),
    Wanted(NAMESPACE, "store", ("access-key", "secret-key"), copies=("kubeflow",)),
    Wanted(NAMESPACE, "grafana", ("admin-password",)),
    Wanted("kubeflow", "mysql", ("password",)),
)


def ensure(kubectl: Kubectl, namespaces: set[str], table: tuple[Wanted, ...] = TABLE) -> int:
    """Make what is missing in these namespaces, and return how many Secrets that were."""
    made = 0
    for wanted in table:
        if wanted.namespace not in namespaces:
            continue
        stored = _data(kubectl, wanted.namespace, wanted.name)
        data = stored | {key: _random() for key in wanted.keys if key not in stored}
        for namespace in (wanted.namespace, *wanted.copies):
            if namespace not in namespaces:
                continue
            here = stored if namespace == wanted.namespace else _data(kubectl, namespace, wanted.name)
            if here != data:
                kubectl.apply([_secret(namespace, wanted.name, data)])
                made += 1
    return made


def _data(kubectl: Kubectl, namespace: str, name: str) -> dict[str, str]:
    found = kubectl.get("secret", name, namespace=namespace) or {}
    return dict(found.get("data") or {})


def _random() -> str:
    # Hexadecimal digits only: the password stands in the address of the database.
    return base64.b64encode(secrets.token_hex(BYTES).encode()).decode()


def _secret(namespace: str, name: str, data: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "mlops-labs"},
        },
        "data": data,
    }
