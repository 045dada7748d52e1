"""What a lab declares of a cluster is read over TLS from this machine alone, and whatever comes is bounded."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.cluster_declarations import KubernetesSource
from checker.collect import kubernetes
from checker.collect.kfp_runs import run_of
from checker.collect.kubernetes import collect_kubernetes, event_of, object_of, pod_of
from checker.errors import Failed, Unavailable
from checker.evidence.kubernetes import ClusterObject, Kubernetes, PipelineRuns
from checker.world.requests import live_rows
from tests.unit.collect.api_server import MISSING, Authority, kubeconfig, said, server_tls, serving, written

SPACE = "mlops-labs-serving"
SOURCE = KubernetesSource.model_validate(
    {"objects": [{"kind": "Deployment", "namespace": SPACE, "name": "fraud-1"}], "events": [SPACE]}
)
DEPLOYMENT = {
    "metadata": {
        "name": "fraud-1",
        "uid": "u-1",
        "generation": 2,
        "creationTimestamp": "2026-11-21T10:00:00Z",
        "labels": {"mlops-labs/release": "1"},
    },
    "spec": {"replicas": 1, "selector": {"matchLabels": {"mlops-labs/deployment": "fraud"}}},
    "status": {"observedGeneration": 2, "readyReplicas": 1},
}
POD = {
    "metadata": {"name": "fraud-1-x", "ownerReferences": [{"kind": "ReplicaSet", "name": "fraud-1-7"}]},
    "spec": {"containers": [{"name": "serve", "image": "mlops-labs/course:sha-1"}]},
    "status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {
                "name": "serve",
                "ready": True,
                "restartCount": 3,
                "imageID": "docker.io/mlops-labs/course@sha256:" + "a" * 64,
                "state": {"running": {"startedAt": "2026-11-21T10:00:03Z"}},
            }
        ],
    },
}
EVENT = {
    "involvedObject": {"kind": "Pod", "name": "fraud-1-x"},
    "reason": "BackOff",
    "message": "Back-off \x1b[2J",
    "type": "Warning",
    "count": 4,
    "lastTimestamp": "2026-11-21T10:01:00Z",
}


@pytest.fixture
def cluster(tmp_path):
    """Collect from a server that answers so; `places` collects what was asked."""

    def look(answer, source=SOURCE, overlay="serve", tls=None, **environment):
        places = []

        def answered(line, body):
            places.append(line.removesuffix(" HTTP/1.1"))
            return answer(line.split()[1])

        with serving(answered, tls or server_tls(tmp_path)) as port:
            path = written(tmp_path, kubeconfig(f"https://127.0.0.1:{port}"))
            told = {"MLOPS_LABS_KUBECONFIG": path, **environment}
            look.places = places
            return collect_kubernetes(told, overlay, source, 7)

    return look


def answer(path):
    asked = urlsplit(path)
    if asked.path.endswith("/deployments/fraud-1"):
        return said(DEPLOYMENT)
    if asked.path.endswith("/pods"):
        return said({"items": [POD]})
    if asked.path.endswith("/events"):
        old = EVENT | {"lastTimestamp": None, "eventTime": "2026-11-20T00:00:00.123456Z"}
        return said({"items": [old, EVENT]})
    return MISSING


def test_what_is_declared_is_read_with_its_pods(cluster):
    read = cluster(answer)
    found = read.get("Deployment", "fraud-1").require("deploy it")
    assert (found.uid, found.created, found.at("spec", "replicas")) == (
        "u-1",
        datetime(2026, 11, 21, 10, tzinfo=UTC),
        1,
    )
    [pod] = found.pods
    assert (pod.name, pod.ready, pod.owner, pod.phase) == ("fraud-1-x", True, "ReplicaSet/fraud-1-7", "Running")
    [container] = pod.containers
    assert (container.digest, container.restarts, container.state) == ("sha256:" + "a" * 64, 3, "running")
    assert [(each.about, each.warning, each.count) for each in read.events] == [("Pod/fraud-1-x", True, 4)] * 2
    assert read.events[0].last > read.events[1].last
    assert "\x1b" not in read.events[0].message
    assert Kubernetes.model_validate_json(read.model_dump_json()) == read
    assert read.fits(SOURCE)


def test_only_that_is_asked_for_and_nothing_is_changed(cluster):
    cluster(answer)
    assert [urlsplit(each).path for each in cluster.places] == [
        f"GET /apis/apps/v1/namespaces/{SPACE}/deployments/fraud-1",
        f"GET /api/v1/namespaces/{SPACE}/pods",
        f"GET /api/v1/namespaces/{SPACE}/events",
    ]
    selected = parse_qs(urlsplit(cluster.places[1]).query)
    assert selected == {"limit": ["20"], "labelSelector": ["mlops-labs/deployment=fraud"]}


def test_what_is_not_there_is_evidence(cluster):
    read = cluster(lambda path: MISSING if "deployments" in path else said({"items": []}))
    with pytest.raises(Failed, match="no Deployment `fraud-1`"):
        read.get("Deployment", "fraud-1").require("deploy it")
    with pytest.raises(LookupError, match="not declared"):
        read.get("Deployment", "other")


def test_objects_are_found_by_their_labels(cluster):
    source = KubernetesSource.model_validate(
        {"objects": [{"kind": "Deployment", "namespace": SPACE, "labels": {"mlops-labs/deployment": "fraud"}}]}
    )
    listed = said({"items": [DEPLOYMENT, {"metadata": {"name": "fraud-2"}}, None]})
    read = cluster(lambda path: listed if "deployments?" in path else said({"items": []}), source)
    assert [each.name for each in read.objects] == ["fraud-1", "fraud-2", ""]
    assert [each.name for each in read.select("Deployment", mlops_labs__release="1")] == ["fraud-1"]
    assert read.fits(source)


def test_a_secret_cannot_even_be_declared():
    with pytest.raises(ValueError, match="Input should be 'Deployment'"):
        KubernetesSource.model_validate({"objects": [{"kind": "Secret", "namespace": SPACE, "name": "store"}]})
    assert not [path for path in kubernetes.PATHS.values() if "secret" in path[1]]


@pytest.mark.parametrize("name", ["a/../secrets", "..", "a?b", "A", "", "a" * 64])
def test_no_name_leads_elsewhere(name):
    for part in ({"name": name}, {"name": "a", "namespace": name}):
        with pytest.raises(ValueError, match="String should match"):
            KubernetesSource.model_validate({"objects": [{"kind": "Job", "namespace": SPACE} | part]})


def unavailable(cluster, answer, **more):
    began = time.monotonic()
    with pytest.raises(Unavailable) as told:
        cluster(answer, **more)
    assert told.value.expected
    assert "infra up" in told.value.next_step
    assert time.monotonic() - began < 20
    return told.value.found


def drip(writer):
    async def run():
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(200):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.2)

    return run()


def endless(writer):
    async def run():
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(200):
            writer.write(b"[" * (1 << 18))
            await writer.drain()

    return run()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (lambda path: lambda writer: asyncio.sleep(30), "did not end within"),
        (lambda path: drip, "did not end within"),
        (lambda path: endless, "more than"),
        (
            lambda path: b"HTTP/1.1 307 Go\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
            "status 307",
        ),
        (lambda path: b"SSH-2.0-OpenSSH\r\n\r\n", "HTTP"),
        (lambda path: said("text"), "no object"),
        (lambda path: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe", "no JSON"),
        (lambda path: b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"[" * 90_000, "no JSON"),
        (lambda path: said({}, "403 Forbidden"), "does not let"),
        (lambda path: said({}, "500 Oh"), "status 500"),
    ],
    ids=["hangs", "drips", "endless", "redirects", "other protocol", "text", "bytes", "deep", "denied", "error"],
)
def test_a_hostile_server_is_unavailable_in_time(cluster, monkeypatch, told, words):
    if "did not end" in words:
        monkeypatch.setattr(kubernetes, "EACH", 1.5)
    assert words in unavailable(cluster, told)
    assert len(cluster.places) == 1


def test_all_of_it_has_an_end(cluster, monkeypatch):
    monkeypatch.setattr(kubernetes, "ALL", 1.0)

    def slow(path):
        async def later(writer):
            await asyncio.sleep(0.7)
            writer.write(answer(path))

        return later

    found = unavailable(cluster, slow)
    assert "took longer than 1 seconds" in found or "did not end within" in found


def test_a_server_with_another_authority_is_not_believed(cluster, tmp_path):
    told = unavailable(cluster, answer, tls=server_tls(tmp_path, Authority()))
    assert "certificate that is not to be trusted" in told
    assert not cluster.places


def test_a_server_of_another_name_is_not_believed(cluster, tmp_path):
    assert "not to be trusted" in unavailable(cluster, answer, tls=server_tls(tmp_path, address="127.0.0.9"))


def test_nobody_there(tmp_path):
    path = written(tmp_path, kubeconfig("https://127.0.0.1:9"))
    with pytest.raises(Unavailable, match="cannot be reached"):
        collect_kubernetes({"MLOPS_LABS_KUBECONFIG": path}, "serve", SOURCE, 7)
    with pytest.raises(Unavailable, match="not set"):
        collect_kubernetes({}, "serve", SOURCE, 7)


def test_prometheus_is_asked_what_is_declared():
    source = KubernetesSource.model_validate({"queries": {"errors": 'sum(rate(a{b="c"}[5m])) by (d)', "one": "1"}})
    asked = []

    def told(line, body):
        query = parse_qs(urlsplit(line.split()[1]).query)["query"][0]
        asked.append(query)
        if query == "1":
            return said({"status": "success", "data": {"resultType": "scalar", "result": [5.0, "1"]}})
        vector = [{"metric": {"d": "x"}, "value": [5.0, "0.25"]}, {"metric": {"d": "y"}, "value": [5.0, "NaN"]}]
        return said({"status": "success", "data": {"resultType": "vector", "result": vector}})

    with serving(told) as port:
        read = collect_kubernetes({"MLOPS_LABS_PROMETHEUS_URL": f"http://127.0.0.1:{port}"}, "serve", source, 7)
    assert asked == [*source.queries.values()]
    assert [(each.labels, each.value) for each in read.queries["errors"]] == [({"d": "x"}, 0.25), ({"d": "y"}, None)]
    assert [each.value for each in read.queries["one"]] == [1.0]
    for elsewhere in ("http://prometheus.example:9090", "", "https://127.0.0.1:1"):
        with pytest.raises(Unavailable, match="Prometheus is said to be at"):
            collect_kubernetes({"MLOPS_LABS_PROMETHEUS_URL": elsewhere}, "serve", source, 7)


INFERENCE = KubernetesSource.model_validate(
    {
        "objects": [{"kind": "InferenceService", "namespace": SPACE, "name": "card-fraud-v2"}],
        "inference": [{"service": "card-fraud-v2", "model": "card-fraud"}],
    }
)


def test_an_inference_service_is_asked_through_the_router(cluster):
    asked = []

    def router(line, body):
        asked.append((line.removesuffix(" HTTP/1.1"), body))
        return said({"outputs": []})

    isvc = {"metadata": {"name": "card-fraud-v2"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    with serving(router) as port:
        there = {"MLOPS_LABS_SERVING_URL": f"http://127.0.0.1:{port}"}
        read = cluster(lambda path: said({"items": []} if "/pods" in path else isvc), INFERENCE, "full", **there)
        none = cluster(lambda path: MISSING, INFERENCE, "full", **there)
    assert read.get("InferenceService", "card-fraud-v2").is_ready
    assert [line for line, _ in asked] == [
        "GET /card-fraud-v2/v2/models/card-fraud/ready",
        "GET /card-fraud-v2/v2/models/card-fraud",
        "POST /card-fraud-v2/v2/models/card-fraud/infer",
        "POST /card-fraud-v2/v2/models/card-fraud/infer",
    ]
    sent = {each["name"]: each for each in json.loads(asked[2][1])["inputs"]}
    assert sent["amount"]["data"] == [row["amount"] for row in live_rows(7)]
    assert read.answers("card-fraud-v2").reply("batch").rows == (0, 1, 2, 3, 4, 5)
    assert read.answers("card-fraud-v2").reply("single").fine
    assert none.answers("card-fraud-v2").replies == ()
    assert Kubernetes.model_validate_json(read.model_dump_json()) == read


IR = {
    "pipelineInfo": {"name": "training"},
    "root": {"dag": {"tasks": {"load": {"componentRef": {"name": "comp-load"}}}}},
    "components": {"comp-load": {"executorLabel": "exec-load"}},
    "deploymentSpec": {"executors": {"exec-load": {"container": {"image": "a"}}}},
}


def runs_server(listed, runs, versions=None):
    def told(line, body):
        path = urlsplit(line.split()[1]).path
        if path == "/apis/v2beta1/runs":
            return said({"runs": listed})
        if path in (versions or {}):
            return said(versions[path])
        return said(runs[path.rpartition("/")[2]]) if path.rpartition("/")[2] in runs else MISSING

    return told


def test_runs_of_the_pipeline_are_found_by_what_they_were_given():
    def run(number, spec):
        return {"run_id": f"r-{number}", "display_name": "training", "state": "SUCCEEDED"} | spec

    other = {"pipeline_spec": IR | {"pipelineInfo": {"name": "other"}}}
    uploaded = {"pipeline_version_reference": {"pipeline_id": "p", "pipeline_version_id": "v"}}
    beside = {"pipeline_spec": {"pipeline_spec": IR, "platform_spec": {}}}
    listed = [run(5, other), run(4, {"pipeline_spec": IR}), run(3, uploaded), run(2, beside), run(1, {})]
    listed.append(run("../../secrets", {"pipeline_spec": IR}))
    details = {"task_details": [{"display_name": "load", "state": "SUCCEEDED"}, {"display_name": "load-driver"}]}
    runs = {"r-4": listed[1] | {"run_details": details, "runtime_config": {"parameters": {"data": "s3://x", "n": 4}}}}
    versions = {"/apis/v2beta1/pipelines/p/versions/v": {"pipeline_spec": IR}}
    source = KubernetesSource(runs="training")
    with serving(runs_server(listed, runs, versions)) as port:
        told = {"MLOPS_LABS_KFP_URL": f"http://127.0.0.1:{port}"}
        read = collect_kubernetes(told, "full", source, 7)
        assert collect_kubernetes(told, "serve", source, 7).runs is None
    found = read.require_runs()
    assert ([each.run_id for each in found.runs], found.others) == (["r-4", "r-3", "r-2"], 1)
    newest = found.runs[0]
    assert (newest.arguments, [each.state for each in newest.of("load")]) == ({"data": "s3://x", "n": 4}, ["SUCCEEDED"])
    assert len({each.pipeline.model_dump_json() for each in found.runs}) == 1
    assert newest.pipeline.tasks[0].name == "load"
    assert Kubernetes.model_validate_json(read.model_dump_json()) == read


def test_without_a_run_the_check_fails():
    with pytest.raises(Failed, match="no run of `training` on the cluster; the 2 newest are of other pipelines"):
        Kubernetes(runs=PipelineRuns(pipeline="training", others=2)).require_runs()


@pytest.mark.parametrize(
    ("kind", "spec", "status", "ready"),
    [
        ("Deployment", {"replicas": 2}, {"readyReplicas": 2}, True),
        ("Deployment", {"replicas": 2}, {"readyReplicas": 1}, False),
        ("Deployment", {"replicas": 0}, {}, False),
        ("Deployment", {"replicas": 1}, {"readyReplicas": 1, "observedGeneration": 1}, False),
        ("Deployment", {"replicas": "1"}, {"readyReplicas": True}, False),
        ("DaemonSet", {}, {"desiredNumberScheduled": 1, "numberReady": 1}, True),
        ("Job", {}, {"conditions": [{"type": "Complete", "status": "True"}]}, True),
        ("Job", {}, {"conditions": [{"type": "Failed", "status": "True"}]}, False),
        ("InferenceService", {}, {"conditions": [None, {"type": "Ready", "status": "True"}]}, True),
        ("InferenceService", {}, {"conditions": {"Ready": "True"}}, False),
        ("Service", {}, {}, True),
    ],
)
def test_readiness(kind, spec, status, ready):
    found = ClusterObject(kind=kind, namespace="a", name="b", generation=2, spec=spec, status=status)
    assert found.is_ready == ready
    if not ready:
        with pytest.raises(Failed, match="is not ready"):
            found.require("wait")


def test_why_it_is_not_ready_is_told():
    waiting = {"containerStatuses": [{"name": "serve", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}
    pod = pod_of(POD | {"status": waiting})
    found = ClusterObject(kind="Deployment", namespace="a", name="b", pods=(pod,))
    assert found.trouble == "the container `serve` is in `ImagePullBackOff`"


def test_what_is_huge_is_kept_in_parts():
    spec = {f"k{n}": {"text": "x" * 9000, "list": [[[n] * 50] * 50] * 50} for n in range(300)}
    made = object_of("Deployment", "a", {"metadata": {"name": "b"}, "spec": spec})
    assert made.cut
    assert len(made.model_dump_json()) < 100_000
    config = object_of("ConfigMap", "a", {"data": {"a": "x", "b": "y" * (1 << 20)}})
    assert (config.data, config.cut) == ({"a": "x"}, True)


KEYS = [
    *("metadata", "name", "labels", "status", "spec", "conditions", "containerStatuses", "state", "containers"),
    *("ownerReferences", "data", "items", "creationTimestamp", "count", "run_details", "task_details", "metric"),
    *("runtime_config", "parameters", "root", "pipelineInfo", "dag", "tasks", "components", "series", "value"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda parts: st.lists(parts, max_size=4)
    | st.dictionaries(
        st.text(max_size=5)
        | st.sampled_from(KEYS),
        parts, max_size=6,
    ),
    max_leaves=30,
)  # fmt: skip
OBJECT = st.dictionaries(st.sampled_from(["metadata", "spec", "status", "data", "run_details", "series"]), JSON)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(OBJECT, JSON, st.sampled_from(sorted(kubernetes.PATHS)))
def test_whatever_an_object_is_it_becomes_a_record(said, value, kind):
    found = object_of(kind, "a", said)
    pod, event, run = pod_of(said), event_of("a", said), run_of(said, {"root": value, "pipelineInfo": {}})
    sample = kubernetes._sample({"metric": value, "value": value})
    assert isinstance(found.is_ready, bool)
    assert found.trouble
    made = Kubernetes(
        objects=(found.model_copy(update={"pods": (pod,)}),),
        events=(event,),
        runs=PipelineRuns(pipeline="a", runs=(run,)),
        queries={"a": (sample,)},
    )
    assert Kubernetes.model_validate_json(made.model_dump_json()) == made


def test_what_a_real_cluster_said_is_understood(cluster):
    told = json.loads((Path(__file__).parent / "recorded" / "cluster.json").read_text(encoding="utf-8"))

    def answer(path):
        asked = urlsplit(path)
        wanted = dict(
            each.split("=") for each in parse_qs(asked.query).get("labelSelector", [""])[0].split(",") if each
        )
        if asked.path.endswith("/jobs/once"):
            return said(told["job"])
        listed = told[asked.path.rpartition("/")[2]]
        return said(
            {"items": [each for each in listed if wanted.items() <= each["metadata"].get("labels", {}).items()]}
        )

    source = KubernetesSource.model_validate(
        {
            "objects": [
                {"kind": "Deployment", "namespace": "f-test", "labels": {"mlops-labs/deployment": "fraud"}},
                {"kind": "Job", "namespace": "f-test", "name": "once"},
            ],
            "events": ["f-test"],
        }
    )
    read = cluster(answer, source)
    first, second, job = read.objects
    assert (first.is_ready, second.is_ready, job.is_ready) == (True, False, True)
    assert first.pods[0].containers[0].digest.startswith("sha256:")
    assert second.trouble == "the container `serve` is in `ImagePullBackOff`"
    assert (job.pods[0].owner, job.pods[0].containers[0].state) == ("Job/once", "Completed")
    assert {each.about.split("/")[0] for each in read.events} <= {"Pod", "Job", "Deployment", "ReplicaSet"}
    assert all(each.last and each.reason and each.message for each in read.events)
    assert not any(each.cut for each in read.objects)
