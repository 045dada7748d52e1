"""MLflow as the manifest starts it, with a real PostgreSQL, and files in an S3-compatible store.

SeaweedFS is not to be had here, so a few lines stand in for the store; what speaks to it is the real library.
"""

from __future__ import annotations

import contextlib
import http.server
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import psutil
import pytest

from tests.support import free_port
from tests.unit.infra.manifests.rendering import INFRA, find, quantity, rendered

PATIENCE = 240
LONG_AGO = "Thu, 01 Jan 2026 00:00:00 GMT"
PASSWORD = "0123456789abcdef0123456789abcdef"
SECRETS = {("postgres", "password"): PASSWORD, ("store", "access-key"): "key", ("store", "secret-key"): "secret"}
PREPARE = INFRA / "base" / "mlflow" / "prepare.py"


class Store(http.server.BaseHTTPRequestHandler):
    """Buckets and objects in memory."""

    buckets: dict[str, dict[str, bytes]]
    refusals: list[int]

    def answer(self, status=200, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def place(self):
        bucket, _, key = self.path.partition("?")[0].lstrip("/").partition("/")
        return bucket, key

    def do_GET(self):
        if self.refusals:
            status = self.refusals.pop()
            return self.answer(status, b"<Error><Code>AccessDenied</Code></Error>" if status == 403 else b"")
        bucket, key = self.place()
        if not bucket:
            names = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in self.buckets)
            return self.answer(
                body=f"<ListAllMyBucketsResult><Buckets>{names}</Buckets></ListAllMyBucketsResult>".encode()
            )
        if "list-type" in self.path:
            prefix = parse_qs(self.path.partition("?")[2]).get("prefix", [""])[0]
            keys = [each for each in self.buckets[bucket] if each.startswith(prefix)]
            found = "".join(f"<Contents><Key>{each}</Key><Size>1</Size></Contents>" for each in keys)
            return self.answer(body=f"<ListBucketResult><Name>{bucket}</Name>{found}</ListBucketResult>".encode())
        if key in self.buckets.get(bucket, {}):
            return self.answer(body=self.buckets[bucket][key], ETag='"0"', **{"Last-Modified": LONG_AGO})
        return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    do_HEAD = do_GET

    def do_PUT(self):
        bucket, key = self.place()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if key:
            self.buckets[bucket][key] = body
        else:
            self.buckets[bucket] = {}
        self.answer(ETag='"0"')

    def log_message(self, format, *args):
        pass


