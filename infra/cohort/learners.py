"""The objects of each learner: a namespace in which there is nothing but their pod, and no way to anybody else.

They are made from the roster and not by the hub, so that the hub has no right to make namespaces, policies or volumes:
in a learner's namespace it may start and stop pods, and elsewhere nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.cohort import names
from infra.cohort.settings import Cluster

Object = dict[str, Any]
HUB = "mlops-labs-hub"
PART_OF = {"app.kubernetes.io/part-of": "mlops-labs"}
PURPOSE = "mlops-labs/purpose"
SERVER_PORT, HUB_PORT = 8888, 8081
SERVER = {"app": "jupyterhub", "component": "singleuser-server"}
LEVEL = "restricted"
POLICY_VERSION = "v1.37"
# What a pod of values.yaml may have, and a second one while it is being renewed.
MEMORY, GPU_MEMORY = 4, 16
CPU = "500m"
# Never reached, whatever `internet` says: the nodes' metadata, and the networks in which clusters live.
PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")


def objects(learner: str, cluster: Cluster) -> Iterator[Object]:
    """Everything of one learner, in the order in which it is applied."""
    place, name = names.namespace(learner), names.slug(names.login(learner))

    def made(kind: str, called: str, body: Object, version: str = "v1", **metadata: Any) -> Object:
        labels = {"app.kubernetes.io/name": called} | PART_OF | metadata.pop("labels", {})
        where = {} if kind in {"Namespace", "PersistentVolume"} else {"namespace": place}
        metadata = {"name": called, **where, "labels": labels, **metadata}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}

    guarded = {f"pod-security.kubernetes.io/{mode}": LEVEL for mode in ("enforce", "warn")}
    guarded |= {f"pod-security.kubernetes.io/{mode}-version": POLICY_VERSION for mode in ("enforce", "warn")}
    whose = {"mlops-labs/learner": learner}
    yield made("Namespace", place, {}, labels={PURPOSE: "learner", **guarded}, annotations=whose)
    yield from _bounds(made, cluster)
    yield from _network(made, cluster)
    yield from _rights(made)
    yield from _volumes(made, name, cluster)


def _bounds(made: Any, cluster: Cluster) -> Iterator[Object]:
    memory = f"{GPU_MEMORY if cluster.gpu else MEMORY}Gi"
    hard = {
        "pods": "1",
        "requests.cpu": "2" if cluster.gpu else CPU,
        "requests.memory": memory,
        "limits.memory": memory,
        "persistentvolumeclaims": "2",
        "services": "0",
        "requests.nvidia.com/gpu": "1" if cluster.gpu else "0",
    }
    yield made("ResourceQuota", "learner", {"spec": {"hard": hard}})
    each = {"type": "Container", "defaultRequest": {"cpu": "100m", "memory": "512Mi"}, "default": {"memory": "512Mi"}}
    yield made("LimitRange", "learner", {"spec": {"limits": [each]}})


def _network(made: Any, cluster: Cluster) -> Iterator[Object]:
    def policy(name: str, **spec: Any) -> Object:
        body: Object = made("NetworkPolicy", name, {"spec": spec}, "networking.k8s.io/v1")
        return body

    def at_the_hub(component: str) -> Object:
        return {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": HUB}},
            "podSelector": {"matchLabels": {"app": "jupyterhub", "component": component}},
        }

    def ports(*numbers: int, protocols: tuple[str, ...] = ("TCP",)) -> list[Object]:
        return [{"protocol": protocol, "port": number} for number in numbers for protocol in protocols]

    names_of_hosts = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    yield policy("default-deny", podSelector={}, policyTypes=["Ingress", "Egress"])
    yield policy(
        "server",
        podSelector={"matchLabels": SERVER},
        policyTypes=["Ingress", "Egress"],
        ingress=[{"from": [at_the_hub("hub"), at_the_hub("proxy")], "ports": ports(SERVER_PORT)}],
        egress=[
            {"to": [names_of_hosts], "ports": ports(53, protocols=("UDP", "TCP"))},
            {"to": [at_the_hub("hub")], "ports": ports(HUB_PORT)},
        ],
    )
    if cluster.internet:
        open_to = [{"ipBlock": {"cidr": each, "except": _within(each)}} for each in cluster.internet]
        yield policy(
            "internet",
            podSelector={"matchLabels": SERVER},
            policyTypes=["Egress"],
            egress=[{"to": open_to, "ports": ports(443)}],
        )


def _within(cidr: str) -> list[str]:
    """The private ranges that lie in `cidr`."""
    from ipaddress import ip_network

    outer = ip_network(cidr, strict=False)
    return [each for each in PRIVATE if ip_network(each).subnet_of(outer)]  # type: ignore[arg-type]


def _rights(made: Any) -> Iterator[Object]:
    version, group = "rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "delete"]}]
    yield made("Role", "spawner", {"rules": rules}, version)
    bound = {
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "spawner"},
        "subjects": [{"kind": "ServiceAccount", "name": "hub", "namespace": HUB}],
    }
    yield made("RoleBinding", "spawner", bound, version)


def _volumes(made: Any, name: str, cluster: Cluster) -> Iterator[Object]:
    def claim(called: str, size: str, modes: list[str], **more: str) -> Object:
        spec = {"accessModes": modes, "resources": {"requests": {"storage": size}}, **more}
        body: Object = made("PersistentVolumeClaim", called, {"spec": spec})
        return body

    own = {"storageClassName": cluster.storage_class} if cluster.storage_class else {}
    yield claim("home", f"{cluster.home_gib}Gi", ["ReadWriteOnce"], **own)
    # Bound by name from both sides, so that nobody else's claim gets this folder. It is made by `infra cohort collect`.
    volume = f"mlops-labs-drop-{name}"
    place = names.PREFIX + name
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "mountOptions": ["nosuid", "nodev", "noexec"],
        "claimRef": {"namespace": place, "name": "submissions"},
        "nfs": {"server": cluster.drop.server, "path": f"{cluster.drop.path}/{name}"},
    }
    yield made("PersistentVolume", volume, {"spec": spec})
    yield claim("submissions", "1Gi", ["ReadWriteMany"], storageClassName="", volumeName=volume)
