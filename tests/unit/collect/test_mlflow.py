"""The MLflow collector against servers that answer anything: words for a learner, and never another exception."""

import http.server
import json
import socket
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.collect import mlflow
from checker.collect.mlflow import MlflowServer, collect_mlflow, fetch_model
from checker.declarations import MlflowSource
from checker.errors import Unavailable
from checker.evidence.mlflow import ArtifactFile, LoggedModel, Mlflow

NAME = "quo\"te's/../\\ \x1b[31m"
SOURCE = MlflowSource(experiments=(NAME,))
API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts/"
MLMODEL = b"flavors: {python_function: {}, sklearn: {}}\nsignature: {inputs: '[]', outputs: null}\n"


def honest():
    """Path -> answer of a server with one experiment, one run and one model."""
    info = {"run_id": "r1", "run_name": "n", "status": "FINISHED", "start_time": 1795232847038}
    data = {
        "metrics": [{"key": "f1", "value": 0.5}, {"key": "nan", "value": "NaN"}],
        "params": [{"key": "d", "value": "4"}],
        "tags": [{"key": "stage", "value": "candidate"}],
    }
    dataset = {"dataset": {"name": "t", "digest": "d1"}, "tags": [{"key": "mlflow.data.context", "value": "training"}]}
    run = {
        "info": info,
        "data": data,
        "inputs": {"dataset_inputs": [dataset]},
        "outputs": {"model_outputs": [{"model_id": "m-1"}]},
    }
    model = {
        "model_id": "m-1",
        "name": "model",
        "status": "LOGGED_MODEL_READY",
        "source_run_id": "r1",
        "artifact_uri": "mlflow-artifacts:/1/models/m-1/artifacts",
        "creation_timestamp_ms": 1795232847676,
    }
    files = [{"path": "MLmodel", "is_dir": False, "file_size": 90}]
    return {
        f"{API}experiments/get-by-name": {"experiment": {"experiment_id": "1", "lifecycle_stage": "active"}},
        f"{API}runs/search": {"runs": [run]},
        f"{API}logged-models/search": {"models": [{"info": model}]},
        f"{API}logged-models/m-1/artifacts/directories": {"files": files},
        f"{FILES}1/models/m-1/artifacts/MLmodel": MLMODEL,
    }


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers what the server's `answers` say; a callable there does what it likes with the connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = json.loads(self.rfile.read(length)) if length else {}
        answer = self.server.answers.get(self.path.split("?")[0], self.server.answers.get("*", 404))
        if callable(answer):
            answer = answer(self)
        if answer is None:
            self.close_connection = True
        elif isinstance(answer, int):
            self.reply(answer, b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}')
        else:
            self.reply(200, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    do_POST = do_GET

    def reply(self, status, content, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


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
        return collect_mlflow(server.address, SOURCE)

    return collect


def test_an_honest_server_is_read_whole(collected):
    (experiment,) = collected().experiments
    (run,), (model,) = experiment.runs, experiment.models
    assert (run.status, run.params, run.metrics["f1"], run.model_ids) == ("FINISHED", {"d": "4"}, 0.5, ("m-1",))
    assert run.metrics["nan"] != run.metrics["nan"]
    assert (run.datasets[0].digest, run.datasets[0].context) == ("d1", "training")
    assert (model.ready, model.has_signature, model.flavors) == (True, True, ("python_function", "sklearn"))
    assert (model.created - run.started).total_seconds() < 1
    assert model.files == (ArtifactFile(path="MLmodel", size=90),)


def test_pages_are_followed_to_a_bound(collected):
    count = iter(range(10_000))

    def page(request):
        run = {"info": {"run_id": f"r{next(count)}"}}
        return {"runs": [run] * request.body["max_results"], "next_page_token": "more"}

    (experiment,) = collected(**{f"{API}runs/search": page}).experiments
    assert len(experiment.runs) == mlflow.MOST_RUNS
    assert len({run.run_id for run in experiment.runs}) == mlflow.MOST_RUNS / mlflow.PAGE


def test_a_deleted_or_missing_experiment_is_absent(collected):
    path = f"{API}experiments/get-by-name"
    assert not collected(**{path: 404}).experiments[0].present
    assert not collected(**{path: {"experiment": {"lifecycle_stage": "deleted"}}}).experiments[0].present


def endless(request):
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(b" " * (1 << 20))
    except OSError:
        return None


def drip(request):
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.05)
    except OSError:
        return None


def drip_headers(request):
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    try:
        while True:
            request.wfile.write(b"A: b\r\n")
            request.wfile.flush()
            time.sleep(0.05)
    except OSError:
        return None


def reset(request):
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    request.connection.close()


def compressed(request):
    import gzip

    request.reply(200, gzip.compress(b'{"experiment": {}}'), **{"Content-Encoding": "gzip"})
    return None


def redirect(request):
    request.reply(302, b"", Location="http://127.0.0.1:1/secret")
    return None


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>a router's page</html>",
        b"",
        b"[]",
        b"null",
        b"[" * 200_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\xff\xfe",
        401,
        403,
        500,
        503,
        pytest.param(lambda request: request.reply(404, b"<html>no</html>"), id="404 of something else"),
        pytest.param(redirect, id="redirect"),
        pytest.param(compressed, id="compressed"),
        pytest.param(reset, id="reset"),
        pytest.param(endless, id="endless"),
        pytest.param(lambda request: request.wfile.write(b"SSH-2.0\r\n") and None, id="no http"),
    ],
)
def test_what_is_no_mlflow_is_an_error_of_the_environment(collected, answer):
    with pytest.raises(Unavailable) as error:
        collected(**dict.fromkeys(honest(), answer))
    assert error.value.found
    assert error.value.next_step


