"""What was read of a cluster travels in a submission, with the place where it was read: a claim that is checked."""

import json
from types import SimpleNamespace

import pytest

from checker import platform, submission, workspace
from checker.archive import Refused
from checker.cluster_declarations import KubernetesSource
from checker.collect import collect
from checker.errors import Unavailable
from checker.evidence.kubernetes import ClusterObject, Event, InferenceAnswers, Kubernetes, PipelineRuns
from checker.recipes import sha256
from checker.submission import _cluster
from tests.support import COURSE, ROOT
from tests.unit.collect.api_server import said, serving

LAB = COURSE.find("15")
SMALL = LAB.model_copy(update={"fixtures": tuple(each.model_copy(update={"rows": 600}) for each in LAB.fixtures)})
SOURCE = KubernetesSource.model_validate(
    {
        "objects": [
            {"kind": "Deployment", "namespace": "a", "name": "b"},
            {"kind": "Job", "namespace": "a", "labels": {"c": "d"}},
        ],
        "events": ["a"],
        "inference": [{"service": "s", "model": "m"}],
        "queries": {"q": "1"},
        "runs": "p",
    }
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLOPS_LABS_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("MLOPS_LABS_COURSE", str(ROOT))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def on(profile, **variables):
    platform.write_environment({"MLOPS_LABS_PROFILE": profile, **variables})


def thawed(made, place):
    with submission.frozen(SMALL, made) as frozen:
        path, _ = frozen.write(place / "out")
    return submission.thaw(path, place / "into", lambda wanted: SMALL)


def run(line, body):
    spec = {"pipelineInfo": {"name": "card-fraud-training"}, "root": {}}
    one = {"run_id": "r1", "display_name": "first", "state": "FAILED", "pipeline_spec": spec}
    return said(one if "/runs/r1" in line else {"runs": [one]})


def test_records_and_place_arrive(place):
    made, _ = workspace.start(SMALL, ROOT, seed=7)
    with serving(run) as port:
        on("kind", MLOPS_LABS_OVERLAY="full", MLOPS_LABS_KFP_URL=f"http://127.0.0.1:{port}")
        live = collect(SMALL, made)
        there = thawed(made, place)
    on("local")
    carried = collect(SMALL, there)
    assert carried == live
    assert (carried.profile, carried.overlay) == ("kind", "full")
    assert carried.kubernetes.runs.runs[0].state == "FAILED"


def test_without_a_cluster_nothing_is_read_and_nothing_is_missed(place):
    made, _ = workspace.start(SMALL, ROOT, seed=7)
    on("local", MLOPS_LABS_KFP_URL="http://127.0.0.1:9")
    live = collect(SMALL, made)
    assert (live.profile, live.kubernetes, live.gaps) == ("local", None, {})
    on("kind", MLOPS_LABS_OVERLAY="full")
    assert collect(SMALL, thawed_elsewhere(made, place)).kubernetes is None


def thawed_elsewhere(made, place):
    on("local")
    there = thawed(made, place)
    on("kind", MLOPS_LABS_OVERLAY="full")
    return there


def test_a_cluster_that_does_not_answer_is_no_submission(place):
    made, _ = workspace.start(SMALL, ROOT, seed=7)
    on("kind", MLOPS_LABS_OVERLAY="full", MLOPS_LABS_KFP_URL="http://127.0.0.1:9")
    assert "Kubeflow Pipelines" in collect(SMALL, made).gaps["kubernetes"].found
    with pytest.raises(Unavailable, match="Kubeflow"):
        thawed(made, place)


def records(**changes):
    told = {
        "objects": (
            ClusterObject(kind="Deployment", namespace="a", name="b", present=False),
            ClusterObject(kind="Job", namespace="a", name="any"),
        ),
        "events": (Event(namespace="a", about="Pod/x", reason="Killing"),),
        "inference": (InferenceAnswers(service="s", model="m"),),
        "queries": {"q": ()},
        "runs": PipelineRuns(pipeline="p"),
    }
    return Kubernetes(**told | changes)


def carried(told, *, digest=None, source=SOURCE, profile="kind", piece=True):
    content = told.model_dump_json().encode() if isinstance(told, Kubernetes) else told
    named = SimpleNamespace(size=len(content), sha256=digest or sha256(content)) if piece else None
    manifest = SimpleNamespace(kubernetes=named, profile=profile)
    lab = SimpleNamespace(evidence=SimpleNamespace(kubernetes=source))
    return _cluster(SimpleNamespace(text=lambda name: content), manifest, lab)


def test_what_fits_is_taken():
    assert carried(records()) == records()
    assert carried(records(runs=None)) == records(runs=None)


OTHER = ClusterObject(kind="Deployment", namespace="a", name="other")
HUGE = b'{"objects": [%s]}' % b",".join([b'{"kind":"Job","namespace":"a","name":"x"}'] * 200)


@pytest.mark.parametrize(
    ("told", "more", "words"),
    [
        (records(objects=()), {}, "other things"),
        (records(objects=(*records().objects, OTHER)), {}, "other things"),
        (records(objects=(records().objects[0], OTHER.model_copy(update={"kind": "Secret"}))), {}, "other things"),
        (records(events=(Event(namespace="kube-system", about="x", reason="y"),)), {}, "other things"),
        (records(inference=()), {}, "other things"),
        (records(queries={}), {}, "other things"),
        (records(runs=PipelineRuns(pipeline="other")), {}, "other things"),
        (records(), {"digest": "0" * 64}, "others than the manifest"),
        (records(), {"source": None}, "not in the manifest"),
        (records(), {"profile": "local"}, "not in the manifest"),
        (records(), {"piece": False}, "not in the manifest"),
        (b'{"more": 1}', {}, "not what"),
        (HUGE, {}, "not what"),
        (b'{"queries": {"q": [{"value": 1e999}]}, "objects": 1}', {}, "not what"),
        (b"[" * 1000, {}, "no JSON"),
        (b"{" * 150_000, {}, "more than"),
    ],
)
def test_what_does_not_fit_is_refused(told, more, words):
    with pytest.raises(Refused, match=words):
        carried(told, **more)


@pytest.mark.parametrize("claim", [{"profile": "cloud"}, {"overlay": "../x"}, {"profile": None}, {"overlay": "x" * 99}])
def test_a_place_that_there_is_not_is_refused(claim, place):
    made, _ = workspace.start(SMALL, ROOT, seed=7)
    with submission.frozen(SMALL, made) as frozen:
        told = frozen.manifest.model_dump(mode="json") | claim
    with pytest.raises(Refused, match="manifest"):
        submission.parse_manifest(json.dumps(told).encode())
