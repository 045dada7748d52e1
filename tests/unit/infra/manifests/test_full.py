"""The overlays `full` and `gpu`: their sums, their ways, and what Kubeflow Pipelines is told."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
import yaml

from infra.kind import pins
from infra.kind.secrets import TABLE
from tests.unit.infra.manifests.exceptions import AWAITING_A_DIGEST
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
from tests.unit.infra.manifests.policies import references
from tests.unit.infra.manifests.rendering import INFRA, _rendered, find, named, pods, quantity, rendered
from tests.unit.infra.manifests.test_memory import GB, MIB, SERVING, SYSTEM, memory, quota

# While a run goes on: a driver, and beside the step's own container Argo's, before it the launcher's.
DRIVER, EXECUTOR = 512 * MIB, 128 * MIB
KUBEFLOW = "kubeflow"


def data(name, namespace=KUBEFLOW):
    return find(rendered("full"), "ConfigMap", name, namespace)["data"]


def step():
    limits = find(rendered("full"), "LimitRange", "steps", KUBEFLOW)["spec"]["limits"][0]
    return quantity(limits["default"]["memory"])


@pytest.mark.parametrize(("overlay", "size"), [("full", 12), ("gpu", 8)])
def test_it_fits_with_everything_that_may_run_at_once(overlay, size):
    objects = rendered(overlay)
    platform = sum(memory(pod) for pod in pods(objects) if pod.namespace != SERVING)
    runs = int(data("workflow-controller-configmap")["parallelism"]) if overlay == "full" else 0
    assert platform + quota(objects) + runs * (DRIVER + step() + 2 * EXECUTOR) + SYSTEM <= size * GB


@pytest.mark.parametrize(("overlay", "cores"), [("full", 4), ("gpu", 4)])
def test_the_processors_asked_for_are_there(overlay, cores):
    asked = sum(quantity(each["resources"]["requests"]["cpu"]) for pod in pods(rendered(overlay)) for each in pod.main)
    assert asked + 0.95 + 0.5 <= cores


@pytest.mark.parametrize("overlay", ["full", "gpu"])
def test_a_soft_limit_is_below_the_hard_one(overlay):
    for pod in pods(rendered(overlay)):
        for each in pod.main:
            soft = [variable["value"] for variable in each.get("env", []) if variable["name"] == "GOMEMLIMIT"]
            for value in soft:
                share = quantity(value.removesuffix("B")) / quantity(each["resources"]["limits"]["memory"])
                assert 0.7 <= share <= 0.9, pod.title


def test_nothing_is_left_without_a_digest_when_it_is_applied(tmp_path):
    told = "sha256:" + "1" * 64
    text = pins.complete(_rendered("full"), tmp_path / "pins.json", None, lambda image: told)
    remembered = json.loads((tmp_path / "pins.json").read_text())
    assert set(remembered) == AWAITING_A_DIGEST
    references = re.findall(r"(?:docker\.io|ghcr\.io|quay\.io|gcr\.io|nvcr\.io)/[\w./-]+:[\w.-]+(?:@\S+)?", text)
    assert references
    assert not [each for each in references if not re.search(r"@sha256:[0-9a-f]{64}", each)]


# -- ways ------------------------------------------------------------------------------------------------------------

STEP = Place("step", "10.244.0.41", KUBEFLOW, {"workflows.argoproj.io/workflow": "run-1"}, {})
SERVICE = Place(
    "inference-service",
    "10.244.0.42",
    SERVING,
    {"serving.kserve.io/inferenceservice": "card-fraud-v2", "component": "predictor"},
    {"http1": 8080},
)
WORLD = (HOST.name, NODE.name, INTERNET.name)
WAYS = {
    *((outside, "ml-pipeline-ui", 3000) for outside in (*WORLD, NODE_AMONG_PODS.name)),
    *((outside, "kserve-controller-manager", 9443) for outside in (*WORLD, NODE_AMONG_PODS.name)),
    *(
        (asker, outside, 6443)
        for outside in WORLD
        for asker in (
            "kserve-controller-manager",
            "certificates",
            "ml-pipeline",
            "ml-pipeline-persistenceagent",
            "ml-pipeline-scheduledworkflow",
            "ml-pipeline-ui",
            "workflow-controller",
            "step",
        )
    ),
    ("ml-pipeline", "mysql", 3306),
    ("ml-pipeline", "metadata-grpc-deployment", 8080),
    ("ml-pipeline", "store", 8333),
    ("metadata-grpc-deployment", "mysql", 3306),
    ("metadata-envoy-deployment", "metadata-grpc-deployment", 8080),
    ("ml-pipeline-persistenceagent", "ml-pipeline", 8887),
    ("ml-pipeline-persistenceagent", "ml-pipeline", 8888),
    ("ml-pipeline-scheduledworkflow", "ml-pipeline", 8887),
    ("ml-pipeline-scheduledworkflow", "ml-pipeline", 8888),
    ("ml-pipeline-ui", "ml-pipeline", 8888),
    ("ml-pipeline-ui", "metadata-envoy-deployment", 9090),
    ("ml-pipeline-ui", "store", 8333),
    ("step", "ml-pipeline", 8887),
    ("step", "ml-pipeline", 8888),
    ("step", "metadata-grpc-deployment", 8080),
    ("step", "store", 8333),
    ("step", "mlflow", 5000),
    ("router", "inference-service", 8080),
    ("inference-service", "mlflow", 5000),
}
OURS = ("kserve", KUBEFLOW)


def everyone():
    # The Job of certificates carries the controller's name in the policy, and its port is nobody's.
    return [*places(rendered("full")), STEP, SERVICE, *OUTSIDE]


def concerns(place):
    return place.namespace in OURS or place.name == SERVICE.name


def test_exactly_the_needed_ways_are_open():
    objects, everywhere = rendered("full"), everyone()
    ports = {port for each in everywhere for port in each.ports.values()} | {22, 80, 443, 6443, 10250, 9901}
    found = {
        (source.name, target.name, port)
        for source in everywhere
        for target in everywhere
        for port in ports
        if source.name != target.name
        and (source.pod or target.pod)
        and (concerns(source) or concerns(target))
        # A connection to what never listens is nobody's concern.
        and (not target.pod or port in target.ports.values())
        and allowed(objects, source, target, port)
    }
    assert found == WAYS


@pytest.mark.parametrize("source", [each for each in everyone() if concerns(each)], ids=lambda each: each.name)
def test_every_pod_may_ask_for_names_and_no_stranger_reaches_it(source):
    objects = rendered("full")
    assert allowed(objects, source, NAMES, 53, "UDP")
    stranger = next(each for each in OUTSIDE if each.name == "stranger")
    assert not any(allowed(objects, stranger, source, port) for port in source.ports.values())


# -- Kubeflow Pipelines ----------------------------------------------------------------------------------------------


def variables(name, container):
    pod = find(rendered("full"), "Deployment", name, KUBEFLOW)["spec"]["template"]["spec"]
    found = next(each for each in pod["containers"] if each["name"] == container)
    return {each["name"]: each.get("value") for each in found["env"]}


def test_all_of_it_is_one_version_but_for_what_has_its_own():
    versions = pins.versions()
    ours = {value.rpartition(":")[2] for name, value in versions.items() if name.startswith("KFP_")}
    assert len(ours) == 1
    controller, executor = versions["WORKFLOW_CONTROLLER_IMAGE"], versions["ARGOEXEC_IMAGE"]
    assert controller.partition("@")[0].rpartition(":")[2] == executor.partition("@")[0].rpartition(":")[2]


def test_the_steps_are_started_with_images_of_the_same_version():
    told, known = variables("ml-pipeline", "api"), pins.versions()
    assert told["V2_DRIVER_IMAGE"] == known["KFP_DRIVER_IMAGE"]
    assert told["V2_LAUNCHER_IMAGE"] == known["KFP_LAUNCHER_IMAGE"]
    assert variables("workflow-controller", "workflow-controller")["EXECUTOR_IMAGE"] == known["ARGOEXEC_IMAGE"]


def test_every_address_is_that_of_a_service():
    services = {
        f"{each['metadata']['name']}.{each['metadata']['namespace']}": {port["port"] for port in each["spec"]["ports"]}
        for each in rendered("full")
        if each["kind"] == "Service"
    }
    api, pages = variables("ml-pipeline", "api"), variables("ml-pipeline-ui", "ui")
    metadata = data("metadata-grpc-configmap")
    providers = yaml.safe_load(data("kfp-launcher")["providers"])["s3"]["default"]
    asked = [
        (api["DBCONFIG_MYSQLCONFIG_HOST"] + f".{KUBEFLOW}", api["DBCONFIG_MYSQLCONFIG_PORT"]),
        (api["OBJECTSTORECONFIG_HOST"], api["OBJECTSTORECONFIG_PORT"]),
        (pages["ML_PIPELINE_SERVICE_HOST"] + f".{KUBEFLOW}", pages["ML_PIPELINE_SERVICE_PORT"]),
        (pages["METADATA_ENVOY_SERVICE_SERVICE_HOST"] + f".{KUBEFLOW}", pages["METADATA_ENVOY_SERVICE_SERVICE_PORT"]),
        (f"{pages['MINIO_HOST']}.{pages['MINIO_NAMESPACE']}", pages["MINIO_PORT"]),
        (metadata["METADATA_GRPC_SERVICE_HOST"] + f".{KUBEFLOW}", metadata["METADATA_GRPC_SERVICE_PORT"]),
        (api["METADATA_GRPC_SERVICE_SERVICE_HOST"] + f".{KUBEFLOW}", api["METADATA_GRPC_SERVICE_SERVICE_PORT"]),
        tuple(providers["endpoint"].split(":")),
    ]
    for host, port in asked:
        assert int(port) in services[host], host


def test_the_api_server_is_told_what_it_does_not_start_without():
    told = variables("ml-pipeline", "api")
    # Kubernetes would set them for a Service that is not there; 127.0.0.1:9 is nobody.
    assert told["ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_HOST"] == "127.0.0.1"
    assert int(told["ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_PORT"]) == 9


def test_artifacts_go_where_the_api_server_looks():
    root = data("kfp-launcher")["defaultPipelineRoot"]
    assert root.startswith(f"s3://{variables('ml-pipeline', 'api')['OBJECTSTORECONFIG_BUCKETNAME']}/")
    secret = yaml.safe_load(data("kfp-launcher")["providers"])["s3"]["default"]["credentials"]["secretRef"]
    assert secret["secretName"] == "store"
    (wanted,) = [each for each in TABLE if each.name == "store"]
    assert {secret["accessKeyKey"], secret["secretKeyKey"]} == set(wanted.keys)


def test_each_secret_that_a_pod_wants_is_made_in_its_namespace():
    made = {(place, each.name, key) for each in TABLE for place in (each.namespace, *each.copies) for key in each.keys}
    for pod in pods(rendered("full")):
        for kind, name, key in references(pod):
            if kind == "Secret" and pod.namespace == KUBEFLOW:
                assert (pod.namespace, name, key) in made or key is None, (pod.title, name, key)


def test_the_databases_are_those_that_are_asked_for():
    script = next(
        each for each in rendered("full") if each["kind"] == "ConfigMap" and "databases.sql" in each.get("data", {})
    )["data"]["databases.sql"]
    metadata = find(rendered("full"), "Deployment", "metadata-grpc-deployment")["spec"]["template"]["spec"]
    args = dict(each.removeprefix("--").split("=", 1) for each in metadata["containers"][0]["args"])
    assert f"CREATE DATABASE {args['mysql_config_database']};" in script
    mysql = find(rendered("full"), "StatefulSet", "mysql")["spec"]["template"]["spec"]["containers"][0]
    told = {each["name"]: each.get("value") for each in mysql["env"]}
    api = variables("ml-pipeline", "api")
    assert api["DBCONFIG_MYSQLCONFIG_DBNAME"] == api["DBCONFIG_DBNAME"] == told["MYSQL_DATABASE"]
    assert api["DBCONFIG_MYSQLCONFIG_USER"] == args["mysql_config_user"] == told["MYSQL_USER"]
    assert f"TO '{told['MYSQL_USER']}'@'%'" in script


def test_argo_is_told_in_words_that_parse_and_guards_what_it_starts():
    told = {name: yaml.safe_load(text) for name, text in data("workflow-controller-configmap").items()}
    for name in ("executor", "mainContainer"):
        security = told[name]["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
    spec = told["workflowDefaults"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == int(
        variables("ml-pipeline", "api")["DEFAULT_SECURITY_CONTEXT_RUN_AS_USER"]
    )
    # The account itself gives its token to nobody who does not ask.
    assert find(rendered("full"), "ServiceAccount", "pipeline-runner")["automountServiceAccountToken"] is False
    assert spec["automountServiceAccountToken"] is True
    kept = int(variables("ml-pipeline-persistenceagent", "agent")["TTL_SECONDS_AFTER_WORKFLOW_FINISH"])
    assert spec["ttlStrategy"]["secondsAfterCompletion"] == kept


def test_each_kind_that_a_role_names_is_defined():
    objects = rendered("full")
    defined = {
        (each["spec"]["group"], each["spec"]["names"]["plural"])
        for each in objects
        if each["kind"] == "CustomResourceDefinition"
    }
    groups = {group for group, _ in defined}
    for each in objects:
        for rule in each.get("rules", []) if each["kind"] in {"Role", "ClusterRole"} else []:
            for group in set(rule.get("apiGroups", [])) & groups:
                for resource in rule["resources"]:
                    assert (group, resource.partition("/")[0]) in defined, named(each)


def test_the_proxy_of_the_metadata_is_one_that_envoy_takes():
    envoy = shutil.which("envoy")
    if not envoy:
        pytest.skip("no envoy")
    path = INFRA / "base" / "kubeflow-pipelines" / "kubeflow" / "envoy.json"
    words = [envoy, "--mode", "validate", "--config-path", str(path)]
    done = subprocess.run(words, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    config = json.loads(path.read_text())["static_resources"]
    listens = config["listeners"][0]["address"]["socket_address"]["port_value"]
    service = find(rendered("full"), "Deployment", "metadata-envoy-deployment")
    (port,) = service["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert listens == port["containerPort"]


# -- GPUs ------------------------------------------------------------------------------------------------------------


def test_a_pod_with_a_gpu_keeps_the_rules_of_its_namespace():
    objects = rendered("gpu")
    smoke = find(objects, "Job", "gpu-smoke", "mlops-labs")["spec"]["template"]["spec"]
    (container,) = smoke["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert smoke["runtimeClassName"] == find(objects, "RuntimeClass", "nvidia")["metadata"]["name"]
    plugin = find(objects, "DaemonSet", "nvidia-device-plugin")["spec"]["template"]["spec"]
    assert plugin["runtimeClassName"] == "nvidia"


def test_the_node_gets_its_gpus_by_the_mount_that_the_runtime_looks_for():
    cluster = yaml.safe_load((INFRA / "kind" / "gpu.yaml").read_text())
    mounts = [mount for node in cluster["nodes"] for mount in node.get("extraMounts", [])]
    assert {"hostPath": "/dev/null", "containerPath": "/var/run/nvidia-container-devices/all"} in mounts