@pytest.mark.parametrize("slow", [drip, drip_headers], ids=["body", "headers"])
def test_a_slow_drip_ends_in_time(server, slow):
    server.answers = {"*": slow}
    started = time.monotonic()
    with (
        pytest.raises(Unavailable, match=r"within 0\.5 seconds"),
        MlflowServer(server.address, seconds=0.5) as slowly,
    ):
        slowly.call("experiments/get-by-name")
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("address", ["", "sqlite:///x", "file:/x", "http://", "http://\x00", "ftp://x"])
def test_an_address_that_is_none_is_explained(address):
    with pytest.raises(Unavailable, match="MLFLOW_TRACKING_URI"):
        collect_mlflow(address, SOURCE)


def test_a_server_that_is_down_is_an_error_of_the_environment():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match="does not answer"):
        collect_mlflow(f"http://127.0.0.1:{port}", SOURCE)


@pytest.mark.parametrize(
    ("mlmodel", "problem"),
    [
        (404, "no file `MLmodel`"),
        (b"a: &a [*a]", "alias"),
        (b"!!python/object/apply:os.system [x]", "MLmodel"),
        (b"[" * 5000, "MLmodel"),
        (b"\xff\xff", "MLmodel"),
        (b"- 1", None),
    ],
)
def test_a_hostile_mlmodel_is_the_models_problem(collected, mlmodel, problem):
    (model,) = collected(**{f"{FILES}1/models/m-1/artifacts/MLmodel": mlmodel}).experiments[0].models
    assert (problem in (model.problem or "")) if problem else not model.has_signature


@pytest.mark.parametrize("uri", ["file:///etc", "s3://x/y", "mlflow-artifacts:/../../etc", "", 7, None])
def test_a_model_that_lies_elsewhere_is_not_read(collected, uri):
    answers = honest()[f"{API}logged-models/search"]
    answers["models"][0]["info"]["artifact_uri"] = uri
    (model,) = collected(**{f"{API}logged-models/search": answers}).experiments[0].models
    assert not model.ready


def test_folders_that_hold_themselves_end(collected):
    path = f"{API}logged-models/m-1/artifacts/directories"
    count = iter(range(10_000))
    folders = collected(**{path: lambda request: {"files": [{"path": f"f{next(count)}", "is_dir": True}] * 3}})
    assert folders.experiments[0].models[0].files == ()
    assert next(count) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\ud800", "x" * 1_000_000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value, where=()):
    """Yield the path of every place in a JSON value."""
    yield where
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*where, key))


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
    assert Mlflow.model_validate_json(found.model_dump_json()).experiments[0].name == found.experiments[0].name
    assert len(found.model_dump_json()) < 1_000_000


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "", "a\0b", "x" * 300])
def test_a_file_outside_of_the_model_is_refused(server, tmp_path, path):
    server.answers = {"*": b"content"}
    model = LoggedModel(model_id="m", artifact_path="1", files=(ArtifactFile(path=path, size=1),))
    with pytest.raises(ValueError, match="file"), MlflowServer(server.address) as client:
        fetch_model(client, model, tmp_path / "model")
    assert not list(tmp_path.rglob("passwd"))


def test_a_model_that_is_too_large_or_gone_is_the_models_problem(server, tmp_path, monkeypatch):
    server.answers = {"*": 404}
    gone = LoggedModel(model_id="m", artifact_path="1", files=(ArtifactFile(path="a", size=1),))
    large = gone.model_copy(update={"files": (ArtifactFile(path="a", size=1 << 40),)})
    with MlflowServer(server.address) as client:
        with pytest.raises(ValueError, match="gone"):
            fetch_model(client, gone, tmp_path)
        with pytest.raises(ValueError, match="MiB"):
            fetch_model(client, large, tmp_path)
        monkeypatch.setattr(mlflow, "LARGEST_MODEL", 1000)
        server.answers = {"*": b"x" * 2000}
        with pytest.raises(Unavailable, match="more than"):
            fetch_model(client, gone, tmp_path)


def test_a_file_that_is_a_folder_too_is_the_models_problem(server, tmp_path):
    server.answers = {"*": b"content"}
    files = (ArtifactFile(path="a", size=1), ArtifactFile(path="a/b", size=1))
    with MlflowServer(server.address) as client, pytest.raises(ValueError, match="cannot be stored"):
        fetch_model(client, LoggedModel(model_id="m", artifact_path="1", files=files), tmp_path)
