"""Collect what a lab declares of a cluster, over HTTPS with a kubeconfig that was checked. Nothing is changed there.

Paths and shapes: the Kubernetes API (https://kubernetes.io/docs/reference/kubernetes-api/), KServe's v1beta1 and the
HTTP API of Prometheus (https://prometheus.io/docs/prometheus/latest/querying/api/).
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from checker.asking import Answer, Ask, Asker
from checker.cluster_declarations import ClusterObjects, InferenceSource, KubernetesSource
from checker.collect.addresses import START, on_this_machine
from checker.collect.kubeconfig import VARIABLE, read_kubeconfig
from checker.errors import Unavailable
from checker.evidence.foreign import ForeignText, mapping, number_of, parse_json, sequence
from checker.evidence.kubernetes import (
    DEEPEST,
    LONGEST,
    LONGEST_MESSAGE,
    MOST_CONTAINERS,
    MOST_EVENTS,
    MOST_LABELS,
    MOST_PODS,
    MOST_SAMPLES,
    ClusterObject,
    Container,
    Event,
    InferenceAnswers,
    Kubernetes,
    Pod,
    Sample,
)
from checker.evidence.services import LARGEST_TEXT, AnsweredText
from checker.text import clean
from checker.world.requests import Row, live_rows, tensors

PATHS = {
    "Deployment": ("apis/apps/v1", "deployments"),
    "StatefulSet": ("apis/apps/v1", "statefulsets"),
    "DaemonSet": ("apis/apps/v1", "daemonsets"),
    "Job": ("apis/batch/v1", "jobs"),
    "Service": ("api/v1", "services"),
    "ConfigMap": ("api/v1", "configmaps"),
    "InferenceService": ("apis/serving.kserve.io/v1beta1", "inferenceservices"),
}
"""Everything that is ever asked for: no Secret, and nothing but GET."""
OF_INFERENCE_SERVICE = "serving.kserve.io/inferenceservice"
LABEL_KEY = re.compile(r"([a-z0-9][a-z0-9.-]{0,252}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
EACH, ALL = 15.0, 90.0
"""Seconds for one answer, and for all of them."""
LARGEST_ANSWER = 4 << 20
MOST_LISTED = 10
MOST_PARTS = 1500
LONGEST_TEXT = 4000
LARGEST_DATA = 128 << 10
LARGEST_NUMBER = 1 << 53
OK, MISSING, DENIED = 200, 404, (401, 403)
KFP_VARIABLE, PROMETHEUS_VARIABLE = "MLOPS_LABS_KFP_URL", "MLOPS_LABS_PROMETHEUS_URL"
SERVING_VARIABLE = "MLOPS_LABS_SERVING_URL"
FULL = "full"


def collect_kubernetes(environment: Mapping[str, str], overlay: str, source: KubernetesSource, seed: int) -> Kubernetes:
    """Read what `source` declares, from the services that the platform's `environment` names.

    Raises:
        Unavailable: one of them is not there, or is nobody that is to be asked.
    """
    return asyncio.run(_Collection(environment, overlay, source, seed).read())


class Service:
    """Something that answers with JSON; `what` names it in words."""

    def __init__(self, asker: Asker, what: str, ends: float) -> None:
        self._asker, self._what, self._ends = asker, what, ends

    async def get(self, path: str, **query: str | int) -> dict[str, Any] | None:
        """Return the JSON object that stands at `path`, or None where there is none.

        Raises:
            Unavailable: any other answer.
        """
        seconds = min(EACH, self._ends - time.monotonic())
        if seconds <= 0:
            self._fail(f"took longer than {ALL:g} seconds for all that was asked")
        path += f"?{urlencode(query)}" if query else ""
        answer = await self._asker.ask(
            Ask("GET", path, headers={"Accept": "application/json"}), seconds, LARGEST_ANSWER
        )
        if answer.problem:
            self._fail(answer.problem)
        if answer.status == MISSING:
            return None
        if answer.status in DENIED:
            self._fail(f"does not let the kubeconfig's user read (status {answer.status})")
        if answer.status != OK:
            self._fail(f"answered with status {answer.status}")
        try:
            said = parse_json(answer.body.decode("utf-8"), LARGEST_ANSWER)
        except (ForeignText, UnicodeDecodeError):
            self._fail("answered with something that is no JSON")
        if not isinstance(said, dict):
            self._fail("answered with something that is no object")
        return mapping(said)

    def _fail(self, problem: str) -> Any:
        raise Unavailable(f"{self._what} {problem}", expected="a running platform on a cluster", next_step=START)


class _Collection:
    """One look at a cluster, which may take so long and no longer."""

    def __init__(self, environment: Mapping[str, str], overlay: str, source: KubernetesSource, seed: int) -> None:
        self.environment, self.overlay, self.source, self.seed = environment, overlay, source, seed
        self.ends = time.monotonic() + ALL

    async def read(self) -> Kubernetes:
        source, full = self.source, self.overlay == FULL
        async with AsyncExitStack() as stack:
            cluster = await self._cluster(stack) if source.objects or source.events or source.inference else None
            objects = [each for part in source.objects for each in await _objects(cluster, part)] if cluster else []
            events = [each for part in source.events for each in await _events(cluster, part)] if cluster else []
            inference = [await self._inference(stack, cluster, each) for each in source.inference] if cluster else []
            runs = None
            if source.runs and full:
                from checker.collect.kfp_runs import collect_runs

                runs = await collect_runs(await self._service(stack, KFP_VARIABLE, "Kubeflow Pipelines"), source.runs)
            queries = {}
            if source.queries:
                prometheus = await self._service(stack, PROMETHEUS_VARIABLE, "Prometheus")
                queries = {name: await _query(prometheus, text) for name, text in source.queries.items()}
        return Kubernetes(
            objects=tuple(objects), events=tuple(events), runs=runs, inference=tuple(inference), queries=queries
        )

    async def _cluster(self, stack: AsyncExitStack) -> Service:
        access = read_kubeconfig(self.environment.get(VARIABLE, ""))
        asker = await stack.enter_async_context(Asker(access.server, tls=access.tls, keep=True))
        return Service(asker, f"the cluster's API server at {access.server}", self.ends)

    async def _service(self, stack: AsyncExitStack, variable: str, what: str) -> Service:
        address = on_this_machine(self.environment.get(variable, ""), what)
        return Service(await stack.enter_async_context(Asker(address)), f"{what} at {address}", self.ends)

    async def _inference(self, stack: AsyncExitStack, cluster: Service, source: InferenceSource) -> InferenceAnswers:
        """Ask an InferenceService about the rows that are always asked about, where there is one."""
        made = InferenceAnswers(service=source.service, model=source.model)
        wanted = next((each for each in self.source.objects if each.name == source.service), None)
        group, plural = PATHS["InferenceService"]
        namespace = wanted.namespace if wanted else "mlops-labs-serving"
        if await cluster.get(f"/{group}/namespaces/{namespace}/{plural}/{source.service}") is None:
            return made
        address = on_this_machine(self.environment.get(SERVING_VARIABLE, ""), "the platform's router")
        asker = await stack.enter_async_context(Asker(address))
        replies = []
        for name, request, rows in _asked(source, live_rows(self.seed)):
            seconds = min(EACH, self.ends - time.monotonic())
            answer = await asker.ask(request, seconds, LARGEST_TEXT) if seconds > 0 else Answer(problem="was not asked")
            replies.append(_reply(name, request, answer, rows))
        return made.model_copy(update={"replies": tuple(replies)})


def _asked(source: InferenceSource, rows: list[Row]) -> Iterator[tuple[str, Ask, tuple[int, ...]]]:
    place, headers = f"/{source.service}/v2/models/{quote(source.model)}", {"Content-Type": "application/json"}
    yield "ready", Ask("GET", f"{place}/ready"), ()
    yield "model", Ask("GET", place), ()
    for name, count in (("batch", len(rows)), ("single", 1)):
        body = json.dumps({"id": f"checker-{name}", "inputs": tensors(rows[:count])}).encode()
        yield name, Ask("POST", f"{place}/infer", body, headers), tuple(range(count))


def _reply(name: str, request: Ask, answer: Answer, rows: tuple[int, ...]) -> AnsweredText:
    kind: Any = "predict" if rows else "ready" if name == "ready" else "other"
    return AnsweredText(
        ask=name,
        kind=kind,
        about=f"`POST .../infer` with {len(rows)} rows" if rows else f"`{request.method} ...{request.path[-60:]}`",
        rows=rows,
        status=answer.status,
        headers=dict(answer.headers),
        text=answer.body.decode("utf-8", "replace")[:LARGEST_TEXT],
        problem=answer.problem,
    )


async def _objects(cluster: Service, part: ClusterObjects) -> list[ClusterObject]:
    group, plural = PATHS[part.kind]
    place = f"/{group}/namespaces/{part.namespace}/{plural}"
    if part.name is not None:
        said = await cluster.get(f"{place}/{part.name}")
        if said is None:
            return [ClusterObject(kind=part.kind, namespace=part.namespace, name=part.name, present=False)]
        found = [said]
    else:
        wanted = ",".join(f"{key}={value}" for key, value in part.labels.items())
        listed = await cluster.get(place, limit=MOST_LISTED, **({"labelSelector": wanted} if wanted else {}))
        found = [*map(mapping, sequence(mapping(listed).get("items")))][:MOST_LISTED]
    made = [object_of(part.kind, part.namespace, each) for each in found]
    return [each.model_copy(update={"pods": await _pods(cluster, each)}) for each in made]


def object_of(kind: str, namespace: str, said: Mapping[str, Any]) -> ClusterObject:
    """Return an object as it is kept, of what the cluster says of it."""
    metadata = mapping(said.get("metadata"))
    spec, status = Pruned(said.get("spec")), Pruned(said.get("status"))
    data, too_much = _data(said.get("data")) if kind == "ConfigMap" else ({}, False)
    return ClusterObject(
        kind=kind,
        namespace=namespace,
        name=_short(metadata.get("name")),
        uid=_short(metadata.get("uid")),
        created=moment_of(metadata.get("creationTimestamp")),
        generation=_number(metadata.get("generation")),
        labels=_texts(metadata.get("labels")),
        annotations=_texts(metadata.get("annotations")),
        spec=mapping(spec.value),
        status=mapping(status.value),
        data=data,
        cut=spec.cut or status.cut or too_much,
    )


class Pruned:
    """A JSON value, in parts where it is too large, too deep or too long: then it is `cut`."""

    def __init__(self, value: Any) -> None:
        self._left, self.cut = MOST_PARTS, False
        self.value = self._kept(value, 0)

    def _kept(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if isinstance(value, str):
            self.cut |= len(value) > LONGEST_TEXT
            return _sound(value, LONGEST_TEXT)
        if isinstance(value, dict) and depth < DEEPEST:
            return {_sound(str(key), LONGEST): self._kept(each, depth + 1) for key, each in self._few(value.items())}
        if isinstance(value, list) and depth < DEEPEST:
            return [self._kept(each, depth + 1) for each in self._few(value)]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float) and number_of(value) is not None and abs(value) <= LARGEST_NUMBER:
            return value
        self.cut = True
        return None

    def _few(self, parts: Any) -> Iterator[Any]:
        for part in parts:
            if self._left <= 0:
                self.cut = True
                return
            yield part


async def _pods(cluster: Service, found: ClusterObject) -> tuple[Pod, ...]:
    """Return the pods that an object selects."""
    if found.kind == "InferenceService":
        labels = {OF_INFERENCE_SERVICE: found.name}
    else:
        labels = mapping(found.at("spec", "selector", "matchLabels"))
    fit = all(
        LABEL_KEY.fullmatch(key) and isinstance(value, str) and LABEL_VALUE.fullmatch(value)
        for key, value in labels.items()
    )
    if not labels or not fit or found.kind in ("Service", "ConfigMap"):
        return ()
    wanted = ",".join(f"{key}={value}" for key, value in labels.items())
    listed = await cluster.get(f"/api/v1/namespaces/{found.namespace}/pods", limit=MOST_PODS, labelSelector=wanted)
    return tuple(pod_of(mapping(each)) for each in sequence(mapping(listed).get("items"))[:MOST_PODS])


def pod_of(said: Mapping[str, Any]) -> Pod:
    """Return a pod as it is kept, of what the cluster says of it."""
    metadata, status = mapping(said.get("metadata")), mapping(said.get("status"))
    asked = [mapping(each) for each in sequence(mapping(said.get("spec")).get("containers"))]
    states = {str(each.get("name")): each for each in map(mapping, sequence(status.get("containerStatuses")))}
    conditions = {str(each.get("type")): each for each in map(mapping, sequence(status.get("conditions")))}
    owner = mapping(next(iter(sequence(metadata.get("ownerReferences"))), None))
    return Pod(
        name=_short(metadata.get("name")),
        phase=_short(status.get("phase")),
        ready=mapping(conditions.get("Ready")).get("status") == "True",
        owner=_short(f"{_short(owner.get('kind'))}/{_short(owner.get('name'))}") if owner else "",
        labels=_texts(metadata.get("labels")),
        created=moment_of(metadata.get("creationTimestamp")),
        containers=tuple(
            _container(each, mapping(states.get(str(each.get("name"))))) for each in asked[:MOST_CONTAINERS]
        ),
    )


def _container(asked: Mapping[str, Any], status: Mapping[str, Any]) -> Container:
    state = mapping(status.get("state"))
    stopped = mapping(state.get("waiting")) or mapping(state.get("terminated"))
    return Container(
        name=_short(asked.get("name")),
        image=_message(asked.get("image")),
        image_id=_message(status.get("imageID")),
        ready=status.get("ready") is True,
        restarts=_number(status.get("restartCount")) or 0,
        state="running" if "running" in state else _short(stopped.get("reason")),
    )


async def _events(cluster: Service, namespace: str) -> list[Event]:
    """Return the newest events of a namespace, the newest first."""
    listed = mapping(await cluster.get(f"/api/v1/namespaces/{namespace}/events", limit=500))
    made = [event_of(namespace, mapping(each)) for each in sequence(listed.get("items"))]
    made.sort(key=lambda each: each.last or datetime.min.replace(tzinfo=UTC), reverse=True)
    return made[: MOST_EVENTS // 5]


def event_of(namespace: str, said: Mapping[str, Any]) -> Event:
    """Return an event as it is kept, of what the cluster says of it."""
    about, series = mapping(said.get("involvedObject")), mapping(said.get("series"))
    last = said.get("lastTimestamp") or series.get("lastObservedTime") or said.get("eventTime")
    return Event(
        namespace=namespace,
        about=_short(f"{_short(about.get('kind'))}/{_short(about.get('name'))}"),
        reason=_short(said.get("reason")),
        message=_message(said.get("message")),
        warning=said.get("type") == "Warning",
        count=_number(said.get("count")) or _number(series.get("count")) or 1,
        last=moment_of(last or mapping(said.get("metadata")).get("creationTimestamp")),
    )


async def _query(prometheus: Service, text: str) -> tuple[Sample, ...]:
    """Return what an instant query finds: a vector, or a scalar as a sample without labels."""
    data = mapping(mapping(await prometheus.get("/api/v1/query", query=text)).get("data"))
    found = sequence(data.get("result"))
    if data.get("resultType") == "scalar":
        found = [{"value": found}]
    return tuple(_sample(mapping(each)) for each in found[:MOST_SAMPLES])


def _sample(said: Mapping[str, Any]) -> Sample:
    value = [*sequence(said.get("value")), None, None][1]
    try:
        number = number_of(float(value)) if isinstance(value, str) and len(value) <= LONGEST else None
    except ValueError:
        number = None
    return Sample(labels=_texts(said.get("metric")), value=number)


def moment_of(value: Any) -> datetime | None:
    """Return a time of the API as one in UTC, or None where it is none."""
    try:
        moment = datetime.fromisoformat(_short(value))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _data(value: Any) -> tuple[dict[str, str], bool]:
    kept: dict[str, str] = {}
    left = LARGEST_DATA
    for key, text in mapping(value).items():
        if isinstance(text, str) and len(text) <= left:
            kept[_sound(key, LONGEST)] = _sound(text, left)
            left -= len(text)
    return kept, len(kept) < len(mapping(value))


def _texts(value: Any) -> dict[str, str]:
    return {
        _sound(key, LONGEST): _sound(each, LONGEST_MESSAGE)
        for key, each in list(mapping(value).items())[:MOST_LABELS]
        if isinstance(each, str)
    }


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= LARGEST_NUMBER else None


def _short(value: Any) -> str:
    return _sound(value, LONGEST) if isinstance(value, str) else ""


def _message(value: Any) -> str:
    return clean(value, LONGEST_MESSAGE) if isinstance(value, str) else ""


def _sound(text: str, longest: int) -> str:
    """Return a text that can be written as UTF-8, and is not too long."""
    return text[:longest].encode("utf-8", "replace").decode("utf-8")
