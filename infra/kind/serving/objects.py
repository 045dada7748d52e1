"""A release as objects of Kubernetes: a Deployment with its code in a ConfigMap, behind a Service. Pure functions."""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

from infra.deployments import Release
from infra.kind.layout import SERVING_NAMESPACE
from infra.serving.release import CODE, MODEL_APP, variables
from infra.serving.routes import HEALTH, Tables, called, cluster
from infra.trouble import Trouble

Object = dict[str, Any]

DEPLOYMENT_LABEL, RELEASE_LABEL = "mlops-labs/deployment", "mlops-labs/release"
COMPONENT_LABEL, COMPONENT = "app.kubernetes.io/component", "release"
CODE_ANNOTATION = "mlops-labs/code"
MODEL_ANNOTATION = "mlops-labs/model"
ROUTER = "router"
# The files' names in the ConfigMap; the router's own start file names them as well.
CLUSTERS_FILE, ROUTES_FILE = "clusters.json", "routes.json"
MLFLOW_URL = "http://mlflow.mlops-labs:5000"
FETCHER, SERVER = "fetch", "serve"
ARCHIVE, WORK, PORT = "code.tar.gz", "/work", 8080
PREDICTIONS = f"{WORK}/predictions.jsonl"
MEMORY = "512Mi"
USER = 1000
# An object may have one MiB; beside the code there are a few hundred bytes of names.
MOST_BYTES = 1_000_000
# Importing MLflow and a model takes minutes where many things start at once.
STARTING_SECONDS, EVERY = 300, 2
# InferenceServices that a lab has the learner write: KServe calls the Service of one NAME-predictor.
INFERENCE_SERVICES = ("card-fraud-v2",)


def labels(name: str, number: int) -> dict[str, str]:
    """What all objects of a release are found by."""
    return {
        "app.kubernetes.io/name": name,
        COMPONENT_LABEL: COMPONENT,
        "app.kubernetes.io/part-of": "mlops-labs",
        DEPLOYMENT_LABEL: name,
        RELEASE_LABEL: str(number),
    }


def selector(name: str, number: int | None = None) -> str:
    """The labels by which kubectl finds a deployment's objects, or those of one of its releases."""
    found = f"{COMPONENT_LABEL}={COMPONENT},{DEPLOYMENT_LABEL}={name}"
    return found if number is None else f"{found},{RELEASE_LABEL}={number}"


