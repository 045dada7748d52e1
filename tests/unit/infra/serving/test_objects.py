"""A release as objects: in the shape that Kubernetes wants, within the policies, and told what it must know."""

from __future__ import annotations

import base64
import json
import random
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.deployments import Deployment, Registered, Release, Traffic
from infra.kind.serving import objects
from infra.serving import routes
from infra.trouble import Trouble
from tests.unit.infra.manifests import network, policies
from tests.unit.infra.manifests.exceptions import EXCEPTIONS
from tests.unit.infra.manifests.rendering import pods, quantity, rendered, versions

IMAGE = "mlops-labs/course:sha-0123456789abcdef"
WITH_MODEL = Release(2, "service:app", Registered("card-fraud", "3"), "a" * 64, "2026-01-01T00:00:00.000+00:00")
MODEL_ONLY = Release(3, None, Registered("card-fraud", "3"), "b" * 64, "2026-01-01T00:00:00.000+00:00")
CODE_ONLY = Release(4, "service:app", None, "c" * 64, "2026-01-01T00:00:00.000+00:00")
RELEASES = [WITH_MODEL, MODEL_ONLY, CODE_ONLY]


def made(release: Release, name: str = "fraud") -> list[dict[str, Any]]:
    return objects.release_objects(name, release, b"packed", IMAGE)


def container(release: Release, name: str) -> dict[str, Any]:
    pod = objects.deployment("fraud", release, IMAGE)["spec"]["template"]["spec"]
    return next(each for each in [*pod["initContainers"], *pod["containers"]] if each["name"] == name)


def environment(release: Release, name: str = "serve") -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(release, name)["env"]}


def everything() -> list[dict[str, Any]]:
    """The overlay `serve`, and in it one deployment of three releases, and the router's table."""
    deployment = Deployment("fraud", tuple(RELEASES), Traffic({2: 50, 3: 50}, 4))
    table = objects.router_map(routes.tables([deployment], objects.release_cluster))
    return [*rendered("serve"), *(each for release in RELEASES for each in made(release)), table]


@pytest.mark.parametrize("release", RELEASES, ids=["both", "model", "code"])
def test_each_object_has_the_shape_that_kubernetes_wants(release: Release) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    minor = ".".join(versions()["KUBERNETES_VERSION"].split(".")[:2])
    table = objects.router_map(routes.tables([], objects.release_cluster))
    for each in [*made(release), table]:
        assert kubernetes_validate.validate(each, minor, strict=True) == minor


@pytest.mark.parametrize("policy", policies.ALL, ids=lambda policy: policy.__name__)
def test_releases_keep_to_the_policies_of_the_manifests(policy: policies.Policy) -> None:
    excused = EXCEPTIONS.get(policy.__name__, {})
    broken = [f"{who} {how}" for who, how in policy(everything()) if who not in excused]
    assert not broken, "\n".join(broken)


def test_the_networks_policies_open_the_ways_that_releases_need_and_no_other() -> None:
    found = everything()
    places = {each.name: each for each in network.places(found)}
    router, release, other = places["router"], places["fraud-2"], places["fraud-3"]
    assert network.allowed(found, router, release, objects.PORT)
    assert network.allowed(found, places["prometheus"], release, objects.PORT)
    assert network.allowed(found, release, places["mlflow"], 5000)
    assert not network.allowed(found, release, other, objects.PORT)
    assert not network.allowed(found, release, places["postgres"], 5432)
    assert not network.allowed(found, release, places["store"], 8333)


def test_the_namespace_has_room_for_four_releases_and_a_router_that_is_renewed() -> None:
    found = everything()
    quota = next(each for each in found if each["kind"] == "ResourceQuota")["spec"]["hard"]
    router = next(each for each in pods(found) if each.title.endswith("/router"))
    memory = quantity(router.main[0]["resources"]["limits"]["memory"])
    assert 4 * quantity(objects.MEMORY) + 2 * memory <= quantity(quota["limits.memory"])


