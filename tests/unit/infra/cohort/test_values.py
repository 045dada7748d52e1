"""values.yaml: known fields of the chart alone, nobody let in by default, and pods that are admitted."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from infra.cohort import learners
from infra.cohort.render import VALUES, values
from infra.cohort.settings import Cluster
from infra.cohort.sizing import GIB, Assumptions, measured, quarters, size
from tests.unit.infra.cohort.place import SETTINGS
from tests.unit.infra.cohort.spawn import digest
from tests.unit.infra.manifests.policies import read_only_root, restricted
from tests.unit.infra.manifests.rendering import selects
from tests.unit.infra.manifests.test_rendered import versions

RECORDED = Path(__file__).with_name("recorded") / "pods.json"
Amount = Annotated[str, Field(pattern=r"^\d+(\.\d+)?[KMGT]$")]


class Part(BaseModel):
    """The chart refuses what it does not know, and so does this."""

    model_config = ConfigDict(extra="forbid")


class Resources(Part):
    requests: dict[Literal["cpu", "memory"], str] = {}
    limits: dict[Literal["cpu", "memory"], str] = {}


class Egress(Part):
    cloudMetadataServer: Literal[False]
    dnsPortsCloudMetadataServer: bool
    dnsPortsKubeSystemNamespace: Literal[True]
    dnsPortsPrivateIPs: bool
    nonPrivateIPs: bool
    privateIPs: bool


class Policy(Part):
    enabled: Literal[True]
    ingress: list[dict[str, Any]] = []
    egress: list[dict[str, Any]] = []
    egressAllowRules: Egress
    interNamespaceAccessLabels: Literal["ignore"] = "ignore"


class Database(Part):
    type: Literal["sqlite-pvc"]
    pvc: dict[Literal["storage"], str]


class HubPart(Part):
    config: dict[Literal["JupyterHub", "Authenticator", "KubeSpawner"], dict[str, Any]]
    extraConfig: dict[str, str]
    concurrentSpawnLimit: int
    consecutiveFailureLimit: int
    allowNamedServers: Literal[False]
    db: Database
    resources: Resources
    networkPolicy: Policy


class LetsEncrypt(Part):
    contactEmail: str


class Https(Part):
    enabled: Literal[True]
    type: Literal["letsencrypt"]
    hosts: list[str]
    letsencrypt: LetsEncrypt


class Chp(Part):
    resources: Resources
    networkPolicy: Policy


class ProxyPart(Part):
    service: dict[Literal["type"], Literal["LoadBalancer"]]
    https: Https
    chp: Chp


class Image(Part):
    name: str
    tag: str
    pullPolicy: Literal["IfNotPresent"]


class Memory(Part):
    guarantee: Amount
    limit: Amount


class Cpu(Part):
    guarantee: float
    limit: float


class Storage(Part):
    type: Literal["static"]
    static: dict[Literal["pvcName", "subPath"], str]
    homeMountPath: str
    extraVolumes: list[dict[str, Any]]
    extraVolumeMounts: list[dict[str, Any]]


class SingleUser(Part):
    image: Image
    cmd: list[str]
    defaultUrl: str
    startTimeout: int
    uid: Literal[1000]
    fsGid: Literal[1000]
    allowPrivilegeEscalation: Literal[False]
    events: bool
    extraEnv: dict[str, str]
    extraLabels: dict[str, str]
    extraPodConfig: dict[str, Any]
    cloudMetadata: dict[Literal["blockWithIptables"], Literal[False]]
    networkPolicy: dict[Literal["enabled"], Literal[False]]
    memory: Memory
    cpu: Cpu
    storage: Storage
    profileList: list[dict[str, Any]]


class Values(Part):
    hub: HubPart
    proxy: ProxyPart
    singleuser: SingleUser
    scheduling: dict[Literal["userScheduler", "podPriority", "userPlaceholder", "corePods", "userPods"], dict[str, Any]]
    prePuller: dict[Literal["hook", "continuous"], dict[Literal["enabled"], bool]]
    cull: dict[Literal["enabled", "timeout", "every", "maxAge"], bool | int]


@pytest.fixture(scope="module")
def told():
    return yaml.safe_load(VALUES.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def recorded():
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def merged(first, second):
    """As helm lays one file of values over another."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first | {key: merged(first[key], each) if key in first else each for key, each in second.items()}
    return second


def test_it_says_only_what_the_chart_knows(told):
    Values.model_validate(told)
    Values.model_validate(merged(told, values(Cluster.model_validate(SETTINGS), ["alice"])))


