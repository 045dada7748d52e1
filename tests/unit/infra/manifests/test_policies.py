"""Each policy refuses what it is there for: one thing broken at a time."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.infra.manifests import policies
from tests.unit.infra.manifests.rendering import find, pods, quantity, rendered, selects


def container(objects, name="mlflow"):
    kind = "Deployment" if name in {"mlflow", "grafana", "router"} else "StatefulSet"
    return find(objects, kind, name)["spec"]["template"]["spec"]["containers"][0]


def pod_spec(objects, name="mlflow"):
    return find(objects, "Deployment", name)["spec"]["template"]["spec"]


def put(path, value, start=container):
    """A change that sets one field, found from `start`; None deletes it."""

    def change(objects):
        here = start(objects)
        for step in path[:-1]:
            here = here[step]
        if value is None:
            del here[path[-1]]
        else:
            here[path[-1]] = value

    return change


def add(thing):
    return lambda objects: objects.append(thing)


def service(objects):
    return find(objects, "Service", "mlflow")


def role(objects):
    return find(objects, "Role", "prometheus")["rules"][0]


def cluster_role(objects):
    return find(objects, "ClusterRole", "mlops-labs-prometheus")["rules"][0]


def labels(objects):
    return find(objects, "Service", "store")["metadata"]["labels"]


def restrict(objects):
    return find(objects, "Namespace", "mlops-labs")["metadata"]["labels"]


def drop(kind, name, namespace=None):
    return lambda objects: objects.remove(find(objects, kind, name, namespace))


BROKEN = [
    (policies.images_by_digest, put(["image"], "docker.io/library/postgres:18")),
    (policies.images_by_digest, put(["image"], "docker.io/library/postgres:latest")),
    (policies.images_by_digest, put(["image"], "docker.io/library/postgres@sha256:" + "0" * 64)),
    (policies.images_by_digest, put(["image"], "postgres:18@sha256:" + "0" * 64)),
    (policies.images_by_digest, put(["imagePullPolicy"], "IfNotPresent")),
    (policies.images_by_digest, put(["image"], "mlops-labs/other:1")),
    (policies.restricted, put(["securityContext", "runAsUser"], 0)),
    (policies.restricted, put(["securityContext", "runAsUser"], None, pod_spec)),
    (policies.restricted, put(["securityContext", "runAsNonRoot"], None, pod_spec)),
    (policies.restricted, put(["securityContext", "runAsNonRoot"], False)),
    (policies.restricted, put(["securityContext", "seccompProfile"], None, pod_spec)),
    (policies.restricted, put(["securityContext", "privileged"], True)),
    (policies.restricted, put(["securityContext", "allowPrivilegeEscalation"], None)),
    (policies.restricted, put(["securityContext", "capabilities"], None)),
    (policies.restricted, put(["securityContext", "capabilities", "add"], ["NET_ADMIN"])),
    (policies.restricted, put(["hostNetwork"], True, pod_spec)),
    (policies.restricted, put(["volumes", 0], {"name": "x", "hostPath": {"path": "/"}}, pod_spec)),
    (policies.read_only_root, put(["securityContext", "readOnlyRootFilesystem"], None)),
    (policies.bounded, put(["resources"], None)),
    (policies.bounded, put(["resources", "limits", "memory"], "2Gi")),
    (policies.bounded, put(["resources", "requests", "cpu"], None)),
    (policies.bounded, put(["resources", "limits", "cpu"], "1")),
    (policies.bounded, put(["volumes", -1], {"name": "tmp", "emptyDir": {}}, pod_spec)),
    (policies.probed, put(["startupProbe"], None)),
    (policies.probed, put(["readinessProbe"], None)),
    (policies.probed, put(["livenessProbe"], None)),
    (policies.probed, put(["livenessProbe", "httpGet", "port"], "htttp")),
    (policies.no_token, put(["automountServiceAccountToken"], None, pod_spec)),
    (policies.no_token, put(["automountServiceAccountToken"], True, pod_spec)),
    (policies.no_token, put(["automountServiceAccountToken"], True, lambda o: find(o, "ServiceAccount", "router"))),
    (policies.least_rights, put(["verbs"], ["*"], role)),
    (policies.least_rights, put(["resources"], ["secrets"], role)),
    (policies.least_rights, put(["verbs"], ["get", "delete"], cluster_role)),
    (policies.least_rights, put(["verbs"], ["impersonate"], role)),
    (policies.services_lead_somewhere, put(["spec", "ports", 0, "targetPort"], "https", service)),
    (policies.services_lead_somewhere, put(["spec", "ports", 0, "targetPort"], 5001, service)),
    (policies.services_lead_somewhere, put(["spec", "selector", "app.kubernetes.io/name"], "nobody", service)),
    (
        policies.selectors_match,
        put(["matchLabels"], {"a": "b"}, lambda o: find(o, "Deployment", "mlflow")["spec"]["selector"]),
    ),
    (
        policies.selectors_match,
        put(
            ["matchLabels"],
            {"app.kubernetes.io/part-of": "mlops-labs"},
            lambda o: find(o, "Deployment", "mlflow")["spec"]["selector"],
        ),
    ),
    (policies.mounts_match, put(["volumeMounts", 0, "name"], "temp")),
    (policies.mounts_match, put(["volumeMounts"], [], lambda objects: container(objects, "store"))),
    (policies.references_exist, put(["env", 0, "valueFrom", "secretKeyRef", "name"], "postgress")),
    (policies.references_exist, put(["env", 0, "valueFrom", "secretKeyRef", "key"], "passwort")),
    (policies.references_exist, put(["serviceAccountName"], "nobody", pod_spec)),
    (policies.references_exist, drop("ConfigMap", "router-empty")),
    (policies.variables_known, put(["env", 0, "name"], "POSTGRES_PASSWORT")),
    (policies.variables_known, put(["env", 1], {"name": "HOME", "value": "/"})),
    (policies.quantities_parse, put(["resources", "requests", "memory"], "1GB")),
    (policies.quantities_parse, put(["resources", "requests", "cpu"], "100 m")),
    (
        policies.quantities_parse,
        put(["spec", "hard", "pods"], "many", lambda o: find(o, "ResourceQuota", "deployments")),
    ),
    (policies.labelled, put(["app.kubernetes.io/part-of"], None, labels)),
    (policies.labelled, put(["app.kubernetes.io/name"], None, labels)),
    (policies.in_a_namespace, put(["metadata", "namespace"], "default2", service)),
    (policies.in_a_namespace, put(["metadata", "namespace"], None, service)),
    (policies.in_a_namespace, lambda objects: objects.append(service(objects))),
    (policies.guarded_namespaces, put(["pod-security.kubernetes.io/enforce"], "baseline", restrict)),
    (policies.guarded_namespaces, drop("NetworkPolicy", "default-deny", "mlops-labs-serving")),
    (
        policies.guarded_namespaces,
        put(["spec", "egress"], [{}], lambda o: find(o, "NetworkPolicy", "default-deny", "mlops-labs")),
    ),
    (
        policies.no_secrets_in_files,
        add({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "mlops-labs"}}),
    ),
    (
        policies.nothing_unmanaged,
        add({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "mlops-labs"}, "spec": {}}),
    ),
    (policies.nothing_unmanaged, put(["spec", "type"], "LoadBalancer", service)),
]


@pytest.mark.parametrize(
    ("policy", "change"), BROKEN, ids=[f"{policy.__name__}-{number}" for number, (policy, _) in enumerate(BROKEN)]
)
def test_a_broken_object_is_refused(policy, change):
    objects = rendered("serve")
    assert not list(policy(objects))
    change(objects)
    assert list(policy(objects)), "the policy did not notice"


def test_each_policy_was_seen_to_refuse():
    assert {policy for policy, _ in BROKEN} == set(policies.ALL)


def test_the_overlay_has_the_pods_that_the_course_needs():
    names = {(pod.namespace, pod.owner["metadata"]["name"]) for pod in pods(rendered("serve"))}
    platform = {"postgres", "store", "mlflow", "prometheus", "grafana"}
    assert names == {*(("mlops-labs", name) for name in platform), ("mlops-labs-serving", "router")}


@given(st.integers(0, 10**6), st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi"]))
def test_amounts_are_read(number, unit):
    assert quantity(f"{number}{unit}") >= 0
    assert quantity(f"{number}Mi") == 1024 * quantity(f"{number}Ki")


@given(st.text(max_size=8))
def test_foreign_amounts_are_read_or_refused(text):
    with contextlib.suppress(ValueError):
        assert quantity(text) >= 0


def test_selectors():
    assert selects({}, {"a": "b"})
    assert selects({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}, {"a": "b"})
    assert not selects({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": "b"})
    assert not selects({"matchLabels": {"a": "c"}}, {"a": "b"})