def archive(folder: Path) -> bytes:
    """The code of a release in one file, the same bytes for the same code.

    Raises:
        Trouble: it is more than a ConfigMap can hold.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as files:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            content = path.read_bytes()
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = len(content)
            files.addfile(member, io.BytesIO(content))
    whole = gzip.compress(packed.getvalue(), mtime=0)
    if len(whole) > MOST_BYTES:
        raise Trouble(
            found=f"code of {len(whole) / 1e6:.1f} MB, packed",
            expected=f"at most {MOST_BYTES / 1e6:.0f} MB: on Kubernetes it travels in a ConfigMap",
            next_step="leave out what is no code (data/ is left out by itself), or: infra deploy NAME --from FOLDER",
        )
    return whole


def release_objects(name: str, release: Release, code: bytes, image: str) -> list[Object]:
    """All objects of a release, with one replica."""
    return [code_map(name, release, code), service(name, release), deployment(name, release, image)]


def code_map(name: str, release: Release, code: bytes) -> Object:
    """The code, which nobody can change any more."""
    made = _object("v1", "ConfigMap", name, release)
    return {**made, "immutable": True, "binaryData": {ARCHIVE: base64.b64encode(code).decode()}}


def service(name: str, release: Release) -> Object:
    """The address by which the router finds a release."""
    ports = [{"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP"}]
    return {
        **_object("v1", "Service", name, release),
        "spec": {"type": "ClusterIP", "selector": _chosen(name, release.number), "ports": ports},
    }


def deployment(name: str, release: Release, image: str) -> Object:
    """One pod that fetches the model and serves the code."""
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 15,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [fetcher(release, image)],
        "containers": [server(release, image)],
        "volumes": [
            {"name": "code", "configMap": {"name": called(name, release.number), "defaultMode": 0o444}},
            {"name": "work", "emptyDir": {"sizeLimit": "2Gi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "512Mi"}},
        ],
    }
    template = {"metadata": {"labels": labels(name, release.number), "annotations": _scraped(release)}, "spec": pod}
    return {
        **_object("apps/v1", "Deployment", name, release),
        "spec": {
            "replicas": 1,
            # There is no room for a release twice, and nothing of it ever changes but the course's image.
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": _chosen(name, release.number)},
            "template": template,
        },
    }


def fetcher(release: Release, image: str) -> Object:
    """What unpacks the code and fetches the model, once for each pod."""
    model = [_literal(release.model.name), release.model.version] if release.model else []
    words = ["fetch", f"/code/{ARCHIVE}", WORK, *model]
    made = _container(FETCHER, image, words, {"MLFLOW_TRACKING_URI": MLFLOW_URL})
    made["volumeMounts"].append({"name": "code", "mountPath": "/code", "readOnly": True})
    return made


def server(release: Release, image: str) -> Object:
    """What answers."""
    told = variables(release.number, release.model, WORK, PREDICTIONS) | {"MLFLOW_TRACKING_URI": MLFLOW_URL}
    health = {"httpGet": {"path": HEALTH, "port": "http"}, "timeoutSeconds": 5}
    return {
        **_container(SERVER, image, ["serve", release.app or MODEL_APP, f"{WORK}/{CODE}", str(PORT)], told),
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "startupProbe": {**health, "periodSeconds": EVERY, "failureThreshold": STARTING_SECONDS // EVERY},
        "readinessProbe": {**health, "periodSeconds": 5, "failureThreshold": 3},
        # A release that says that it is ill gets no traffic; only one that stays so is started again.
        "livenessProbe": {**health, "periodSeconds": 10, "failureThreshold": 12},
    }


def router_map(tables: Tables) -> Object:
    """What the router reads."""
    about = {"app.kubernetes.io/name": ROUTER, COMPONENT_LABEL: ROUTER, "app.kubernetes.io/part-of": "mlops-labs"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": ROUTER, "namespace": SERVING_NAMESPACE, "labels": about},
        "data": {CLUSTERS_FILE: tables.clusters, ROUTES_FILE: tables.routes},
    }


def release_cluster(name: str, number: int) -> Object:
    """A release as the router finds it: by the name of its Service."""
    return _by_name(called(name, number), called(name, number), PORT)


def inference_service(name: str) -> Object:
    """An InferenceService of KServe as the router finds it, once it is there."""
    return _by_name(name, f"{name}-predictor", 80)


def _by_name(name: str, service_name: str, port: int) -> Object:
    # With the dot at its end a name is whole: the resolver tries no other domains first.
    host = f"{service_name}.{SERVING_NAMESPACE}.svc.cluster.local."
    address = {"socket_address": {"address": host, "port_value": port}}
    return cluster(name, address, type="STRICT_DNS", dns_lookup_family="V4_PREFERRED")


def _object(version: str, kind: str, name: str, release: Release) -> Object:
    notes = {CODE_ANNOTATION: release.code} | ({MODEL_ANNOTATION: str(release.model)} if release.model else {})
    about = {
        "name": called(name, release.number),
        "namespace": SERVING_NAMESPACE,
        "labels": labels(name, release.number),
        "annotations": notes,
    }
    return {"apiVersion": version, "kind": kind, "metadata": about}


def _chosen(name: str, number: int) -> dict[str, str]:
    return {DEPLOYMENT_LABEL: name, RELEASE_LABEL: str(number)}


def _scraped(release: Release) -> dict[str, str]:
    """Annotations for Prometheus: an application has /metrics, MLflow's own server has not."""
    return {"prometheus.io/scrape": "true" if release.app else "false", "prometheus.io/path": "/metrics"}


def _container(name: str, image: str, words: list[str], told: dict[str, str]) -> Object:
    own = {
        "HOME": "/tmp",  # noqa: S108 - the pod's own, an empty one
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    return {
        "name": name,
        "image": image,
        # It was loaded into the node; no registry has it.
        "imagePullPolicy": "Never",
        "command": ["python", "-P", "-m", "infra.serving.release"],
        "args": words,
        "env": [{"name": key, "value": _literal(value)} for key, value in (own | told).items()],
        "resources": {"requests": {"cpu": "50m", "memory": MEMORY}, "limits": {"memory": MEMORY}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "work", "mountPath": WORK}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }


def _literal(word: str) -> str:
    """Kubernetes puts variables in the place of $(NAME), and one $ in the place of two."""
    return word.replace("$", "$$")
