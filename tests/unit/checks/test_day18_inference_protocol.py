"""The checks of day 18 over evidence made by hand: a server that keeps to the contract, and one change at a time."""

import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.evidence import Evidence, Identity
from checker.evidence.files import FileRecord, Files
from checker.evidence.kubernetes import ClusterObject, InferenceAnswers, Kubernetes
from checker.evidence.mlflow import Mlflow, RegisteredModel
from checker.evidence.proofs import Proofs
from checker.evidence.services import AnsweredText, EndpointScores, Reply, ServiceRun
from checker.prove.protocol_talks import TALKS
from checker.prove.talks import EDGES
from checker.runner import load_checks, run_checks
from checker.world.requests import DATATYPES, LIKELY, live_rows, named
from tests.support import COURSE

LAB = next(lab for lab in COURSE.labs if lab.day == 18)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
REGISTERED, MODEL, SERVICE = "day18-card-fraud", "card-fraud", "card-fraud-v2"
DRAW = random.Random(1)
ROWS = [named(DRAW, {**LIKELY, "amount": 1.0 + number}) for number in range(30)]
ROWS += [named(DRAW, {**LIKELY, **edge}) for edge in EDGES]
MANIFEST = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: card-fraud-v2, namespace: mlops-labs-serving}
spec:
  predictor:
    model:
      modelFormat: {name: mlflow}
      protocolVersion: v2
      runtime: mlops-labs-mlserver
      storageUri: models:/day18-card-fraud/3
      volumeMounts: [{name: code, mountPath: /mnt/code}]
    volumes: [{name: code, configMap: {name: card-fraud-code}}]
"""


def score(row, version):
    return float(row["amount"]) / (3_000_000 + int(version))


def described(inputs=DATATYPES, outputs=("score",), **more):
    tensors = [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in inputs.items()]
    out = [{"name": name, "datatype": "FP64", "shape": [-1, 1]} for name in outputs]
    return json.dumps({"name": MODEL, "platform": "sklearn", "inputs": tensors, "outputs": out, **more})


def inferred(scores, version, identity=None, **more):
    output = {"name": "score", "datatype": "FP64", "shape": [len(scores), 1], "data": list(scores)}
    said = {"model_name": MODEL, "model_version": version, "outputs": [{"name": "x", **output} | {"name": "x"}, output]}
    return json.dumps(said | ({"id": identity} if identity else {}) | more)


def served(start="champion", version="3", talk="protocol", **changes):
    """What a server that keeps to the contract answers."""
    script = TALKS[talk](ROWS, random.Random(2)).about(version)
    scores = tuple(score(row, version) for row in ROWS)
    replies = [Reply(ask=each, kind=each, about=each, status=200) for each in ("health", "ready")]
    for step in script.steps:
        for said in step.said:
            status, text = 200, ""
            if said.kind == "predict":
                text = inferred([scores[each] for each in said.rows], version, said.identity)
            elif said.kind == "refuse":
                status, text = 400, json.dumps({"error": "no"})
            elif said.name == "server":
                text = json.dumps({"name": "mlserver", "version": "1.7.1", "extensions": []})
            elif said.name in ("model", "version"):
                text = described()
            replies.append(
                Reply(ask=said.name, kind=said.kind, about=said.about, rows=said.rows, status=status, text=text)
            )
    made = {
        "service": "server",
        "start": start,
        "name": REGISTERED,
        "version": version,
        "rows": tuple(ROWS),
        "scores": scores,
        "replies": tuple(replies),
        "sent_ids": {each.name: each.identity for each in script.said().values() if each.identity},
    }
    return ServiceRun(**made | changes)


def without():
    script = TALKS["protocol-unready"](ROWS, random.Random(2))
    replies = [Reply(ask=each.name, kind=each.kind, status=503) for step in script.steps for each in step.said]
    return ServiceRun(service="server", start="without", replies=tuple(replies))


def cluster(version="3", ready="True", uri="models:/day18-card-fraud/3", **changes):
    scores = [score(row, version) for row in live_rows(7)]
    replies = tuple(
        AnsweredText(ask=ask, kind="predict", about=ask, status=200, text=inferred(scores[:count], version))
        for ask, count in (("batch", len(scores)), ("single", 1))
    )
    found = ClusterObject(
        kind="InferenceService",
        namespace="mlops-labs-serving",
        name=SERVICE,
        spec={"predictor": {"model": {"storageUri": uri}}},
        status={"conditions": [{"type": "Ready", "status": ready, "message": "\x1b[2J no room"}]},
    )
    answers = InferenceAnswers(service=SERVICE, model=MODEL, replies=changes.get("replies", replies))
    return Kubernetes(objects=(found.model_copy(update=changes.get("found", {})),), inference=(answers,))


def results(champion=None, another=None, unready=None, manifest=MANIFEST, champions="3", kubernetes=None):
    identity = Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=NOW)
    runs = (champion or served(), another or served("another", "4711", "protocol-short"), unready or without())
    aliases = {"champion": champions} if champions else {}
    files = () if manifest is None else (FileRecord(path="isvc.yaml", size=len(manifest), text=manifest),)
    scores = EndpointScores(
        endpoint=SERVICE, name=REGISTERED, version="3", scores=tuple(score(row, "3") for row in live_rows(7))
    )
    evidence = Evidence(
        workspace=identity,
        profile="kind" if kubernetes else "local",
        overlay="full" if kubernetes else "",
        files=Files(records=files),
        mlflow=Mlflow(registered=(RegisteredModel(name=REGISTERED, present=True, aliases=aliases),)),
        kubernetes=kubernetes,
        proofs=Proofs(services=runs, endpoint_scores=(scores,)),
    )
    return {check.name: check for check in run_checks(LAB, load_checks(LAB), evidence).checks}


def failed(**changes):
    found = results(**changes)
    assert not [check for check in found.values() if check.outcome == "error"], found
    told = [message for check in found.values() for message in check.messages if check.outcome == "failed"]
    assert all(message.found and message.expected and message.next_step for message in told)
    assert "\x1b" not in "".join(message.found for message in told)
    return {name for name, check in found.items() if check.outcome == "failed"}


def changed(edit, *names):
    """The champion's run with the replies changed that have one of these `names`, or begin so: `then-`."""

    def meant(reply):
        return any(reply.ask == name or (name[-1] == "-" and reply.ask.startswith(name)) for name in names)

    run = served()
    replies = [each.model_copy(update=edit(each)) if meant(each) else each for each in run.replies]
    return run.model_copy(update={"replies": tuple(replies)})


