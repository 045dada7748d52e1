"""What a lab declares of a cluster in course.yaml: which objects are read there, and what is asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

DnsName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
LabelKey = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9.-]{0,99}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")]
LabelValue = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")]
Kind = Literal["Deployment", "StatefulSet", "DaemonSet", "Job", "Service", "ConfigMap", "InferenceService"]
"""All that can be read. A Secret is none of it."""


class ClusterObjects(BaseModel, extra="forbid", frozen=True, defer_build=True):
    """Objects of one kind in a namespace: that of this `name`, else those with these labels. Pods come with them."""

    kind: Kind
    namespace: DnsName
    name: DnsName | None = None
    labels: dict[LabelKey, LabelValue] = Field(default={}, max_length=5)


class InferenceSource(BaseModel, extra="forbid", frozen=True, defer_build=True):
    """An InferenceService that the router leads to, and the name by which its model answers in the protocol."""

    service: DnsName
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


class KubernetesSource(BaseModel, extra="forbid", frozen=True, defer_build=True):
    """What is read from the cluster, where there is one; runs and InferenceServices are there with overlay `full`."""

    objects: tuple[ClusterObjects, ...] = Field(default=(), max_length=10)
    events: tuple[DnsName, ...] = Field(default=(), max_length=5, description="namespaces whose newest events are kept")
    runs: str = Field(
        default="", max_length=128, description="a pipeline of kfp, by the name that it was compiled with"
    )
    inference: tuple[InferenceSource, ...] = Field(default=(), max_length=3)
    queries: dict[DnsName, Annotated[str, Field(min_length=1, max_length=500)]] = Field(
        default={}, max_length=10, description="name -> PromQL, which Prometheus is asked for this moment"
    )
