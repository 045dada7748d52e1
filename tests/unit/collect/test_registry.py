"""The registry's collector against servers that answer anything: words for a learner, and never another exception."""

import http.server
import json
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.collect import registry
from checker.collect.mlflow import collect_mlflow
from checker.declarations import MlflowSource
from checker.errors import Unavailable
from checker.evidence.mlflow import Example, Mlflow
from tests.unit.collect.test_mlflow import API, FILES, JSON, Handler, places

NAME = "card-fraud"
SOURCE = MlflowSource(registered=(NAME,))
INPUTS = '[{"type": "double", "name": "amount"}, {"type": "long", "name": "hour"}]'
MLMODEL = f"""flavors: {{python_function: {{}}}}
saved_input_example_info: {{artifact_path: input_example.json}}
signature: {{inputs: '{INPUTS}', outputs: '[]'}}
""".encode()
PLACE = f"{FILES}1/models/m-1/artifacts/"


def honest():
    """Path -> answer of a server with one registered model of two versions, from one run."""
    version = {"creation_timestamp": 1795232847038, "status": "READY", "source": "models:/m-1", "run_id": "r1"}
    model = {
        "model_id": "m-1",
        "status": "LOGGED_MODEL_READY",
        "source_run_id": "r1",
        "artifact_uri": "mlflow-artifacts:/1/models/m-1/artifacts",
    }
    versions = [
        version | {"version": "1", "description": "first", "tags": [{"key": "reason", "value": "r"}]},
        version | {"version": "2"},
    ]
    return {
        f"{API}registered-models/get": {
            "registered_model": {"name": NAME, "aliases": [{"alias": "champion", "version": "1"}]}
        },
        f"{API}model-versions/search": {"model_versions": versions},
        f"{API}model-versions/get": {"model_version": version | {"version": "7"}},
        f"{API}logged-models/m-1": {"model": {"info": model}},
        f"{API}logged-models/m-1/artifacts/directories": {
            "files": [{"path": "MLmodel", "file_size": 90}, {"path": "input_example.json", "file_size": 90}]
        },
        f"{API}runs/get": {"run": {"info": {"run_id": "r1", "status": "FINISHED", "lifecycle_stage": "active"}}},
        f"{PLACE}MLmodel": MLMODEL,
        f"{PLACE}input_example.json": {"columns": ["amount", "hour"], "data": [[1.5, 2], [0.5, 3]]},
    }


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.daemon_threads, made.block_on_close = True, False
        made.handle_error = lambda *arguments: None
        threading.Thread(target=made.serve_forever, daemon=True).start()
        made.address = f"http://127.0.0.1:{made.server_port}"
        yield made
        made.shutdown()


@pytest.fixture
def collected(server):
    def collect(**changes):
        server.answers = honest() | changes
        (found,) = collect_mlflow(server.address, SOURCE).registered
        return found

    return collect


def versions_from(source, **changes):
    answer = honest()[f"{API}model-versions/search"]
    for each in answer["model_versions"]:
        each |= {"source": source, **changes}
    return {f"{API}model-versions/search": answer}


def test_an_honest_registry_is_read_whole(collected):
    found = collected()
    assert (found.present, found.aliases) == (True, {"champion": "1"})
    first, second = found.versions
    assert (first.version, first.description, first.tags, first.status) == ("1", "first", {"reason": "r"}, "READY")
    assert (second.version, second.tags) == ("2", {})
    assert (first.run.run_id, first.run.status, first.run.deleted) == ("r1", "FINISHED", False)
    assert (first.model.ready, first.model.inputs, first.model.has_outputs) == (True, ("amount", "hour"), True)
    assert first.model.example == Example(columns=("amount", "hour"), rows=2)
    assert second.model == first.model


def test_what_is_not_there_is_absent(collected):
    assert not collected(**{f"{API}registered-models/get": 404}).present
    assert collected(**{f"{API}model-versions/search": {}}).versions == ()
    assert collected(**{f"{API}logged-models/m-1": 404}).versions[0].model is None
    assert collected(**{f"{API}runs/get": 404}).versions[0].run is None


def test_a_run_or_model_of_another_id_is_none(collected):
    other = honest()[f"{API}logged-models/m-1"]
    other["model"]["info"]["model_id"] = "m-2"
    assert collected(**{f"{API}logged-models/m-1": other}).versions[0].model is None
    run = {"run": {"info": {"run_id": "r2"}}}
    assert collected(**{f"{API}runs/get": run}).versions[0].run is None


