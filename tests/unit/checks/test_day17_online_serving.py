"""The checks of day 17 over evidence made by hand: a service that keeps to the contract, and one change at a time."""

import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.evidence import Evidence, Identity
from checker.evidence.mlflow import Mlflow
from checker.evidence.proofs import Proofs
from checker.evidence.services import (
    AnsweredText,
    Deployment,
    Endpoint,
    Endpoints,
    EndpointScores,
    Line,
    Load,
    Release,
    Reply,
    ServiceRun,
)
from checker.prove.talks import EDGES, TALKS
from checker.runner import load_checks, run_checks
from checker.world.facts import FEATURE_COLUMNS
from checker.world.requests import LIKELY, live_rows, named
from tests.support import COURSE

LAB = next(lab for lab in COURSE.labs if lab.day == 17)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
NAME = "day17-card-fraud"
DRAW = random.Random(1)
ROWS = [named(DRAW, {**LIKELY, "amount": 1.0 + number}) for number in range(30)]
ROWS = [{**row, "transaction_id": f"T-{number}x"} for number, row in enumerate(ROWS)]
ROWS += [{**LIKELY, **edge, "transaction_id": f"T-edge-{number}"} for number, edge in enumerate(EDGES)]


def score(row, version):
    return float(row["amount"]) / (3_000_000 + int(version))


class Service:
    """What the contract says, with `faults` in it."""

    def __init__(self, start, version, talk, *faults):
        self.start, self.version, self.faults = start, version, faults
        self.script = TALKS[talk](ROWS, random.Random(2))
        self.counts = dict.fromkeys(("answered", "refused", "rows"), 0)
        self.log, self.number = [], 0

    def run(self, **changes):
        replies = [Reply(ask=each, kind=each, about=f"`GET /{each}`", status=200) for each in ("health", "ready")]
        asked = [each for step in self.script.steps for each in step.said]
        replies += [self.answer(each) for each in asked]
        ids = {each.name: each.headers["X-Request-ID"] for each in asked if "X-Request-ID" in each.headers}
        made = {
            "service": "service",
            "start": self.start,
            "name": NAME,
            "version": self.version,
            "rows": tuple(ROWS),
            "scores": tuple(score(row, self.version) for row in ROWS),
            "replies": tuple(replies),
            "sent_ids": ids,
            "loads": (Load(name="one after another", at_once=1, rounds=((0.01, 0.001), (0.09, 0.001))),),
            "log": tuple(Line(number=number, said=said) for number, said in enumerate(self.log, start=1)),
        }
        return ServiceRun(**made | changes)

    def answer(self, said):
        status, text = 200, "{}"
        if said.kind == "predict":
            text = self.predict(said)
        elif said.kind in ("refuse", "too-large"):
            status = 413 if said.kind == "too-large" else 422
            self.counts["refused"] += "refused-uncounted" not in self.faults
        elif said.kind == "metrics":
            text = self.metrics()
        return Reply(ask=said.name, kind=said.kind, about=said.about, rows=said.rows, status=status, text=text)

    def predict(self, said):
        self.number += 1
        given = said.headers.get("X-Request-ID", "")
        request_id = given if given.startswith("check-") else f"made-{self.number}"
        predictions = []
        for number in said.rows:
            row = ROWS[number]
            found = score(row, self.version)
            predictions.append({"transaction_id": row["transaction_id"], "score": found})
            line = {"time": "2026-11-21T10:00:00Z", "request_id": request_id, "model_name": NAME, "score": found}
            line |= {"model_version": self.version, "transaction_id": row["transaction_id"]}
            self.log.append(line | {"features": {name: row[name] for name in FEATURE_COLUMNS}})
        self.counts["answered"] += 1
        self.counts["rows"] += len(predictions)
        model = {"name": NAME, "version": self.version}
        return json.dumps({"request_id": request_id, "model": model, "predictions": predictions, "more": [1]})

    def metrics(self):
        lines = ["# TYPE prediction_requests counter"]
        lines += [
            f'prediction_requests_total{{outcome="{each}"}} {self.counts[each]}' for each in ("answered", "refused")
        ]
        lines += ["# TYPE prediction_rows counter", f"prediction_rows_total {self.counts['rows']}"]
        count = self.counts["answered"]
        lines += ["# TYPE prediction_seconds histogram", f'prediction_seconds_bucket{{le="+Inf"}} {count}']
        return "\n".join([*lines, f"prediction_seconds_count {count}", f"prediction_seconds_sum {count * 0.01}", ""])


def without():
    script = TALKS["unready"](ROWS, random.Random(2))
    replies = [Reply(ask=each.name, kind=each.kind, status=503) for step in script.steps for each in step.said]
    return ServiceRun(service="service", start="without", replies=tuple(replies))


