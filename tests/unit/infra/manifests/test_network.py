"""The network policies let pass what the table says, and nothing else."""

from __future__ import annotations

import pytest

from tests.unit.infra.manifests.network import (
    HOST,
    INTERNET,
    NAMES,
    NODE,
    NODE_AMONG_PODS,
    OUTSIDE,
    Place,
    allowed,
    places,
)
from tests.unit.infra.manifests.rendering import Object, find, rendered

RELEASE_LABELS = {
    "app.kubernetes.io/component": "release",
    "app.kubernetes.io/part-of": "mlops-labs",
    "mlops-labs/deployment": "fraud",
}
RELEASE = Place(
    "release",
    "10.244.0.31",
    "mlops-labs-serving",
    {**RELEASE_LABELS, "app.kubernetes.io/name": "fraud"},
    {"http": 8080},
)
# Whoever calls a deployment as the platform's own pods are called gains nothing by it.
IMPOSTOR = Place(
    "impostor",
    "10.244.0.32",
    "mlops-labs-serving",
    {**RELEASE_LABELS, "app.kubernetes.io/name": "prometheus"},
    {"http": 8080},
)
RELEASES = ("release", "impostor")
HOSTS = (HOST.name, NODE_AMONG_PODS.name)

# (from, to, port): every way that is needed
WAYS = {
    *(
        (host, target, port)
        for host in HOSTS
        for target, port in (("mlflow", 5000), ("prometheus", 9090), ("grafana", 3000), ("router", 8090))
    ),
    # The same door: what comes from outside of the pods' range cannot be told from the host.
    *(
        (outside, target, port)
        for outside in (NODE.name, INTERNET.name)
        for target, port in (("mlflow", 5000), ("prometheus", 9090), ("grafana", 3000), ("router", 8090))
    ),
    ("mlflow", "postgres", 5432),
    ("mlflow", "store", 8333),
    ("grafana", "prometheus", 9090),
    ("prometheus", "grafana", 3000),
    ("prometheus", "store", 9327),
    ("prometheus", "router", 9902),
    # The API server and the kubelet; a policy cannot tell the node from the rest of the world, but it can tell ports.
    *(("prometheus", place.name, port) for place in (HOST, NODE, INTERNET) for port in (6443, 10250)),
    *(
        way
        for release in RELEASES
        for way in (("router", release, 8080), ("prometheus", release, 8080), (release, "mlflow", 5000))
    ),
}


# Something that somebody puts there later, for which nobody opened a way.
NEWCOMERS = tuple(Place(f"newcomer in {each}", "10.244.0.40", each) for each in ("mlops-labs", "mlops-labs-serving"))
PORTS = {22, 80, 443, 6443, 8080, 10250, 9901}


def everyone(objects: list[Object]) -> list[Place]:
    return [*places(objects), RELEASE, IMPOSTOR, *NEWCOMERS, *OUTSIDE]


def ways(objects: list[Object]) -> set[tuple[str, str, int]]:
    """Every way that is open and touches a pod of ours."""
    everywhere = everyone(objects)
    ports = {port for each in everywhere for port in each.ports.values()} | PORTS
    return {
        (source.name, target.name, port)
        for source in everywhere
        for target in everywhere
        for port in ports
        if source.name != target.name
        and any((each.namespace or "").startswith("mlops-labs") for each in (source, target))
        and allowed(objects, source, target, port)
    }


@pytest.mark.parametrize("overlay", ["serve", "ci"])
def test_exactly_the_needed_ways_are_open(overlay):
    gpus = {("fake-gpu", place.name, 6443) for place in (HOST, NODE, INTERNET)} if overlay == "ci" else set()
    assert ways(rendered(overlay)) == WAYS | gpus


@pytest.mark.parametrize("overlay", ["serve", "ci"])
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_every_pod_may_ask_for_names(overlay, protocol):
    objects = rendered(overlay)
    for source in [*places(objects), RELEASE]:
        # It reaches the API server by its address and asks for no name.
        assert allowed(objects, source, NAMES, 53, protocol) == (source.name != "fake-gpu"), source.name
        assert not allowed(objects, source, INTERNET, 53, protocol), source.name


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("mlops-labs", "mlflow"),
        ("mlops-labs", "default-deny"),
        ("mlops-labs", "names"),
        ("mlops-labs", "postgres"),
        ("mlops-labs-serving", "release"),
        ("mlops-labs-serving", "default-deny"),
        ("mlops-labs-serving", "router"),
    ],
)
def test_a_missing_policy_is_noticed(namespace, name):
    objects = rendered("serve")
    objects.remove(find(objects, "NetworkPolicy", name, namespace))
    names = [allowed(objects, each, NAMES, 53) for each in everyone(objects) if each.pod]
    assert ways(objects) != WAYS or not all(names)


def test_a_policy_for_a_port_that_nobody_has_is_noticed():
    objects = rendered("serve")
    policy = find(objects, "NetworkPolicy", "mlflow", "mlops-labs")
    policy["spec"]["ingress"][0]["ports"][0]["port"] = "nothing"
    assert ("host", "mlflow", 5000) not in ways(objects)
