"""The deployments of a cluster: the course of a change that all profiles share, over pods."""

from __future__ import annotations

from pathlib import Path

from infra.kind.kubectl import Kubectl
from infra.kind.serving.runners import Pods
from infra.serving.deployer import Deployer
from infra.serving.routes import called
from infra.serving.store import Store


class KubernetesDeployments(Deployer):
    """What is deployed in one cluster; its records lie in `home`, as in the local profile."""

    def __init__(self, kubectl: Kubectl, home: Path, *, serving_url: str, image: str, mlflow_url: str) -> None:
        store = Store(home / "serving")
        self._pods = Pods(kubectl, store, image, serving_url)
        super().__init__(store, self._pods, mlflow_url, serving_url)

    def prepare(self) -> None:
        """Make the cluster as the records say and do not wait: also one that is new, or has a newer image."""
        for each in self._store.all():
            for number in sorted(each.traffic.serving):
                self._pods.apply(each, number)
        self._pods.sweep()
        self._pods.publish()

    def log_names(self) -> list[str]:
        """The releases that run or should, by what their objects are called."""
        return [called(each.name, number) for each in self._store.all() for number in sorted(each.traffic.serving)]