def test_a_deleted_run_is_told(collected):
    run = {"run": {"info": {"run_id": "r1", "lifecycle_stage": "deleted"}}}
    assert collected(**{f"{API}runs/get": run}).versions[0].run.deleted


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("models:/m-1", True),
        ("models:///m-1", True),
        ("mlflow-artifacts:/1/models/m-1/artifacts", True),
        ("models:/development/7", True),
        ("models:/m-../../runs", False),
        ("models:/m-1?x=y", False),
        ("models:/development@champion", False),
        ("runs:/r1/model", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_sources_lead_to_the_logged_model_or_nowhere(collected, source, found):
    assert (collected(**versions_from(source)).versions[0].model is not None) is found


def test_copies_of_copies_end(collected):
    turn = {"model_version": {"version": "1", "source": "models:/card-fraud/1"}}
    calls = []
    path = f"{API}model-versions/get"
    found = collected(**versions_from("models:/card-fraud/1"), **{path: lambda _: calls.append(1) or turn})
    assert found.versions[0].model is None
    assert len(calls) <= 2 * registry.MOST_COPIES


def test_pages_are_followed_to_a_bound_and_only_the_foremost_to_their_runs(collected):
    asked, runs = [], []

    def page(request):
        query = parse_qs(urlsplit(request.path).query)
        asked.append(query["filter"])
        start = len(asked) * 1000
        items = [{"version": str(start + number), "run_id": f"r{start + number}"} for number in range(100)]
        return {"model_versions": items, "next_page_token": "more"}

    def run(request):
        runs.append(request.path)
        return 404

    found = collected(**{f"{API}model-versions/search": page, f"{API}runs/get": run})
    assert len(found.versions) == registry.MOST_VERSIONS
    assert len(runs) == registry.MOST_FOLLOWED
    assert asked == [[f"name='{NAME}'"]] * 2
    assert found.versions[0].version == "2099"


def test_a_version_with_an_alias_comes_first(collected):
    answer = {"model_versions": [{"version": str(number)} for number in range(1, 100)]}
    assert collected(**{f"{API}model-versions/search": answer}).versions[0].version == "1"


@pytest.mark.parametrize(
    ("content", "example"),
    [
        ([{"amount": 1, "hour": 2}], Example(columns=("amount", "hour"), rows=1)),
        ({"amount": [1, 2, 3], "hour": [1, 2, 3]}, Example(columns=("amount", "hour"), rows=3)),
        ({"amount": 1, "hour": 2}, Example(columns=("amount", "hour"), rows=1)),
        ([[1, 2], [3, 4]], Example(rows=2)),
        ([], Example()),
        (b"5", Example(rows=1)),
        (b"[" * 100_000, Example(problem="is no JSON text")),
        (b"\xff", Example(problem="is no JSON text")),
        (404, Example(problem="is no JSON text")),
    ],
)
def test_an_example_of_any_shape_is_read_or_told(collected, content, example):
    assert collected(**{f"{PLACE}input_example.json": content}).versions[0].model.example == example


@pytest.mark.parametrize("path", ["../../../etc/passwd", "/etc/passwd", "a/../b", 7, None, ["x"]])
def test_an_example_outside_of_the_model_is_not_read(collected, path):
    mlmodel = f"flavors: {{}}\nsaved_input_example_info: {{artifact_path: {json.dumps(path)}}}\n".encode()
    example = collected(**{f"{PLACE}MLmodel": mlmodel}).versions[0].model.example
    assert example is None or example.problem == "is named in `MLmodel` and not there"


def test_a_large_example_is_not_fetched(collected):
    files = honest()[f"{API}logged-models/m-1/artifacts/directories"]
    files["files"][1]["file_size"] = 3_000_000
    example = collected(**{f"{API}logged-models/m-1/artifacts/directories": files}).versions[0].model.example
    assert "3000000 bytes" in example.problem


PLACES = [(path, where) for path, answer in honest().items() if isinstance(answer, dict) for where in places(answer)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=JSON)
def test_nothing_in_an_answer_raises_anything_but_unavailable(server, place, value):
    path, where = place
    server.answers = honest()
    inner = holder = {"": server.answers[path]}
    for key in ("", *where)[:-1]:
        inner = inner[key]
    inner[("", *where)[-1]] = value
    server.answers[path] = holder[""]
    if not isinstance(server.answers[path], dict):
        server.answers[path] = json.dumps(server.answers[path]).encode()
    try:
        found = collect_mlflow(server.address, SOURCE)
    except Unavailable:
        return
    assert Mlflow.model_validate_json(found.model_dump_json()).registered[0].name == NAME
    assert len(found.model_dump_json()) < 1_000_000
