"""What the overlays ask for fits into the machines that they are made for."""

from __future__ import annotations

import pytest

from tests.unit.infra.manifests.rendering import find, pods, quantity, rendered

MIB = 2**20
GB = 10**9
# The node itself: API server, etcd, controllers, kubelet, containerd, CoreDNS, the network and volumes.
SYSTEM = 1000 * MIB
SERVING = "mlops-labs-serving"
# What a learner deploys: as one release of infra.kind.serving asks for.
RELEASE = 512 * MIB
RELEASES = 4


def memory(pod) -> float:
    """What a pod may use: its containers together, or one of those before them."""
    together = sum(quantity(each["resources"]["limits"]["memory"]) for each in pod.main)
    before = [quantity(each["resources"]["limits"]["memory"]) for each in pod.spec.get("initContainers", [])]
    return max([together, *before]) * pod.owner["spec"].get("replicas", 1)


def quota(objects, name="limits.memory") -> float:
    return quantity(find(objects, "ResourceQuota", "deployments", SERVING)["spec"]["hard"][name])


@pytest.mark.parametrize("overlay", ["serve", "ci"])
def test_serve_fits_into_6_gb_with_everything_that_may_be_deployed(overlay):
    objects = rendered(overlay)
    platform = sum(memory(pod) for pod in pods(objects) if pod.namespace != SERVING)
    assert platform + quota(objects) + SYSTEM <= 6 * GB


@pytest.mark.parametrize("overlay", ["serve", "ci"])
def test_the_quota_has_room_for_the_releases_while_the_router_is_renewed(overlay):
    objects = rendered(overlay)
    router = memory(next(pod for pod in pods(objects) if pod.owner["metadata"]["name"] == "router"))
    assert quota(objects) >= 2 * router + RELEASES * RELEASE
    assert quota(objects) == quota(objects, "requests.memory")
    assert int(find(objects, "ResourceQuota", "deployments")["spec"]["hard"]["pods"]) >= 2 + RELEASES


@pytest.mark.parametrize("overlay", ["serve", "ci"])
def test_the_processors_asked_for_fit_two_cores(overlay):
    objects = rendered(overlay)
    asked = sum(quantity(each["resources"]["requests"]["cpu"]) for pod in pods(objects) for each in pod.main)
    releases = RELEASES * 0.05
    # Kubernetes' own pods ask for 0.95 of a core in a kind node.
    assert asked + releases + 0.95 <= 2


def test_a_release_without_amounts_gets_those_of_the_range():
    limits = find(rendered("serve"), "LimitRange", "deployments")["spec"]["limits"][0]
    assert quantity(limits["default"]["memory"]) == quantity(limits["defaultRequest"]["memory"]) == RELEASE
    assert "cpu" not in limits["default"]


def test_prometheus_keeps_less_than_its_volume_holds():
    prometheus = find(rendered("serve"), "StatefulSet", "prometheus")
    args = prometheus["spec"]["template"]["spec"]["containers"][0]["args"]
    size = next(each.partition("=")[2] for each in args if each.startswith("--storage.tsdb.retention.size="))
    held = prometheus["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
    # Its units are powers of two; the log before the blocks comes on top.
    assert quantity(size.replace("GB", "Gi")) * 2 <= quantity(held)


@pytest.mark.parametrize("name", ["store", "grafana"])
def test_programs_in_go_give_memory_back_before_the_limit(name):
    pod = next(pod for pod in pods(rendered("serve")) if pod.owner["metadata"]["name"] == name)
    variables = {each["name"]: each.get("value") for each in pod.main[0]["env"]}
    soft = quantity(variables["GOMEMLIMIT"].removesuffix("B"))
    assert 0.7 <= soft / quantity(pod.main[0]["resources"]["limits"]["memory"]) <= 0.9