def live(version="1", **changes):
    rows, name = live_rows(7), "card-fraud"
    predictions = [{"transaction_id": row["transaction_id"], "score": score(row, version)} for row in rows]

    def reply(ask, count):
        said = {"request_id": "r", "model": {"name": NAME, "version": version}, "predictions": predictions[:count]}
        return AnsweredText(ask=ask, kind="predict", status=200, text=json.dumps(said))

    replies = [AnsweredText(ask=each, kind=each, status=200) for each in ("health", "ready")]
    replies += [reply("batch", len(rows)), reply("single", 1)]
    release = Release(release=1, app="service:app", model=NAME, version=version)
    deployment = Deployment(present=True, releases=(release,), weights={"1": 100})
    return Endpoint(**{"name": name, "deployment": deployment, "replies": tuple(replies)} | changes)


def results(champion=None, another=None, unready=None, endpoint=None):
    identity = Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=NOW)
    runs = (
        champion or Service("champion", "1", "whole").run(),
        another or Service("another", "4711", "short").run(),
        unready or without(),
    )
    scores = EndpointScores(
        endpoint="card-fraud", name=NAME, version="1", scores=tuple(score(row, "1") for row in live_rows(7))
    )
    evidence = Evidence(
        workspace=identity,
        mlflow=Mlflow(),
        endpoints=Endpoints(endpoints=(endpoint or live(),)),
        proofs=Proofs(services=runs, endpoint_scores=(scores,)),
    )
    return {check.name: check for check in run_checks(LAB, load_checks(LAB), evidence).checks}


def failed(**changes):
    found = results(**changes)
    assert not [check for check in found.values() if check.outcome == "error"], found
    told = [message for check in found.values() for message in check.messages]
    assert all(message.found and message.expected and message.next_step for message in told)
    return {name for name, check in found.items() if check.outcome == "failed"}


def changed(edit, which=lambda reply: True, **more):
    """The champion's run with some replies changed by `edit`."""
    run = Service("champion", "1", "whole").run()
    replies = tuple(reply.model_copy(update=edit(reply)) if which(reply) else reply for reply in run.replies)
    return run.model_copy(update={"replies": replies} | more)


def asked(*names):
    return lambda reply: reply.ask.startswith(names)


def predictions(change):
    def edit(reply):
        said = json.loads(reply.text)
        change(said)
        return {"text": json.dumps(said)}

    return edit


def first(**changes):
    return predictions(lambda said: said["predictions"][0].update(**changes))


LATE, GONE = (
    {"status": None, "problem": each} for each in ("did not end within 20 seconds", "broke off the connection")
)
ELSEWHERE = {"status": 307, "headers": {"location": "http://a/\x1b[2J"}}
NEWEST = Release(release=1, model=NAME, version="2")


def test_everything_is_right():
    assert not failed()
    assert sum(check.earned for check in results().values()) == 10


def kind(*kinds):
    return lambda reply: reply.kind in kinds


ANSWERS = [
    (changed(lambda _: {"status": 500}, asked("health")), "service_answers"),
    (changed(lambda _: {"status": 503}, lambda each: each.ask == "ready"), "service_answers"),
    (changed(lambda _: ELSEWHERE, asked("ready")), "service_answers"),
    (changed(lambda _: {"text": "[]"}, asked("batch")), "service_answers"),
    (changed(lambda _: {"text": "{"}, asked("single")), "service_answers"),
    (changed(lambda _: LATE, asked("single")), "service_answers"),
    (changed(predictions(lambda said: said["predictions"].pop()), asked("piece-0")), "service_answers"),
    (changed(predictions(lambda said: said["predictions"].reverse()), asked("shuffled")), "service_answers"),
    (changed(predictions(lambda said: said.update(model={"name": NAME})), asked("batch")), "service_answers"),
    (changed(first(score="0.1"), asked("edges")), "service_answers"),
    (changed(first(score=float("nan")), asked("edges")), "service_answers"),
    (changed(first(score=0.5), asked("again-")), "scores_are_the_models"),
    (changed(first(score=1e300), asked("many-")), "scores_are_the_models"),
    (changed(predictions(lambda said: said["model"].update(version="2")), asked("largest")), "scores_are_the_models"),
    (changed(lambda _: {"status": 200}, asked("no-nan")), "bad_requests_are_refused"),
    (changed(lambda _: {"status": 500}, asked("no-half")), "bad_requests_are_refused"),
    (changed(lambda _: GONE, asked("no-deep")), "bad_requests_are_refused"),
    (changed(lambda _: {"status": 422}, kind("too-large")), "bad_requests_are_refused"),
    (changed(lambda _: {"status": 503}, asked("health-2")), "bad_requests_are_refused"),
    (changed(lambda _: {"text": "<html>"}, asked("metrics-1")), "metrics_count"),
    (changed(lambda _: {"text": ""}, kind("metrics")), "metrics_count"),
    (changed(lambda _: {"status": 404}, kind("metrics")), "metrics_count"),
    (Service("champion", "1", "whole", "refused-uncounted").run(), "metrics_count"),
    (Service("champion", "1", "whole").run(log=None), "predictions_are_logged"),
    (Service("champion", "1", "whole").run(log=()), "predictions_are_logged"),
    (Service("champion", "1", "whole").run(log=(Line(number=1, problem="is not JSON"),)), "predictions_are_logged"),
    (Service("champion", "1", "whole").run(loads=()), "fast_enough"),
    (Service("champion", "1", "whole").run(loads=(Load(name="x", at_once=1, rounds=((0.5, 0.001),)),)), "fast_enough"),
    (Service("champion", "1", "whole").run(loads=(Load(name="x", at_once=1, rounds=()),)), "fast_enough"),
]  # fmt: skip