def test_the_application_learns_what_it_serves() -> None:
    told = environment(WITH_MODEL)
    assert told["MODEL_URI"] == "/work/model" and told["MODEL_NAME"] == "card-fraud" and told["MODEL_VERSION"] == "3"
    assert told["RELEASE"] == "2" and told["PREDICTION_LOG"] == "/work/predictions.jsonl"
    assert container(WITH_MODEL, "fetch")["args"] == ["fetch", "/code/code.tar.gz", "/work", "card-fraud", "3"]
    assert container(WITH_MODEL, "serve")["args"] == ["serve", "service:app", "/work/code", "8080"]
    assert "MODEL_URI" not in environment(CODE_ONLY)
    assert container(MODEL_ONLY, "serve")["args"][1] == "mlflow.pyfunc.scoring_server.app:app"


def test_a_dollar_in_a_models_name_is_a_dollar() -> None:
    # Kubernetes would put the value of the variable RELEASE in its place.
    release = Release(1, None, Registered("$(RELEASE)", "1"), "a" * 64, "")
    assert environment(release)["MODEL_NAME"] == "$$(RELEASE)"
    assert container(release, "fetch")["args"][-2] == "$$(RELEASE)"


def test_the_same_code_is_packed_into_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        for name in ("service.py", "rules/limits.py") if folder == "one" else ("rules/limits.py", "service.py"):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(name)
    packed = objects.archive(tmp_path / "one")
    assert packed == objects.archive(tmp_path / "two")
    with tarfile.open(fileobj=BytesIO(packed)) as files:
        assert files.getnames() == ["rules/limits.py", "service.py"]


def test_code_that_no_object_can_hold_is_refused(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(1_200_000)
    (tmp_path / "big.bin").write_bytes(noise)
    with pytest.raises(Trouble) as refused:
        objects.archive(tmp_path)
    assert "1.2 MB" in str(refused.value) and "--from" in str(refused.value)


def test_the_code_travels_whole() -> None:
    (code,) = (each for each in made(WITH_MODEL) if each["kind"] == "ConfigMap")
    assert base64.b64decode(code["binaryData"]["code.tar.gz"]) == b"packed" and code["immutable"] is True
    assert code["metadata"]["annotations"]["mlops-labs/code"] == "a" * 64


@given(st.from_regex(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?", fullmatch=True), st.integers(1, 10**9))
def test_every_name_that_is_allowed_is_one_that_kubernetes_takes(name: str, number: int) -> None:
    release = Release(number, "a:b", None, "0" * 64, "")
    for each in objects.release_objects(name, release, b"", IMAGE):
        called = each["metadata"]["name"]
        assert len(called) <= 63 and called[0].isalpha() and called.isascii() and called == called.lower()
        assert all(len(value) <= 63 for value in each["metadata"]["labels"].values())


def test_a_path_of_the_router_itself_cannot_be_a_deployments() -> None:
    table = json.loads(routes.tables([], objects.release_cluster).routes)
    paths = [each["match"].get("path") for each in table["resources"][0]["virtual_hosts"][0]["routes"]]
    assert paths == ["/-/version"]


def test_an_inference_service_of_a_lab_comes_after_a_deployment_of_its_name() -> None:
    also = [objects.inference_service("fraud")]
    deployment = Deployment("fraud", (CODE_ONLY,), Traffic({4: 100}))
    made = routes.tables([deployment], objects.release_cluster, also)
    hosts = json.loads(made.routes)["resources"][0]["virtual_hosts"]
    first = next(each for each in hosts[0]["routes"] if each["match"].get("prefix") == "/fraud/")
    assert "weighted_clusters" in first["route"]
    last = hosts[0]["routes"][-1]["route"]
    assert last["cluster"] == "fraud" and last["prefix_rewrite"] == "/"
    address = json.loads(made.clusters)["resources"][-1]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]
    found = address["endpoint"]["address"]["socket_address"]
    assert found == {"address": "fraud-predictor.mlops-labs-serving.svc.cluster.local.", "port_value": 80}
