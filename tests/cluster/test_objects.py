"""The API server takes every object of every overlay; what is applied becomes ready."""

from __future__ import annotations

import json

import pytest

from infra.kind import overlay as overlays
from infra.kind import waiting
from tests.cluster.support import Quiet, cluster
from tests.unit.infra.manifests.rendering import OVERLAYS, rendered


def known_kinds(kubectl) -> set[str]:
    """(group and) kinds for which the cluster has a definition."""
    return {line.split()[-1] for line in kubectl.run("api-resources", "--no-headers").splitlines()}


@pytest.fixture(scope="module")
def namespaces():
    """Every namespace of every overlay, which a dry run inside of it wants; what only this wanted goes again."""
    kubectl, made = cluster(), set()
    for overlay in OVERLAYS:
        for each in rendered(overlay):
            name = each["metadata"]["name"]
            if each["kind"] == "Namespace" and kubectl.get("namespace", name) is None:
                kubectl.apply([each])
                made.add(name)
    yield
    for name in made - {each["metadata"]["name"] for each in rendered("ci") if each["kind"] == "Namespace"}:
        kubectl.delete("namespace", name)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_server_takes_everything(overlay, namespaces):
    kubectl, objects = cluster(), rendered(overlay)
    known = known_kinds(kubectl)
    trial = [each for each in objects if each["kind"] in known]
    listed = {"apiVersion": "v1", "kind": "List", "items": trial}
    words = ("apply", "--server-side", "--dry-run=server", "--force-conflicts", "--field-manager=trial")
    said = kubectl.run(*words, "--filename", "-", stdin=json.dumps(listed), seconds=180)
    assert said.count("(server dry run)") == len(trial)
    unknown = {each["kind"] for each in objects} - known
    defined = {each["spec"]["names"]["kind"] for each in objects if each["kind"] == "CustomResourceDefinition"}
    assert unknown <= defined, "a kind that neither the cluster nor the overlay has"


def test_what_is_applied_becomes_ready():
    kubectl = cluster()
    if kubectl.get("deployment", "mlflow", namespace="mlops-labs") is None:
        # A bare cluster: the smallest overlay, in the order of `infra up`.
        text = "---\n".join(json.dumps(each) + "\n" for each in rendered("ci"))
        overlays.apply(kubectl, overlays.arrange(text), Quiet())
    wanted = waiting.workloads(rendered("ci"))
    assert len(wanted) >= 6
    quiet = Quiet()
    waiting.wait(kubectl, wanted, quiet)


def test_no_pod_has_started_again_and_again():
    kubectl = cluster()
    for namespace in ("mlops-labs", "mlops-labs-serving"):
        found = kubectl.get("pods", namespace=namespace)
        for pod in found["items"]:
            for status in pod["status"].get("containerStatuses", []):
                assert status["restartCount"] <= 1, f"{pod['metadata']['name']}: {status}"
