"""A cluster: objects with their pods, events, runs of pipelines, answers of InferenceServices, figures of Prometheus.

All of it is a claim, since the cluster is the learner's own: who may do everything there can make any pod Ready. What
counts is what can be recomputed, such as whether the answers are those of the registered model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from checker.cluster_declarations import KubernetesSource
from checker.errors import Failed
from checker.evidence.base import Record
from checker.evidence.foreign import mapping, sequence
from checker.evidence.kfp import Ir
from checker.evidence.services import AnsweredText
from checker.text import clean

LONGEST = 253
LONGEST_MESSAGE = 500
MOST_OBJECTS = 100
MOST_PODS = 20
MOST_CONTAINERS = 10
MOST_EVENTS = 200
MOST_LABELS = 60
MOST_SAMPLES = 200
MOST_RUNS = 3
MOST_TASKS = 200
DEEPEST = 16
Short = Annotated[str, Field(max_length=LONGEST)]
Message = Annotated[str, Field(max_length=LONGEST_MESSAGE)]
Labels = Annotated[dict[Short, Message], Field(max_length=MOST_LABELS)]


class Container(Record):
    """A container of a pod: `image` is what was asked for, `image_id` what runs, by its digest.

    `state` is `running`, or why it is not: `CrashLoopBackOff`, `ImagePullBackOff`, `OOMKilled`, ...
    """

    name: Short
    image: Message = ""
    image_id: Message = ""
    ready: bool = False
    restarts: int = 0
    state: Short = ""

    @property
    def digest(self) -> str:
        """`sha256:...` of the image that runs; empty where it is not known."""
        found = self.image_id.rpartition("@")[2]
        return found if found.startswith("sha256:") else ""


class Pod(Record):
    """A pod: `ready` is its condition, `owner` the kind and the name of what made it."""

    name: Short
    phase: Short = ""
    ready: bool = False
    owner: Short = ""
    labels: Labels = {}
    created: AwareDatetime | None = None
    containers: Annotated[tuple[Container, ...], Field(max_length=MOST_CONTAINERS)] = ()


class ClusterObject(Record):
    """An object of the cluster; `present` is False of one that was looked for by its name and is not there.

    `spec` and `status` are as the cluster has them, in parts where they are very large (`cut`); `data` is that of a
    ConfigMap.
    """

    kind: Short
    namespace: Short
    name: Short
    present: bool = True
    uid: Short = ""
    created: AwareDatetime | None = None
    generation: int | None = None
    labels: Labels = {}
    annotations: Labels = {}
    spec: dict[str, Any] = {}
    status: dict[str, Any] = {}
    data: dict[Short, Annotated[str, Field(max_length=128 << 10)]] = {}
    cut: bool = False
    pods: Annotated[tuple[Pod, ...], Field(max_length=MOST_PODS)] = ()

    def at(self, *path: str | int) -> Any:
        """Return what stands at a path such as `("spec", "template")`, or None where nothing does."""
        found: Any = {"spec": self.spec, "status": self.status}
        for step in path:
            if isinstance(step, str):
                found = mapping(found).get(step)
            else:
                listed = sequence(found)
                found = listed[step] if -len(listed) <= step < len(listed) else None
        return found

    def condition(self, kind: str) -> dict[str, Any]:
        """Return the condition of this kind; an empty one where there is none."""
        listed = map(mapping, sequence(self.at("status", "conditions")))
        return next((each for each in listed if each.get("type") == kind), {})

    @property
    def is_ready(self) -> bool:
        """Whether the cluster says that what was wanted is there, and that it has seen the newest change."""
        if not self.present:
            return False
        observed = self.at("status", "observedGeneration")
        if self.generation is not None and type(observed) is int and observed < self.generation:
            return False
        if self.kind == "InferenceService":
            return self.condition("Ready").get("status") == "True"
        if self.kind == "Job":
            return self.condition("Complete").get("status") == "True"
        if self.kind == "DaemonSet":
            wanted, ready = self.at("status", "desiredNumberScheduled"), self.at("status", "numberReady")
        elif self.kind in ("Deployment", "StatefulSet"):
            wanted, ready = self.at("spec", "replicas"), self.at("status", "readyReplicas")
        else:
            return True
        return type(wanted) is int and type(ready) is int and ready >= wanted > 0

    def require(self, next_step: str) -> ClusterObject:
        """Return itself; the check fails where it is not there, or not ready."""
        shown = f"{self.kind} `{self.name}` in `{self.namespace}`"
        if not self.present:
            raise Failed(f"no {shown}", expected=f"the {shown}", next_step=next_step)
        if not self.is_ready:
            raise Failed(f"the {shown} is not ready: {self.trouble}", expected="a ready one", next_step=next_step)
        return self

    @property
    def trouble(self) -> str:
        """Why it is not ready, as far as the cluster says it: a container that waits, or a condition."""
        for pod in self.pods:
            for container in pod.containers:
                if not container.ready and container.state not in ("running", "Completed", ""):
                    return f"the container `{clean(container.name, 60)}` is in `{clean(container.state, 60)}`"
        for each in map(mapping, sequence(self.at("status", "conditions"))):
            if each.get("status") != "True" and each.get("message"):
                return clean(each["message"], 160)
        return "it has no pod that runs" if not self.pods else "its pods are not ready"


class Event(Record):
    """Something that the cluster noted about an object, `count` times, the last time at `last`."""

    namespace: Short
    about: Short
    reason: Short
    message: Message = ""
    warning: bool = False
    count: int = 1
    last: AwareDatetime | None = None


class PipelineTask(Record):
    """A task of a run as its server has it: drivers and executors are some, too."""

    name: Short
    state: Short = ""
    message: Message = ""


class PipelineRun(Record):
    """A run of a pipeline on the cluster, and the pipeline that it was given, read as the compiled file is read.

    `pipeline.problem` says why that cannot be read.
    """

    run_id: Short
    name: Short = ""
    state: Short = ""
    created: AwareDatetime | None = None
    finished: AwareDatetime | None = None
    arguments: dict[str, Any] = {}
    pipeline: Ir = Ir(path="")
    tasks: Annotated[tuple[PipelineTask, ...], Field(max_length=MOST_TASKS)] = ()
    message: Message = ""

    def of(self, task: str) -> tuple[PipelineTask, ...]:
        """Return what the server says of a task."""
        return tuple(each for each in self.tasks if each.name == task)


class PipelineRuns(Record):
    """The newest runs of one pipeline, the newest first; `others` are how many newer ones are of other pipelines."""

    pipeline: Short
    runs: Annotated[tuple[PipelineRun, ...], Field(max_length=MOST_RUNS)] = ()
    others: int = 0


class InferenceAnswers(Record):
    """What an InferenceService answered, asked through the router in the Open Inference Protocol.

    The replies `batch` and `single` are about the rows that are always asked about; nothing was asked where there is
    no such InferenceService.
    """

    service: Short
    model: Short
    replies: Annotated[tuple[AnsweredText, ...], Field(max_length=10)] = ()

    def reply(self, ask: str) -> AnsweredText | None:
        """Return the reply to what was asked under this name, or None where it was not."""
        return next((each for each in self.replies if each.ask == ask), None)


class Sample(Record):
    """One element of an answer of Prometheus; None stands for what is no finite number."""

    labels: Labels = {}
    value: float | None = None


class Kubernetes(Record):
    """What a lab declares of a cluster."""

    objects: Annotated[tuple[ClusterObject, ...], Field(max_length=MOST_OBJECTS)] = ()
    events: Annotated[tuple[Event, ...], Field(max_length=MOST_EVENTS)] = ()
    runs: PipelineRuns | None = None
    inference: Annotated[tuple[InferenceAnswers, ...], Field(max_length=3)] = ()
    queries: Annotated[
        dict[Short, Annotated[tuple[Sample, ...], Field(max_length=MOST_SAMPLES)]], Field(max_length=10)
    ] = {}

    def get(self, kind: str, name: str) -> ClusterObject:
        """Return the object of that kind and name, which may be one that is not there."""
        found = next((each for each in self.objects if (each.kind, each.name) == (kind, name)), None)
        if found is None:
            raise LookupError(f"the {kind} {name!r} is not declared in course.yaml")
        return found

    def select(self, kind: str, **labels: str) -> Iterator[ClusterObject]:
        """Yield the objects of a kind that have these labels; a `__` in a name stands for `/`."""
        wanted = {name.replace("__", "/").replace("_", "-"): value for name, value in labels.items()}
        for each in self.objects:
            if each.present and each.kind == kind and wanted.items() <= each.labels.items():
                yield each

    def fits(self, source: KubernetesSource) -> bool:
        """Whether it can be what was read for a lab that declares this."""
        declared = {(part.kind, part.namespace, part.name) for part in source.objects}
        named = {(each.kind, each.namespace, each.name) for each in self.objects}
        strangers = {each for each in named if not {each, (*each[:2], None)} & declared}
        missing = {each for each in declared if each[2] is not None and each not in named}
        return (
            not strangers
            and not missing
            and {each.namespace for each in self.events} <= {*source.events}
            and (self.runs is None or self.runs.pipeline == source.runs)
            and [(each.service, each.model) for each in self.inference]
            == [(each.service, each.model) for each in source.inference]
            and self.queries.keys() == source.queries.keys()
        )

    def answers(self, service: str) -> InferenceAnswers:
        """Return what an InferenceService answered."""
        found = next((each for each in self.inference if each.service == service), None)
        if found is None:
            raise LookupError(f"the InferenceService {service!r} is not declared in course.yaml")
        return found

    def require_runs(self) -> PipelineRuns:
        """Return the runs of the declared pipeline; the check fails when there is none."""
        runs = self.runs or PipelineRuns(pipeline="")
        if not runs.runs:
            beside = f"; the {runs.others} newest are of other pipelines" if runs.others else ""
            raise Failed(
                f"no run of `{clean(runs.pipeline, 80)}` on the cluster{beside}",
                expected="a run of it on the cluster's Kubeflow Pipelines",
                next_step="`kfp.Client(host=...).create_run_from_pipeline_package('pipeline.yaml', arguments=...)`",
            )
        return runs
