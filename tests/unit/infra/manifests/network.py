"""Who may reach whom, as the network policies of rendered objects say: a small model of what a cluster does."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.unit.infra.manifests.rendering import Object, Pod, namespace, pods, selects


@dataclass(frozen=True)
class Place:
    """An end of a connection: a pod, or something outside that has only an address."""

    name: str
    address: str
    namespace: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def pod(self) -> bool:
        return self.namespace is not None


# As a connection from the host arrives, depending on where the node changes its address: kind's network, or the
# node's own address among its pods.
HOST = Place("host", "172.18.0.1")
NODE_AMONG_PODS = Place("host, masqueraded", "10.244.0.1")
# The API server and the kubelet listen on the node.
NODE = Place("node", "172.18.0.2")
INTERNET = Place("internet", "203.0.113.7")
NAMES = Place("names", "10.244.0.3", "kube-system", {"k8s-app": "kube-dns"})
STRANGER = Place("stranger", "10.244.0.99", "default", {"app": "stranger"})
OUTSIDE = (HOST, NODE_AMONG_PODS, NODE, INTERNET, NAMES, STRANGER)


def place(pod: Pod) -> Place:
    """The end of a connection that a workload's pod is."""
    return Place(pod.owner["metadata"]["name"], "10.244.0.20", pod.namespace, dict(pod.labels), pod.ports)


def places(objects: list[Object]) -> list[Place]:
    """Each workload's pod."""
    return [place(each) for each in pods(objects)]


def allowed(objects: list[Object], source: Place, target: Place, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is let out at its source and let in at its target."""
    out = not source.pod or _one_side(objects, source, target, target, port, protocol, "egress")
    into = not target.pod or _one_side(objects, target, source, target, port, protocol, "ingress")
    return out and into


def _one_side(
    objects: list[Object], here: Place, there: Place, target: Place, port: int, protocol: str, way: str
) -> bool:
    policies = [each for each in objects if each["kind"] == "NetworkPolicy" and _holds_for(each, here, way)]
    if not policies:
        return True
    peers = "to" if way == "egress" else "from"
    return any(
        _port_matches(rule.get("ports"), target, port, protocol)
        and (peers not in rule or any(_peer(objects, each, there, namespace(policy)) for each in rule[peers]))
        for policy in policies
        for rule in policy["spec"].get(way) or []
    )


def _holds_for(policy: Object, here: Place, way: str) -> bool:
    spec = policy["spec"]
    default = ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return (
        namespace(policy) == here.namespace
        and way in [each.lower() for each in spec.get("policyTypes", default)]
        and selects(spec["podSelector"], here.labels)
    )


def _port_matches(ports: Iterable[Object] | None, target: Place, port: int, protocol: str) -> bool:
    if not ports:
        return True
    for each in ports:
        wanted = each.get("port")
        number = target.ports.get(wanted) if isinstance(wanted, str) else wanted
        last = each.get("endPort", number)
        if each.get("protocol", "TCP") == protocol and (
            wanted is None or (number is not None and number <= port <= last)
        ):
            return True
    return False


def _peer(objects: list[Object], peer: Object, there: Place, own: str) -> bool:
    if "ipBlock" in peer:
        address = ipaddress.ip_address(there.address)
        inside = address in ipaddress.ip_network(peer["ipBlock"]["cidr"])
        return inside and not any(address in ipaddress.ip_network(each) for each in peer["ipBlock"].get("except", []))
    if not there.pod:
        return False
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], _namespace_labels(objects, there.namespace or "")):
            return False
    elif there.namespace != own:
        return False
    return selects(peer.get("podSelector"), there.labels)


def _namespace_labels(objects: list[Object], name: str) -> dict[str, str]:
    for each in objects:
        if each["kind"] == "Namespace" and each["metadata"]["name"] == name:
            return {"kubernetes.io/metadata.name": name, **each["metadata"].get("labels", {})}
    return {"kubernetes.io/metadata.name": name}