def said(change):
    def edit(reply):
        data = json.loads(reply.text)
        change(data)
        return {"text": json.dumps(data)}

    return edit


def output(**changes):
    return said(lambda data: data["outputs"][1].update(changes))


def text(value):
    return lambda _: {"text": value}


def status(value):
    return lambda _: {"status": value}


def model(**changes):
    return text(described(**changes))


LATE = {"status": None, "problem": "did not end within 60 seconds"}
FP32 = DATATYPES | {"amount": "FP32"}
LESS = {name: datatype for name, datatype in DATATYPES.items() if name != "hour"}


def test_everything_is_right():
    assert not failed()
    found = results()
    assert sum(check.earned for check in found.values()) == 10
    assert found["answers_on_the_cluster"].outcome == "skipped"


ANSWERS = [
    (changed(status(500), "health"), "protocol_answers"),
    (changed(lambda _: LATE, "ready"), "protocol_answers"),
    (changed(status(400), "model-ready"), "protocol_answers"),
    (changed(status(404), "version-ready"), "protocol_answers"),
    (changed(text("[]"), "server"), "protocol_answers"),
    (changed(said(lambda data: data.pop("extensions")), "server"), "protocol_answers"),
    (changed(said(lambda data: data.update(version=2)), "server"), "protocol_answers"),
    (changed(text("{"), "single-"), "protocol_answers"),
    (changed(said(lambda data: data.update(model_name="fraud")), "single-"), "protocol_answers"),
    (changed(said(lambda data: data.update(outputs={})), "batch"), "protocol_answers"),
    (changed(said(lambda data: data["outputs"].pop()), "batch"), "protocol_answers"),
    (changed(output(datatype="FP32"), "batch"), "protocol_answers"),
    (changed(output(shape=[1, 40]), "batch"), "protocol_answers"),
    (changed(output(data=[0.1]), "batch"), "protocol_answers"),
    (changed(output(data=[None] * 30), "batch"), "protocol_answers"),
    (changed(output(data={"0": 1}), "batch"), "protocol_answers"),
    (changed(output(shape=[True]), "single-"), "protocol_answers"),
    (changed(status(404), "version"), "metadata_is_true"),
    (changed(text("<html>"), "model"), "metadata_is_true"),
    (changed(model(inputs=LESS), "model"), "metadata_is_true"),
    (changed(model(inputs=FP32), "version"), "metadata_is_true"),
    (changed(model(inputs=DATATYPES | {"id": "INT64"}), "model"), "metadata_is_true"),
    (changed(model(outputs=()), "model"), "metadata_is_true"),
    (changed(model(outputs=("score", "score")), "model"), "metadata_is_true"),
    (changed(model(outputs=[]), "version"), "metadata_is_true"),
    (changed(model(platform=""), "model"), "metadata_is_true"),
    (changed(model(platform=None), "model"), "metadata_is_true"),
    (changed(model(name="\x1b[2J"), "model"), "metadata_is_true"),
    (changed(said(lambda data: data["inputs"][0].update(shape=[8])), "model"), "metadata_is_true"),
    (changed(said(lambda data: data["inputs"].append(data["inputs"][0])), "model"), "metadata_is_true"),
    (changed(output(data=[0.5]), "many-"), "scores_are_the_models"),
    (changed(said(lambda data: data.update(model_version="1")), "batch"), "scores_are_the_models"),
    (changed(said(lambda data: data.pop("model_version")), "parts-1"), "scores_are_the_models"),
    (changed(said(lambda data: data.update(model_version=3)), "batch-of-version"), "scores_are_the_models"),
    (changed(status(400), "varied-order"), "tensors_as_they_come"),
    (changed(output(data=[1e300] * 7), "varied-columns"), "tensors_as_they_come"),
    (changed(said(lambda data: data.update(id="mine")), "batch"), "tensors_as_they_come"),
    (changed(said(lambda data: data.pop("id")), "single-"), "tensors_as_they_come"),
    (changed(status(200), "unfit-null"), "misfits_are_refused"),
    (changed(status(500), "unfit-model"), "misfits_are_refused"),
    (changed(text('{"detail": "no"}'), "unfit-huge"), "misfits_are_refused"),
    (changed(text('{"error": null}'), "unfit-old"), "misfits_are_refused"),
    (changed(lambda _: LATE, "unfit-no-rows"), "misfits_are_refused"),
    (changed(status(200), "malformed-nan"), "misfits_are_refused"),
    (changed(status(500), "malformed-deep"), "misfits_are_refused"),
    (changed(status(503), "live-"), "misfits_are_refused"),
    (changed(status(503), "ready-again"), "misfits_are_refused"),
    (changed(output(data=[0.5]), "then-"), "misfits_are_refused"),
]  # fmt: skip