@pytest.mark.parametrize(("run", "refused_by"), ANSWERS)
def test_one_fault_costs_one_check(run, refused_by):
    found = failed(champion=run)
    assert refused_by in found
    # What is refused with 200 or 500, or is not there, is counted otherwise as well.
    assert found <= {refused_by, "metrics_count", "predictions_are_logged"}, found


def test_a_service_without_predictions_earns_nothing_for_refusing():
    def edit(reply):
        return {"status": 404, "text": "{}"}

    found = results(champion=changed(edit, kind("predict", "refuse", "too-large")))
    assert found["service_answers"].outcome == "failed"
    earned = {name: check.earned for name, check in found.items() if check.earned}
    assert not earned


def logged(edit):
    run = Service("champion", "1", "whole").run()
    lines = [line.model_copy(update={"said": {**line.said}}) for line in run.log]
    edit(lines)
    return run.model_copy(update={"log": tuple(lines)})


LOGS = [
    lambda lines: lines.pop(),
    lambda lines: lines.append(lines[0]),
    lambda lines: lines[3].said.pop("model_version"),
    lambda lines: lines[3].said.update(model_version="2"),
    lambda lines: lines[3].said.update(time="yesterday"),
    lambda lines: lines[3].said.update(time="2026-11-21T10:00:00"),
    lambda lines: lines[3].said.update(score=None),
    lambda lines: lines[3].said.update(score=float("inf")),
    lambda lines: lines[3].said.update(score=0.123),
    lambda lines: lines[3].said.update(features=[1]),
    lambda lines: lines[3].said.update(request_id={"a": 1}),
    lambda lines: lines[3].said.update(request_id="another"),
    lambda lines: lines[3].said["features"].update(hour=99),
]


@pytest.mark.parametrize("edit", LOGS)
def test_each_line_counts(edit):
    run = logged(edit)
    assert failed(champion=run) == {"predictions_are_logged"}


def test_ids():
    same = changed(predictions(lambda said: said.update(request_id="always-the-same")), kind("predict"))
    assert "predictions_are_logged" in failed(champion=same)
    own = changed(predictions(lambda said: said.update(request_id="mine")), asked("with-id"))
    assert failed(champion=own) == {"predictions_are_logged"}


def test_another_model_costs_half():
    found = results(another=Service("another", "1", "short").run(version="4711"))
    assert found["scores_are_the_models"].earned == 1
    assert failed(another=ServiceRun(service="service", start="another")) == {"scores_are_the_models"}


def test_not_ready():
    said = without()
    replies = tuple(each.model_copy(update={"status": 200}) for each in said.replies if each.ask == "ready-1")
    assert failed(unready=said.model_copy(update={"replies": replies})) == {"not_ready_without_a_model"}
    assert not failed(unready=ServiceRun(service="service", start="without", ended="ended by itself"))


@pytest.mark.parametrize(
    "endpoint",
    [
        live(deployment=Deployment()),
        live(deployment=Deployment(present=True, problem="its record cannot be read")),
        live(deployment=Deployment(present=True, releases=(Release(release=1),), weights={"1": 0})),
        live(deployment=Deployment(present=True, releases=(NEWEST,), weights={"1": 9})),
        live("2"),
        live(replies=()),
        live(replies=(AnsweredText(ask="health", status=None, problem="did not end within 15 seconds"),)),
    ],
)  # fmt: skip
def test_the_deployment(endpoint):
    assert failed(endpoint=endpoint) == {"deployed"}


def test_nothing_was_done():
    none = [
        ServiceRun(service="service", start=each, problem="there is no `service.py`")
        for each in LAB.proofs.services[0].starts
    ]
    found = results(*none)
    assert sum(check.earned for check in found.values()) == 0
    assert {check.outcome for check in found.values()} == {"failed", "blocked"}


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SIMPLE, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3)
)
KEYS = st.sampled_from(["request_id", "model", "predictions", "time", "score", "features", "transaction_id"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(KEYS, VALUES) | VALUES,
    st.text(max_size=60),
    st.sampled_from(["single-", "batch", "metrics", "no-"]),
)
def test_no_answer_raises(value, text, which):
    text = text.encode("utf-8", "replace").decode()
    for said in (json.dumps(value), text):
        line = Line(number=1, said=value if isinstance(value, dict) else {})
        run = changed(lambda _, said=said: {"text": said}, asked(which), log=(line,))
        found = results(champion=run, endpoint=live(replies=(AnsweredText(ask="health", status=200, text=said),)))
        assert {check.outcome for check in found.values()} <= {"passed", "failed", "blocked"}, found
