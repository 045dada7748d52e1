"""infra/versions.env is the only place for versions and digests."""

from __future__ import annotations

import re

import yaml

from tests.unit.infra.manifests.exceptions import AWAITING_A_DIGEST
from tests.unit.infra.manifests.policies import DIGEST
from tests.unit.infra.manifests.rendering import INFRA, OVERLAYS, pods, rendered, versions

DIGEST_ANYWHERE = re.compile(r"sha256:[0-9a-f]{64}")
# Named by a program rather than by a pod.
ELSEWHERE = {"KIND_NODE_IMAGE", "PYTHON_IMAGE"}


def test_every_image_is_pinned_and_none_is_of_a_vendor_that_stopped():
    for name, value in versions().items():
        if not name.endswith("_IMAGE"):
            assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-\d+)?|[0-9a-f]{64}", value), name
            continue
        assert DIGEST.fullmatch(value) or value in AWAITING_A_DIGEST, name
        assert not re.search(r":(latest|main|master|edge|nightly)\b|bitnami|minio|ingress-nginx", value), name


def test_what_awaits_a_digest_is_used_and_has_none():
    values = set(versions().values())
    assert values >= AWAITING_A_DIGEST
    assert not [each for each in AWAITING_A_DIGEST if "@" in each]


def test_kind_has_a_node_of_the_pinned_kubernetes():
    assert f":v{versions()['KUBERNETES_VERSION']}@" in versions()["KIND_NODE_IMAGE"]


def test_no_other_file_holds_a_digest_or_a_full_reference():
    places = [
        path
        for path in INFRA.rglob("*")
        if path.is_file() and path.suffix in {".yaml", ".yml", ".py", ".json", ""} and "__pycache__" not in path.parts
    ]
    found = [str(path.relative_to(INFRA)) for path in places if DIGEST_ANYWHERE.search(path.read_text(errors="ignore"))]
    assert not [each for each in found if not each.startswith("versions")]


def test_every_version_is_used():
    component = yaml.safe_load((INFRA / "versions" / "kustomization.yaml").read_text())
    taken = {each["source"]["fieldPath"].removeprefix("data.") for each in component["replacements"]}
    images = {name for name in versions() if name.endswith("_IMAGE")}
    assert taken <= images
    assert images - ELSEWHERE <= taken
    texts = "".join(
        "".join(
            str(container) for overlay in OVERLAYS for pod in pods(rendered(overlay)) for container in pod.containers
        )
    )
    everything = texts + str(
        [each for overlay in OVERLAYS for each in rendered(overlay) if each["kind"] == "ConfigMap"]
    )
    assert not [name for name in images - ELSEWHERE if versions()[name] not in everything]


def test_it_is_read_where_everybody_looks_for_it():
    assert (INFRA / "versions.env").resolve() == INFRA / "versions" / "versions.env"
