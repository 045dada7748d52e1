"""KServe: what it is told, what it may serve with, and its webhooks."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from pydantic import ValidationError

from infra.serving import storage
from tests.unit.infra.manifests.inference import GROUP, KINDS, InferenceService
from tests.unit.infra.manifests.rendering import INFRA, find, quantity, rendered

EXAMPLE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: card-fraud-v2, namespace: mlops-labs-serving}
spec:
  predictor:
    minReplicas: 1
    maxReplicas: 1
    model:
      modelFormat: {name: mlflow}
      protocolVersion: v2
      runtime: mlops-labs-mlserver
      storageUri: models:/card-fraud/3
      volumeMounts: [{name: code, mountPath: /mnt/code}]
    volumes: [{name: code, configMap: {name: card-fraud-code}}]
"""
DEFINED = {"InferenceService", "ServingRuntime", "ClusterServingRuntime", "ClusterStorageContainer"}
SOLUTION = INFRA.parent / "solutions" / "day18-inference-protocol" / "lab.py"
WATCHED = DEFINED | {"InferenceGraph", "TrainedModel"}


def runtime():
    return find(rendered("full"), "ClusterServingRuntime", "mlops-labs-mlserver")["spec"]


def server():
    return runtime()["containers"][0]


def container():
    return find(rendered("full"), "ClusterStorageContainer", "mlflow")["spec"]["container"]


def test_the_resources_of_kserve_have_its_fields():
    checked = [KINDS[each["kind"]].model_validate(each) for each in rendered("full") if each["kind"] in KINDS]
    assert len(checked) == 2


def test_the_manifest_that_learners_write_has_its_fields():
    InferenceService.model_validate(yaml.safe_load(EXAMPLE))


def test_the_manifest_of_the_lab_fits_our_runtime():
    (text,) = re.findall(r'isvc\.yaml"\)\.write_text\(f"""\\\n(.*?)"""', SOLUTION.read_text(), re.DOTALL)
    text = text.replace("{NAME}", "day18-card-fraud").replace("{champion.version}", "3")
    spec = yaml.safe_load(text.replace("{{", "{").replace("}}", "}"))
    InferenceService.model_validate(spec)
    model = spec["spec"]["predictor"]["model"]
    assert spec["metadata"]["namespace"] == "mlops-labs-serving"
    assert model["runtime"] == "mlops-labs-mlserver"
    assert model["modelFormat"]["name"] in {each["name"] for each in runtime()["supportedModelFormats"]}
    assert model["protocolVersion"] in runtime()["protocolVersions"]
    assert model["storageUri"].startswith(storage.SCHEME)
    assert model["volumeMounts"][0]["mountPath"] == server()["args"][1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("v1beta1", "v1"),
        ("kind: InferenceService", "kind: Inferenceservice"),
        ("protocolVersion: v2", "protocolversion: v2"),
        ("protocolVersion: v2", "protocolVersion: v3"),
        ("storageUri", "storageURI"),
        ("minReplicas: 1", "minReplicas: '1'"),
        ("name: card-fraud-v2", "name: Card_Fraud"),
        ("modelFormat: {name: mlflow}", "modelFormat: mlflow"),
        ("volumes: [", "volume: ["),
    ],
)
def test_a_misspelt_field_is_noticed(old, new):
    assert old in EXAMPLE
    with pytest.raises(ValidationError):
        InferenceService.model_validate(yaml.safe_load(EXAMPLE.replace(old, new)))


def test_what_the_manager_watches_is_defined():
    definitions = [
        each
        for each in rendered("full")
        if each["kind"] == "CustomResourceDefinition" and each["spec"]["group"] == GROUP
    ]
    assert {each["spec"]["names"]["kind"] for each in definitions} == WATCHED
    for each in definitions:
        (version,) = each["spec"]["versions"]
        assert each["metadata"]["name"] == f"{each['spec']['names']['plural']}.{GROUP}"
        assert version["served"] and version["storage"]
        assert version["name"] == ("v1beta1" if each["spec"]["names"]["kind"] == "InferenceService" else "v1alpha1")
        scope = "Cluster" if each["spec"]["names"]["kind"].startswith("Cluster") else "Namespaced"
        assert each["spec"]["scope"] == scope
        assert version["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-preserve-unknown-fields"]


def test_the_runtime_fits_into_the_namespace_where_it_serves():
    limits = find(rendered("full"), "LimitRange", "deployments", "mlops-labs-serving")["spec"]["limits"][0]
    for each in (server(), container()):
        amount = each["resources"]["limits"]["memory"]
        assert each["resources"]["requests"]["memory"] == amount
        assert quantity(amount) <= quantity(limits["max"]["memory"])
        assert "cpu" not in each["resources"]["limits"]