@pytest.fixture
def store():
    """(address, buckets, refusals) of a store."""
    handler = type("OwnStore", (Store,), {"buckets": {}, "refusals": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", handler.buckets, handler.refusals
        server.shutdown()


def prepare():
    pytest.importorskip("boto3")
    spec = importlib.util.spec_from_file_location("prepare", PREPARE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def keys(monkeypatch):
    for name, value in (("ACCESS_KEY_ID", "key"), ("SECRET_ACCESS_KEY", "secret"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)


def test_the_bucket_is_made_once(store, keys):
    address, buckets, _ = store
    deadline = time.monotonic() + 30
    assert prepare().ensure_bucket(address, "mlflow", deadline) is True
    assert prepare().ensure_bucket(address, "mlflow", deadline) is False
    assert list(buckets) == ["mlflow"]


def test_a_store_that_is_not_ready_is_waited_for(store, keys):
    address, _, refusals = store
    refusals += [500] * 6
    assert prepare().ensure_bucket(address, "mlflow", time.monotonic() + 60) is True
    assert not refusals


def test_a_refusal_is_not_waited_for(store, keys):
    from botocore.exceptions import ClientError

    address, _, refusals = store
    refusals += [403] * 10
    with pytest.raises(ClientError):
        prepare().ensure_bucket(address, "mlflow", time.monotonic() + 60)
    assert len(refusals) == 9


def test_nobody_who_listens_is_an_error_in_the_end():
    with pytest.raises(TimeoutError, match="does not answer"):
        prepare().await_port("127.0.0.1", free_port(), time.monotonic() - 1)


def programs() -> Path:
    """PostgreSQL's folder of programs."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        pytest.skip("no PostgreSQL (initdb) on this machine")
    return folders[-1]


@pytest.fixture
def postgres():
    """The port of a PostgreSQL that was started with the manifest's arguments."""
    folder, port = programs(), free_port()
    user = None
    if os.geteuid() == 0:
        # It refuses to be root, as in its pod.
        try:
            user = pwd.getpwnam("postgres").pw_uid
        except KeyError:
            pytest.skip("root, and no user postgres to be instead")
    # Not below pytest's own folder, which nobody else may enter.
    with tempfile.TemporaryDirectory(prefix="mlops-labs-postgres-") as place:
        data, password, log = (Path(place, name) for name in ("data", "password", "log"))
        password.write_text(PASSWORD)
        if user is not None:
            os.chown(place, user, -1)
            os.chown(password, user, -1)
        words = ["--auth=scram-sha-256", "--username=mlflow", f"--pwfile={password}", f"--pgdata={data}", "--no-sync"]
        subprocess.run(
            [str(folder / "initdb"), *words], check=True, capture_output=True, timeout=120, cwd="/", user=user
        )
        container = find(rendered("serve"), "StatefulSet", "postgres")["spec"]["template"]["spec"]["containers"][0]
        command = [str(folder / "postgres"), "-D", str(data), "-p", str(port), "-k", place, *container["args"]]
        with log.open("w") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said, cwd="/", user=user)
        try:
            make_database(folder, port, process, log)
            yield port
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def make_database(folder, port, process, log):
    ask = [str(folder / "psql"), "-h", "127.0.0.1", "-p", str(port), "-U", "mlflow", "-d", "postgres", "-c"]
    environment = {**os.environ, "PGPASSWORD": PASSWORD}
    deadline = time.monotonic() + 60
    words = [*ask, "create database mlflow"]
    while subprocess.run(words, env=environment, capture_output=True, check=False).returncode:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.2)


def variables(container, **replaced):
    """The variables of a container, put together as Kubernetes does it."""
    found: dict[str, str] = {}
    for each in container["env"]:
        if "valueFrom" in each:
            key = each["valueFrom"]["secretKeyRef"]
            found[each["name"]] = SECRETS[key["name"], key["key"]]
        else:
            found[each["name"]] = re.sub(r"\$\((\w+)\)", lambda match: found[match[1]], each["value"])
    for old, new in replaced.values():
        found = {name: value.replace(old, new) for name, value in found.items()}
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_mlflow_serves_with_the_arguments_of_the_manifest(postgres, store, tmp_path):
    pytest.importorskip("psycopg2")
    pytest.importorskip("boto3")
    address, buckets, _ = store
    buckets["mlflow"] = {}
    port = free_port()
    container = find(rendered("serve"), "Deployment", "mlflow")["spec"]["template"]["spec"]["containers"][0]
    args = [
        {"--host=0.0.0.0": "--host=127.0.0.1", "--port=5000": f"--port={port}"}.get(each, each)
        for each in container["args"]
    ]
    own = variables(
        container, database=("postgres:5432", f"127.0.0.1:{postgres}"), store=("http://store:8333", address)
    )
    assert PASSWORD in own["MLFLOW_BACKEND_STORE_URI"]
    assert not [each for each in args if PASSWORD in each], "a password for all to see"
    environment = {**os.environ, **own, "HOME": str(tmp_path)}
    command = [str(Path(sys.executable).with_name(container["command"][0])), *container["command"][1:], *args]
    with (tmp_path / "mlflow.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path, env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            await_health(client, process, tmp_path / "mlflow.log")
            refuses_foreign_names(client)
            keeps_files_in_the_store(client, buckets)
            hands_no_client_an_address_of_the_store(client)
        processes = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        used = sum(each.memory_info().rss for each in processes)
        assert used < quantity(container["resources"]["limits"]["memory"]), f"{used / 2**20:.0f} MiB"
        assert len(processes) <= 4
    finally:
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.terminate()
        process.wait(60)


def await_health(client, process, log):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-2000:]
        with contextlib.suppress(httpx.HTTPError):
            # As the kubelet asks: by the pod's address.
            if client.get("/health", headers={"Host": "10.244.0.9:5000"}).status_code == 200:
                return
        time.sleep(0.5)
    raise AssertionError(log.read_text()[-2000:])


def refuses_foreign_names(client):
    path = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"
    welcome = [
        "localhost:5000",
        "127.0.0.1:5001",
        "mlflow:5000",
        "mlflow.mlops-labs:5000",
        "mlflow.mlops-labs.svc:5000",
    ]
    for host in [*welcome, "mlflow.mlops-labs.svc.cluster.local:5000"]:
        assert client.get(path, headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "mlflow.evil.example", "localhost.evil.example", "10.244.0.9:5000"):
        assert client.get(path, headers={"Host": host}).status_code == 403, host


def hands_no_client_an_address_of_the_store(client):
    # The client asks this page whether it may fetch from the store by itself, where it could not get to.
    said = client.get("/api/3.0/mlflow/server-info").json()
    assert {name: on for name, on in said.items() if name.startswith("multipart")} == {
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
    }
    assert client.get("/api/2.0/mlflow-artifacts/presigned/0/abc/artifacts/note.txt").status_code == 501


def keeps_files_in_the_store(client, buckets):
    path = "/api/2.0/mlflow-artifacts/artifacts/0/abc/artifacts/note.txt"
    assert client.put(path, content=b"kept").status_code == 200
    assert buckets["mlflow"] == {"0/abc/artifacts/note.txt": b"kept"}
    assert client.get(path).content == b"kept"
