"""Who reaches whom in a cohort's cluster, by the network policies of the rendered objects."""

from __future__ import annotations

import pytest

from infra.cohort import names
from tests.unit.infra.cohort import place
from tests.unit.infra.manifests.network import INTERNET, NAMES, NODE, STRANGER, Place, allowed, places

HUB_NAMESPACE, GRADING = "mlops-labs-hub", "mlops-labs-grading"
SERVER = {"app": "jupyterhub", "component": "singleuser-server", "app.kubernetes.io/component": "singleuser-server"}


def at_the_hub(component):
    return Place(component, "10.244.0.9", HUB_NAMESPACE, {"app": "jupyterhub", "component": component})


HUB, PROXY, SCHEDULER_OF_PODS = at_the_hub("hub"), at_the_hub("proxy"), at_the_hub("user-scheduler")
ALICE, EVE = (
    Place(name, "10.244.1.7", names.namespace(name), SERVER, {"notebook-port": 8888})
    for name in ("alice", "eve@example.invalid")
)
SCHEDULER = Place(
    "scheduler", "10.244.2.1", GRADING, {"dask.org/cluster-name": "grading", "dask.org/component": "scheduler"}
)
METADATA = Place("metadata", "169.254.169.254")
PRIVATE = Place("another machine of the data centre", "10.1.2.3")
PORTS = (22, 53, 80, 443, 2049, 5000, 6443, 8080, 8081, 8090, 8786, 8787, 8788, 8888, 10250)


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    return place.objects(place.make(tmp_path_factory.mktemp("boot")))


@pytest.fixture(scope="module")
def graders(objects):
    return {each.name: each for each in places(objects) if each.namespace == GRADING}


def reached(objects, source, target):
    return {port for port in PORTS if allowed(objects, source, target, port)}


def test_a_learner_reaches_the_hub_and_names_and_nothing_else(objects, graders):
    # The hub's own side is the chart's, and values.yaml opens it: here only the learner's side is asked.
    outside = Place("hub", HUB.address, HUB_NAMESPACE, HUB.labels)
    open_hub = [each for each in objects if each["metadata"].get("namespace") != HUB_NAMESPACE]
    assert reached(open_hub, ALICE, outside) == {8081}
    assert reached(objects, ALICE, NAMES) == {53}
    for other in (EVE, NODE, INTERNET, METADATA, PRIVATE, STRANGER, SCHEDULER, *graders.values()):
        assert not reached(objects, ALICE, other), other.name


def test_only_hub_and_proxy_reach_a_learner(objects, graders):
    open_hub = [each for each in objects if each["metadata"].get("namespace") != HUB_NAMESPACE]
    for source in (HUB, PROXY):
        assert reached(open_hub, source, ALICE) == {8888}
    for source in (EVE, NODE, INTERNET, STRANGER, SCHEDULER, *graders.values()):
        assert not reached(objects, source, ALICE), source.name


def test_a_pod_that_is_called_like_the_hub_elsewhere_reaches_nobody(objects):
    forged = Place("forged", "10.244.3.3", "learner-x", HUB.labels)
    assert not reached(objects, forged, ALICE)


def test_graders_reach_the_scheduler_and_nothing_else(objects, graders):
    assert set(graders) == {"worker", "grade", "collect", "report"}
    for name in ("worker", "grade"):
        assert reached(objects, graders[name], SCHEDULER) == {8786}
        for other in (ALICE, HUB, NODE, INTERNET, METADATA, PRIVATE, STRANGER, graders["collect"]):
            assert not reached(objects, graders[name], other), (name, other.name)
    assert not reached(objects, graders["worker"], graders["grade"])
    assert not reached(objects, graders["grade"], graders["worker"])
    assert reached(objects, SCHEDULER, graders["worker"]) == {8788}


@pytest.mark.parametrize("name", ["collect", "report"])
def test_who_collects_and_who_reports_reach_nobody(objects, graders, name):
    for other in (ALICE, HUB, NODE, INTERNET, NAMES, SCHEDULER, STRANGER):
        assert not reached(objects, graders[name], other)


def test_nobody_but_graders_reaches_the_scheduler(objects):
    for source in (ALICE, HUB, NODE, INTERNET, STRANGER):
        assert not reached(objects, source, SCHEDULER), source.name


def test_the_scheduler_of_pods_reaches_the_api_server_but_no_metadata(objects):
    assert reached(objects, SCHEDULER_OF_PODS, NODE) == {443, 6443}
    assert not reached(objects, SCHEDULER_OF_PODS, METADATA)


def test_the_internet_when_it_is_wanted_is_not_the_data_centre(tmp_path):
    objects = place.objects(place.make(tmp_path / "boot", internet=["0.0.0.0/0"]))
    assert reached(objects, ALICE, INTERNET) == {443}
    for other in (METADATA, PRIVATE, NODE, EVE, STRANGER, SCHEDULER):
        assert not reached(objects, ALICE, other), other.name