@pytest.mark.parametrize(("run", "refused_by"), ANSWERS)
def test_one_fault_costs_one_check(run, refused_by):
    # The id of an answer that is none is nobody's.
    assert failed(champion=run) == {refused_by}


def test_other_ways_to_say_the_same():
    nested = changed(lambda reply: {"text": nest(reply.text)}, "batch", "single-")
    assert not failed(champion=nested)
    assert not failed(champion=changed(text('{"detail": [1]}'), "malformed-"))
    assert not failed(champion=changed(status(404), "malformed-", "unfit-"))
    assert not failed(champion=changed(said(lambda data: data["inputs"].reverse()), "model"))


def nest(answer):
    data = json.loads(answer)
    data["outputs"][1]["data"] = [[each] for each in data["outputs"][1]["data"]]
    return json.dumps(data)


def test_numbers_that_are_wrong_everywhere_cost_their_marks_once():
    run = served()
    wrong = run.model_copy(update={"scores": tuple(each + 0.1 for each in run.scores)})
    assert failed(champion=wrong) == {"scores_are_the_models"}
    more = said(
        lambda data: data["outputs"].append({"name": "alarm", "datatype": "BOOL", "shape": [1], "data": [True]})
    )
    assert not failed(champion=changed(more, "single-", "varied-", "then-"))


def test_another_model_costs_half():
    wrong = served("another", "3", "protocol-short").model_copy(update={"version": "4711"})
    found = results(another=wrong)
    assert found["scores_are_the_models"].earned == 1
    assert failed(another=ServiceRun(service="server", start="another")) == {"scores_are_the_models"}


@pytest.mark.parametrize("ask", ["ready-1", "model-ready-0", "single-0"])
def test_not_ready(ask):
    replies = tuple(each.model_copy(update={"status": 200}) if each.ask == ask else each for each in without().replies)
    unready = without().model_copy(update={"replies": replies})
    assert failed(unready=unready) == {"not_ready_without_a_model"}
    assert not failed(unready=ServiceRun(service="server", start="without", ended="ended by itself"))


