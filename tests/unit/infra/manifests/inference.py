"""KServe's kinds as far as the labs use them: typed after the definitions of KServe 0.20, with nothing beside.

The definitions in the cluster take any field, so that a misspelt one would be found by its effect only.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

GROUP = "serving.kserve.io"
Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|[kMGT]i?)?$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Metadata(Strict):
    name: Name
    namespace: Name | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Variable(Strict):
    name: str
    value: str | None = None
    valueFrom: JsonValue = None


class Port(Strict):
    name: Literal["http1", "h2c"]
    containerPort: Annotated[int, Field(ge=1, le=65535)]
    protocol: Literal["TCP"] = "TCP"


class Resources(Strict):
    requests: dict[Literal["cpu", "memory", "nvidia.com/gpu"], Quantity] = {}
    limits: dict[Literal["cpu", "memory", "nvidia.com/gpu"], Quantity] = {}


class Mount(Strict):
    name: Name
    mountPath: str
    readOnly: bool = False
    subPath: str | None = None


class Volume(Strict):
    name: Name
    emptyDir: dict[str, JsonValue] | None = None
    configMap: dict[str, JsonValue] | None = None


class Asked(Strict):
    path: str
    port: int


class Probe(Strict):
    httpGet: Asked
    initialDelaySeconds: int = 0
    periodSeconds: int = 10
    timeoutSeconds: int = 1
    failureThreshold: int = 3


class Capabilities(Strict):
    drop: list[Literal["ALL"]]


class Seccomp(Strict):
    type: Literal["RuntimeDefault"]


class Security(Strict):
    """What the namespace's standard wants of every container."""

    runAsNonRoot: Literal[True]
    runAsUser: Annotated[int, Field(gt=0)]
    runAsGroup: Annotated[int, Field(gt=0)]
    allowPrivilegeEscalation: Literal[False]
    readOnlyRootFilesystem: Literal[True]
    capabilities: Capabilities
    seccompProfile: Seccomp


class Container(Strict):
    name: Literal["kserve-container", "storage-initializer"]
    image: str
    imagePullPolicy: Literal["Never", "IfNotPresent", "Always"] = "IfNotPresent"
    command: list[str] = []
    args: list[str] = []
    env: list[Variable] = []
    ports: list[Port] = []
    startupProbe: Probe | None = None
    readinessProbe: Probe | None = None
    livenessProbe: Probe | None = None
    resources: Resources
    securityContext: Security
    volumeMounts: list[Mount] = []


class Format(Strict):
    name: str
    version: str | None = None
    autoSelect: bool | None = None
    priority: int | None = None


class RuntimeSpec(Strict):
    supportedModelFormats: list[Format]
    protocolVersions: list[Literal["v1", "v2", "grpc-v1", "grpc-v2"]]
    containers: Annotated[list[Container], Field(min_length=1, max_length=1)]
    volumes: list[Volume] = []
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    disabled: bool | None = None
    multiModel: bool | None = None


class Runtime(Strict):
    apiVersion: Literal["serving.kserve.io/v1alpha1"]
    kind: Literal["ClusterServingRuntime", "ServingRuntime"]
    metadata: Metadata
    spec: RuntimeSpec


class Uri(Strict):
    prefix: str | None = None
    regex: str | None = None


class StorageSpec(Strict):
    container: Container
    supportedUriFormats: list[Uri]
    workloadType: Literal["initContainer", "localModelDownloadJob"]
    supportsMultiModelDownload: bool | None = None


class Storage(Strict):
    apiVersion: Literal["serving.kserve.io/v1alpha1"]
    kind: Literal["ClusterStorageContainer"]
    metadata: Metadata
    spec: StorageSpec
    disabled: bool | None = None


class Chosen(Strict):
    name: str
    version: str | None = None


class Model(Strict):
    """spec.predictor.model: what is served, by which runtime; the rest of it is a container's."""

    modelFormat: Chosen
    runtime: Name | None = None
    protocolVersion: Literal["v1", "v2", "grpc-v2"] | None = None
    storageUri: str | None = None
    args: list[str] = []
    env: list[Variable] = []
    resources: Resources | None = None
    volumeMounts: list[Mount] = []


class Predictor(Strict):
    model: Model
    minReplicas: Annotated[int, Field(ge=0)] | None = None
    maxReplicas: Annotated[int, Field(ge=0)] | None = None
    timeout: int | None = None
    serviceAccountName: str | None = None
    volumes: list[Volume] = []
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


class InferenceServiceSpec(Strict):
    predictor: Predictor


class InferenceService(Strict):
    apiVersion: Literal["serving.kserve.io/v1beta1"]
    kind: Literal["InferenceService"]
    metadata: Metadata
    spec: InferenceServiceSpec


KINDS = {
    "ClusterServingRuntime": Runtime,
    "ServingRuntime": Runtime,
    "ClusterStorageContainer": Storage,
    "InferenceService": InferenceService,
}
