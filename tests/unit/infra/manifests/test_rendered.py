"""Every overlay: rendered, of the right shape for the pinned Kubernetes, and within the policies."""

from __future__ import annotations

import pytest

from tests.unit.infra.manifests.exceptions import EXCEPTIONS
from tests.unit.infra.manifests.policies import ALL
from tests.unit.infra.manifests.rendering import OVERLAYS, named, rendered, versions

CUSTOM = ("serving.kserve.io/", "argoproj.io/", "kubeflow.org/", "pipelines.kubeflow.org/", "nvidia.com/")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_object_has_the_shape_that_kubernetes_wants(overlay):
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    minor = ".".join(versions()["KUBERNETES_VERSION"].split(".")[:2])
    wrong = []
    for each in rendered(overlay):
        if each["apiVersion"].startswith(CUSTOM):
            continue
        try:
            used = kubernetes_validate.validate(each, minor, strict=True)
        except kubernetes_validate.ValidationError as error:
            wrong.append(f"{named(each)}: {'.'.join(map(str, error.path))}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError as error:
            wrong.append(f"{named(each)}: Kubernetes {minor} has no such kind: {error.message}")
        else:
            assert used == minor, "validated against another version than the pinned one"
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("policy", ALL, ids=lambda policy: policy.__name__)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_policies_hold(overlay, policy):
    excused = EXCEPTIONS.get(policy.__name__, {})
    broken = [f"{who} {how}" for who, how in policy(rendered(overlay)) if who not in excused]
    assert not broken, "\n".join(broken)


def test_each_exception_is_needed():
    policies = {policy.__name__: policy for policy in ALL}
    for name, excused in EXCEPTIONS.items():
        breakers = {who for overlay in OVERLAYS for who, _ in policies[name](rendered(overlay))}
        assert excused.keys() <= breakers, name
        assert all(len(why) > 20 for why in excused.values()), "an exception without a reason"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_versions_do_not_reach_the_cluster(overlay):
    assert not [each for each in rendered(overlay) if each["metadata"]["name"] == "versions"]