MANIFESTS = [
    (None, 0),
    ("", 0),
    ("a: [", 0),
    ("kind: Deployment", 0),
    (MANIFEST + "---\n" + MANIFEST, 0),
    ("---\n" * 3 + "a: 1\n---\n" * 30, 0),
    ("x: &a 1\ny: *a\n---\n" + MANIFEST, 0),
    (MANIFEST.replace("v1beta1", "v1alpha1"), 1),
    (MANIFEST.replace("name: card-fraud-v2", "name: card-fraud"), 1),
    (MANIFEST.replace("namespace: mlops-labs-serving", "namespace: default"), 1),
    (MANIFEST.replace("{name: mlflow}", "{name: sklearn}"), 1),
    (MANIFEST.replace("protocolVersion: v2", "protocolVersion: v1"), 1),
    (MANIFEST.replace("protocolVersion: v2", "protocolversion: v2"), 1),
    (MANIFEST.replace("runtime: mlops-labs-mlserver", "runtime: kserve-mlserver"), 1),
    (MANIFEST.replace("/mnt/code", "/mnt/models"), 1),
    (MANIFEST.replace("configMap: {name: card-fraud-code}", "emptyDir: {}"), 1),
    (MANIFEST.replace("volumes: [{name: code", "volumes: [{name: other"), 1),
    (MANIFEST.replace("fraud/3", "fraud/2"), 1),
    (MANIFEST.replace("fraud/3", "fraud@champion"), 1),
    (MANIFEST.replace("storageUri: models:/day18-card-fraud/3", "storageUri: [models]"), 1),
    (MANIFEST.replace("models:/day18-card-fraud/3", "s3://models/3"), 1),
    ("kind: InferenceService\nspec: [1]\nmetadata: 3", 0),
]  # fmt: skip


@pytest.mark.parametrize(("manifest", "earned"), MANIFESTS)
def test_the_manifest(manifest, earned):
    found = results(manifest=manifest)
    assert found["manifest_declares_it"].earned == earned
    assert failed(manifest=manifest) == {"manifest_declares_it"}


@pytest.mark.parametrize(
    "manifest",
    [
        "# words\n---\napiVersion: v1\nkind: ConfigMap\n---\n" + MANIFEST,
        MANIFEST.replace(", namespace: mlops-labs-serving", ""),
        MANIFEST.replace("      runtime: mlops-labs-mlserver\n", ""),
        MANIFEST.replace("/mnt/code", "/mnt/code/"),
        json.dumps({"kind": "List"}) + "\n---\n" + MANIFEST,
    ],
)
def test_other_manifests(manifest):
    assert not failed(manifest=manifest)


def test_the_manifest_without_a_champion():
    assert failed(champions="") == {"manifest_declares_it"}
    assert failed(champions="4") == {"manifest_declares_it"}


def test_the_cluster():
    assert not failed(kubernetes=cluster())
    assert results(kubernetes=cluster())["answers_on_the_cluster"].earned == 1
    late = (AnsweredText(ask="batch", status=None, problem="did not end within 15 seconds"),)
    for kubernetes in (
        cluster(ready="False"),
        cluster(found={"present": False}),
        cluster(uri="models:/day18-card-fraud/2"),
        cluster(version="2"),
        cluster(replies=()),
        cluster(replies=late),
    ):
        assert failed(kubernetes=kubernetes) == {"answers_on_the_cluster"}


def test_nothing_was_done():
    none = [
        ServiceRun(service="server", start=each, problem="there is nothing") for each in LAB.proofs.services[0].starts
    ]
    found = results(*none, manifest=None)
    assert sum(check.earned for check in found.values()) == 0
    assert {check.outcome for check in found.values()} == {"failed", "blocked", "skipped"}


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SIMPLE, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3)
)
KEYS = ["model_name", "model_version", "outputs", "inputs", "name", "platform", "error", "id", "extensions", "data"]
OBJECTS = st.dictionaries(st.sampled_from([*KEYS, "shape", "datatype", "spec", "kind", "metadata"]), VALUES)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.recursive(OBJECTS, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(KEYS), each)),
    st.text(max_size=60),
    st.sampled_from(["single-", "batch", "model", "server", "unfit-", "varied-"]),
)
def test_no_answer_raises(value, free, which):
    free = free.encode("utf-8", "replace").decode()
    for answer in (json.dumps(value), free):
        kubernetes = cluster(replies=(AnsweredText(ask="batch", status=200, text=answer),))
        found = results(champion=changed(text(answer), which), manifest=answer, kubernetes=kubernetes)
        assert {check.outcome for check in found.values()} <= {"passed", "failed", "blocked"}, found
