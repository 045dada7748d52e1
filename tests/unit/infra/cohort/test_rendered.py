"""What `infra cohort render` and the overlays make: of the right shape, within the policies, and admitted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from checker.enrolment import enrol_all
from infra.cohort import names
from infra.cohort.render import render
from infra.trouble import Trouble
from tests.unit.infra.cohort import place
from tests.unit.infra.manifests import policies
from tests.unit.infra.manifests.rendering import find, named, namespace, pods, quantity, versions

HERE = Path(__file__).parent
GRADING = "mlops-labs-grading"
EXCEPTIONS = {
    "restricted": {
        f"Deployment {GRADING}/worker": "the jail is made of what the runtime's own profile refuses",
        f"CronJob {GRADING}/grade": "it asks for a jail of its own before it hands out work",
        "DaemonSet mlops-labs-nodes/profiles": "the kubelet's folder of profiles is on the node and root's",
    },
    "bounded": {
        f"Deployment {GRADING}/worker": "the jail's own limit must be reached before the pod's; few come near",
    },
    "probed": {"DaemonSet mlops-labs-nodes/profiles": "it copies one file and then sleeps"},
    "guarded_namespaces": {
        f"Namespace /{GRADING}": "an unmasked /proc is for `baseline`, in a pod with users of its own",
        "Namespace /mlops-labs-hub": "the chart's pods are not ours to promise for",
        "Namespace /mlops-labs-nodes": "a path of the node is for `privileged` only",
    },
}
# Written into the instructor's folder, as the key is that they hold; no file of the tree has one.
SECRETS = ("cohort", "dask", "enrolment", "roster")
# What a DaskCluster of the operator 2026.3.0 knows of a pod, of a container, and of its security: all else is dropped
# by the API server without a word. (Of the CRD's schema; names that we use, and what was looked for in vain.)
KNOWN = {
    "pod": {
        "automountServiceAccountToken", "containers", "enableServiceLinks", "initContainers", "nodeSelector",
        "priorityClassName", "securityContext", "tolerations", "volumes",
    },
    "container": {
        "args", "command", "env", "image", "imagePullPolicy", "livenessProbe", "name", "ports", "readinessProbe",
        "resources", "securityContext", "startupProbe", "volumeMounts",
    },
    "security": {
        "allowPrivilegeEscalation", "capabilities", "procMount", "readOnlyRootFilesystem", "runAsGroup",
        "runAsNonRoot", "runAsUser", "seccompProfile",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    return place.objects(place.make(tmp_path_factory.mktemp("boot")))


def minor():
    return ".".join(versions()["KUBERNETES_VERSION"].split(".")[:2])


def validate(each):
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    try:
        assert kubernetes_validate.validate(each, minor(), strict=True) == minor()
    except kubernetes_validate.ValidationError as error:
        return f"{named(each)}: {'.'.join(map(str, error.path))}: {error.message}"
    return ""


def test_each_object_has_the_shape_that_kubernetes_wants(objects):
    wrong = [validate(each) for each in objects if each["kind"] != "DaskCluster"]
    assert not list(filter(None, wrong)), "\n".join(filter(None, wrong))


@pytest.mark.parametrize("policy", policies.ALL, ids=lambda policy: policy.__name__)
def test_the_policies_hold(objects, policy):
    excused = EXCEPTIONS.get(policy.__name__, {})
    if policy is policies.images_by_digest:
        # Pulled, since a registry has it, and by its digest.
        images = {each["image"] for pod in pods(objects) for each in pod.containers}
        assert images == {place.IMAGE}
        return
    broken = {who: how for who, how in policy(objects) if who not in excused}
    if policy is policies.no_secrets_in_files:
        assert {who.rpartition("/")[2] for who in broken} == set(SECRETS)
        return
    assert not broken
    assert excused.keys() <= {who for who, _ in policy(objects)}, "an exception that nobody needs"


def test_the_dask_cluster_says_nothing_that_its_definition_drops(objects):
    spec = find(objects, "DaskCluster", "grading")["spec"]
    assert set(spec) == {"worker", "scheduler"}
    for part in spec.values():
        assert set(part["spec"]) <= KNOWN["pod"]
        for each in part["spec"]["containers"]:
            assert set(each) <= KNOWN["container"]
            assert each["image"] == place.IMAGE
            assert set(each.get("securityContext", {})) <= KNOWN["security"]
    # Why the workers are a Deployment.
    worker = find(objects, "Deployment", "worker")["spec"]["template"]["spec"]
    assert "hostUsers" in set(worker) - KNOWN["pod"]
    assert spec["worker"]["replicas"] == 0


def test_the_scheduler_is_a_pod_that_kubernetes_takes(objects):
    spec = find(objects, "DaskCluster", "grading")["spec"]["scheduler"]
    labels = {"app.kubernetes.io/name": "x"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": labels}, "spec": spec["spec"]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": spec["service"]}
    assert not validate(pod)
    assert not validate(service)
    deployment = {"kind": "Deployment", "metadata": {"name": "x", "namespace": "y"}, "spec": {"template": pod}}
    for policy in (policies.restricted, policies.read_only_root, policies.bounded, policies.probed):
        assert not list(policy([deployment]))


@pytest.mark.parametrize("owner", ["worker", "grade"])
def test_who_has_a_jail_has_the_least_that_it_needs(objects, owner):
    (pod,) = [pod for pod in pods(objects) if pod.owner["metadata"]["name"] == owner]
    assert pod.spec["hostUsers"] is False
    assert pod.spec["securityContext"]["seccompProfile"] == {
        "type": "Localhost", "localhostProfile": "mlops-labs/jail.json",
    }  # fmt: skip
    assert pod.spec["securityContext"]["runAsNonRoot"] is True
    for each in pod.containers:
        security = each["securityContext"]
        assert security["procMount"] == "Unmasked"
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert "privileged" not in security
    # NFS cannot map users; what such a pod mounts must be able to.
    claims = {
        each["persistentVolumeClaim"]["claimName"] for each in pod.spec["volumes"] if "persistentVolumeClaim" in each
    }
    assert claims == {"cohort"}
    assert find(objects, "PersistentVolumeClaim", "cohort")["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_only_who_grades_has_the_key_and_only_who_collects_the_export(objects):
    holders = {
        pod.owner["metadata"]["name"]
        for pod in pods(objects)
        for volume in pod.spec["volumes"]
        if volume.get("secret", {}).get("secretName") == "cohort"
        # Settings are no secret: who reports is given them alone.
        and [each["key"] for each in volume["secret"].get("items", [])] != ["cohort.json"]
    }
    assert holders == {"worker", "grade"}
    (collector,) = [pod for pod in pods(objects) if "drop" in str(pod.spec["volumes"])]
    assert collector.owner["metadata"]["name"] == "collect"
    worker = next(pod for pod in pods(objects) if pod.owner["metadata"]["name"] == "worker")
    mounted = {mount["mountPath"]: mount for mount in worker.main[0]["volumeMounts"]}
    assert mounted["/cohort/submitted"]["readOnly"]
    assert not any(
        each.get("mountPath", "").startswith("/cohort") for each in worker.spec["initContainers"][0]["volumeMounts"]
    )


def test_the_profile_of_the_nodes_is_laid_where_the_workers_look(objects):
    profiles = next(pod for pod in pods(objects) if pod.owner["kind"] == "DaemonSet")
    folder = next(each["hostPath"]["path"] for each in profiles.spec["volumes"] if "hostPath" in each)
    wanted = find(objects, "Deployment", "worker")["spec"]["template"]["spec"]["securityContext"]["seccompProfile"]
    assert f"{folder}/jail.json" == f"/var/lib/kubelet/seccomp/{wanted['localhostProfile']}"
    (made,) = [each for each in objects if each["kind"] == "ConfigMap" and namespace(each) == "mlops-labs-nodes"]
    assert json.loads(made["data"]["jail.json"])["defaultAction"] == "SCMP_ACT_ALLOW"
    worker = find(objects, "Deployment", "worker")["spec"]["template"]["spec"]
    assert profiles.spec["nodeSelector"] == worker["nodeSelector"]


@pytest.mark.parametrize("learner", place.LEARNERS)
def test_each_learner_has_everything_and_nothing_of_another(objects, learner):
    own = [each for each in objects if namespace(each) == names.namespace(learner)]
    assert {each["kind"] for each in own} == {
        "LimitRange", "NetworkPolicy", "PersistentVolumeClaim", "ResourceQuota", "Role", "RoleBinding", "Secret",
    }  # fmt: skip
    claim = next(each for each in own if each["metadata"]["name"] == "submissions")
    volume = find(objects, "PersistentVolume", claim["spec"]["volumeName"])
    assert volume["spec"]["claimRef"] == {"namespace": names.namespace(learner), "name": "submissions"}
    folder = names.namespace(learner).removeprefix("learner-")
    assert volume["spec"]["nfs"] == {"server": "10.0.0.5", "path": f"/export/drop/{folder}"}
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert (
        find(objects, "Namespace", names.namespace(learner))["metadata"]["annotations"]["mlops-labs/learner"] == learner
    )


def test_the_hub_may_start_and_stop_pods_and_nothing_else(objects):
    roles = [each for each in objects if each["kind"] in {"Role", "ClusterRole"}]
    assert {each["metadata"]["name"] for each in roles} == {"spawner", "mlops-labs-hub-sight"}
    for each in roles:
        verbs = {verb for rule in each["rules"] for verb in rule["verbs"]}
        resources = {resource for rule in each["rules"] for resource in rule["resources"]}
        if each["kind"] == "Role":
            assert (verbs, resources) == ({"create", "delete"}, {"pods"})
        else:
            assert (verbs, resources) == ({"get", "list", "watch"}, {"pods", "events", "namespaces"})


def test_a_second_call_keeps_the_certificate_and_takes_in_who_came_later(tmp_path):
    folder = place.make(tmp_path / "boot")
    render(folder)
    before = (folder / "cluster" / "tls.crt").read_bytes()
    enrol_all(folder, "bootcamp", [*place.LEARNERS, "late"])
    render(folder)
    assert (folder / "cluster" / "tls.crt").read_bytes() == before
    texts = (folder / "cluster" / "learners.yaml").read_text(), (folder / "cluster" / "values.yaml").read_text()
    assert "learner-late" in texts[0]
    assert "late" in yaml.safe_load(texts[1])["hub"]["config"]["Authenticator"]["allowed_users"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder / "cluster").rglob("*.yaml"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image": "registry.example.org/mlops-labs/course:latest"}, "image"),
        ({"image": "course:latest@sha256:" + "ab" * 32}, "image"),
        ({"host": "labs.example.org/../x"}, "host"),
        ({"drop": {"server": "10.0.0.5", "path": "/export/../etc"}}, "drop.path"),
        ({"drop": {"server": "10.0.0.5 -o x", "path": "/export"}}, "drop.server"),
        ({"internet": ["everywhere"]}, "internet"),
        ({"internet": ["999.0.0.0/8"]}, "internet"),
        ({"gpus": True}, "gpus"),
    ],
)
def test_wrong_settings_are_refused_with_the_place(tmp_path, change, says):
    with pytest.raises(Trouble, match=says) as caught:
        render(place.make(tmp_path / "boot", **change))
    assert "infra cohort render" in caught.value.next_step


@pytest.mark.parametrize("missing", ["cluster.json", "cohort.key", "cohort.json", "enrolments"])
def test_a_cohort_that_is_not_whole_is_refused(tmp_path, missing):
    folder = place.make(tmp_path / "boot")
    path = folder / missing
    if path.is_dir():
        for each in path.iterdir():
            each.unlink()
    else:
        path.unlink()
    with pytest.raises(Trouble) as caught:
        render(folder)
    assert caught.value.next_step


def test_the_quota_holds_the_pod_of_the_profile_and_no_second_one(objects):
    pod = json.loads((HERE / "recorded" / "pods.json").read_text())["pods"]["alice course"]
    hard = find(objects, "ResourceQuota", "learner", "learner-alice")["spec"]["hard"]
    resources = pod["spec"]["containers"][0]["resources"]
    for part in ("requests", "limits"):
        for name, amount in resources[part].items():
            if f"{part}.{name}" in hard:
                assert amount <= quantity(hard[f"{part}.{name}"]) < 2 * amount or part == "requests"
    assert hard["pods"] == "1"
    assert hard["requests.nvidia.com/gpu"] == "0"


def test_with_gpus_the_quota_holds_that_pod_as_well(tmp_path):
    made = place.objects(place.make(tmp_path / "boot", gpu=True))
    hard = find(made, "ResourceQuota", "learner", "learner-alice")["spec"]["hard"]
    pod = json.loads((HERE / "recorded" / "pods.json").read_text())["pods"]["alice gpu"]
    for part, amounts in pod["spec"]["containers"][0]["resources"].items():
        for name, amount in amounts.items():
            if f"{part}.{name}" in hard:
                assert quantity(amount) <= quantity(hard[f"{part}.{name}"]), name
    values = yaml.safe_load((tmp_path / "boot" / "cluster" / "values.yaml").read_text())
    assert "profileList" not in values["singleuser"]