def test_the_server_and_the_fetcher_are_our_own_image():
    config = json.loads(settings()["storageInitializer"])
    for image in (server()["image"], container()["image"], config["image"]):
        assert image == "mlops-labs/course:unset"
    assert server()["imagePullPolicy"] == container()["imagePullPolicy"] == "Never"


def test_the_service_leads_to_the_port_on_which_the_server_listens():
    variables = {each["name"]: each.get("value") for each in server()["env"]}
    (port,) = server()["ports"]
    # KServe's Service leads to 8080, whatever the container says.
    assert variables["MLSERVER_HTTP_PORT"] == str(port["containerPort"]) == "8080"
    assert {server()[each]["httpGet"]["port"] for each in ("startupProbe", "readinessProbe", "livenessProbe")} == {8080}
    assert len({variables[f"MLSERVER_{each}_PORT"] for each in ("HTTP", "GRPC", "METRICS")}) == 3


def test_the_fetcher_is_a_module_of_ours_and_takes_what_kserve_hands_it():
    *_, module = container()["command"]
    assert module == storage.__name__
    formats = find(rendered("full"), "ClusterStorageContainer", "mlflow")["spec"]["supportedUriFormats"]
    assert {"prefix": storage.SCHEME} in formats
    patterns = [each["regex"] for each in formats if "regex" in each]
    # Whatever else is asked for comes to us as well, so that no foreign image is started for it.
    for uri in ("s3://bucket/model", "gs://bucket/model", "hf://owner/model", "https://example.org/model.zip"):
        assert any(re.search(each, uri) for each in patterns), uri
    home = next(each["value"] for each in container()["env"] if each["name"] == "HOME")
    # The one place that a container of KServe's can write to.
    assert home == "/mnt/models"


@pytest.mark.parametrize("uri", ["s3://mlflow/1/models/m-1/artifacts", "pvc://claim/model", "card-fraud"])
def test_another_place_is_refused_with_words(uri, capsys, tmp_path):
    assert storage.main([uri, str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert f"Found:    storageUri: {uri}" in told
    assert "models:/NAME/VERSION" in told


def test_the_fetcher_without_its_words_says_how(capsys):
    assert storage.main([]) == 2
    assert "models:/card-fraud/3" in capsys.readouterr().err


def settings():
    return find(rendered("full"), "ConfigMap", "inferenceservice-config", "kserve")["data"]


def test_kserve_is_told_to_make_deployments_and_no_ingress():
    assert json.loads(settings()["deploy"])["defaultDeploymentMode"] == "Standard"
    ingress = json.loads(settings()["ingress"])
    assert ingress["disableIngressCreation"] is True
    assert ingress["enableGatewayApi"] is False
    # With this domain the address in the status is one that the cluster knows.
    assert ingress["ingressDomain"] == "svc.cluster.local"
    assert json.loads(settings()["security"])["autoMountServiceAccountToken"] is False


@pytest.mark.parametrize("name", ["storageInitializer", "logger", "batcher", "agent", "router"])
def test_each_setting_has_the_amounts_that_the_controller_insists_on(name):
    told = json.loads(settings()[name])
    for key in ("cpuRequest", "cpuLimit", "memoryRequest", "memoryLimit"):
        assert quantity(told[key]) > 0


def test_every_setting_is_json():
    for name, text in settings().items():
        assert isinstance(json.loads(text), dict), name


def webhooks():
    return [
        (each["kind"], webhook)
        for each in rendered("full")
        if each["kind"].endswith("WebhookConfiguration")
        for webhook in each["webhooks"]
    ]


def test_the_webhooks_lead_to_the_controller_and_bring_no_authority():
    service = find(rendered("full"), "Service", "kserve-webhook-server-service", "kserve")
    assert service["spec"]["ports"][0]["port"] == 443
    found = webhooks()
    assert len(found) == 3
    for _, webhook in found:
        target = webhook["clientConfig"]["service"]
        assert (target["name"], target["namespace"]) == (service["metadata"]["name"], "kserve")
        # Else the next `infra up` would take back what the Job wrote.
        assert "caBundle" not in webhook["clientConfig"]


def test_no_pod_waits_for_kserve_but_its_own():
    for _, webhook in webhooks():
        if any("pods" in rule["resources"] for rule in webhook["rules"]):
            (expression,) = webhook["objectSelector"]["matchExpressions"]
            assert expression == {"key": "serving.kserve.io/inferenceservice", "operator": "Exists"}
        else:
            assert all(rule["resources"] == ["inferenceservices"] for rule in webhook["rules"])