def test_nobody_can_log_in_until_somebody_says_who(told):
    config = told["hub"]["config"]
    assert config["JupyterHub"]["authenticator_class"] == "null"
    assert config["JupyterHub"]["admin_access"] is False
    assert config["Authenticator"] == {"allow_all": False, "allowed_users": [], "admin_users": []}
    made = values(Cluster.model_validate(SETTINGS), ["Alice", "bob"])
    assert made["hub"]["config"] == {"Authenticator": {"allowed_users": ["alice", "bob"]}}


def test_the_pods_were_recorded_of_these_values(told, recorded):
    assert recorded["values"] == digest(told), "python tests/unit/infra/cohort/spawn.py records them anew"


def test_what_the_hub_runs_is_python(told):
    (text,) = told["hub"]["extraConfig"].values()
    (spawner,) = [each for each in ast.parse(text).body if isinstance(each, ast.ClassDef)]
    assert [each.id for each in spawner.bases] == ["KubeSpawner"]
    assert "c.JupyterHub.spawner_class = RosterSpawner" in text


def pods_of(recorded):
    return [pytest.param(pod, id=name) for name, pod in recorded["pods"].items()]


def test_each_pod_is_as_the_namespace_wants_it(recorded):
    for name, pod in recorded["pods"].items():
        owner = {"kind": "Deployment", "metadata": {"name": name, "namespace": pod["metadata"]["namespace"]}}
        thing = owner | {"spec": {"template": {"metadata": pod["metadata"], "spec": pod["spec"]}}}
        # The profile of system calls is the container's here, and the policy asks the pod's.
        own = pod["spec"]["containers"][0]["securityContext"]
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}
        thing["spec"]["template"]["spec"]["securityContext"] |= {"seccompProfile": own["seccompProfile"]}
        assert not list(restricted([thing]))
        assert not list(read_only_root([thing]))
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert "serviceAccountName" not in pod["spec"]
        kinds = {key for volume in pod["spec"]["volumes"] for key in volume if key != "name"}
        assert kinds <= {"persistentVolumeClaim", "emptyDir", "secret"}


def test_each_pod_is_of_the_shape_that_kubernetes_wants(recorded):
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    minor = ".".join(versions()["KUBERNETES_VERSION"].split(".")[:2])
    for pod in recorded["pods"].values():
        kubernetes_validate.validate(pod, minor, strict=True)


def test_the_spawner_makes_the_pods_where_the_roster_made_a_place(recorded):
    for name, pod in recorded["pods"].items():
        assert pod["metadata"]["namespace"] == learners.names.namespace(name.rpartition(" ")[0])
        # What the policies of that place hold for, and the hub's and the proxy's.
        assert selects({"matchLabels": learners.SERVER}, pod["metadata"]["labels"])
        assert pod["spec"]["containers"][0]["ports"][0]["containerPort"] == learners.SERVER_PORT


def test_only_the_gpu_profile_asks_for_one(recorded):
    for name, pod in recorded["pods"].items():
        limits = pod["spec"]["containers"][0]["resources"]["limits"]
        assert limits.get("nvidia.com/gpu") == ("1" if name.endswith(" gpu") else None)
        assert ("nodeSelector" in pod["spec"]) == name.endswith(" gpu")


def test_the_amounts_are_those_of_the_measurement(told):
    figures = measured()
    each = size(figures, Assumptions(), 30)
    memory = told["singleuser"]["memory"]
    assert float(memory["guarantee"].removesuffix("G")) * GIB == each.server_memory
    limit = float(memory["limit"].removesuffix("G")) * GIB
    assert limit >= quarters(figures.heaviest * 1.25)
    assert limit == learners.MEMORY * GIB
    assert told["singleuser"]["cpu"]["guarantee"] == Assumptions().guarantee


def test_hub_and_proxy_are_open_to_learners_servers_and_shut_to_the_rest(told):
    ingress = told["hub"]["networkPolicy"]["ingress"]
    (peer,) = ingress[0]["from"]
    assert peer["namespaceSelector"] == {"matchLabels": {learners.PURPOSE: "learner"}}
    assert selects(peer["podSelector"], learners.SERVER)
    assert ingress[0]["ports"] == [{"protocol": "TCP", "port": learners.HUB_PORT}]
    for policy in (told["hub"]["networkPolicy"], told["proxy"]["chp"]["networkPolicy"]):
        (rule,) = policy["egress"]
        assert rule["ports"] == [{"protocol": "TCP", "port": learners.SERVER_PORT}]
        assert selects(rule["to"][0]["podSelector"], learners.SERVER)
    assert not told["proxy"]["chp"]["networkPolicy"]["egressAllowRules"]["privateIPs"]
