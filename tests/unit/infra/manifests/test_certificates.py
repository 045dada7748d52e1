"""The certificate of KServe's webhooks, by the Job's own script against an API server that keeps what it is told."""

from __future__ import annotations

import base64
import copy
import datetime
import importlib.util
import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.infra.manifests.rendering import INFRA, find, rendered

PATH = INFRA / "base" / "kserve" / "kserve" / "certificates.py"
NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
HOST = "kserve-webhook-server-service.kserve.svc"


def load():
    spec = importlib.util.spec_from_file_location("certificates", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


certificates = load()


class Api(BaseHTTPRequestHandler):
    """Secrets and webhook configurations as the API server keeps them: objects by path, and a version for each."""

    objects: dict
    changes: list

    def do_GET(self):
        found = self.objects.get(self.path)
        self.answer(200 if found else 404, found or {"kind": "Status"})

    def do_POST(self):
        body = self.body()
        self.objects[f"{self.path}/{body['metadata']['name']}"] = body
        self.changes.append(("POST", self.path))
        self.answer(201, body)

    def do_PATCH(self):
        body, found = self.body(), copy.deepcopy(self.objects[self.path])
        if isinstance(body, dict):
            found["data"] |= body["data"]
        else:
            test, *steps = body
            if test["value"] != found["metadata"]["resourceVersion"]:
                return self.answer(422, {"kind": "Status"})
            for step in steps:
                number = int(step["path"].split("/")[2])
                found["webhooks"][number]["clientConfig"]["caBundle"] = step["value"]
            found["metadata"]["resourceVersion"] += "1"
        self.objects[self.path] = found
        self.changes.append(("PATCH", self.path))
        self.answer(200, found)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["content-length"])))

    def answer(self, status, body):
        assert self.headers["authorization"] == "Bearer sesame"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        """Not into the tests' output."""


@pytest.fixture
def api():
    objects = {}
    for each in rendered("full"):
        if each["kind"].endswith("WebhookConfiguration"):
            plural = each["kind"].lower() + "s"
            each["metadata"]["resourceVersion"] = "7"
            objects[f"/apis/admissionregistration.k8s.io/v1/{plural}/{each['metadata']['name']}"] = each
    assert len(objects) == 2
    handler = type("Handler", (Api,), {"objects": objects, "changes": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, certificates.Cluster(f"http://127.0.0.1:{server.server_address[1]}", "sesame", None)
    server.shutdown()
    server.server_close()


def secret(handler):
    return handler.objects[f"/api/v1/namespaces/kserve/secrets/{certificates.SECRET}"]


def bundles(handler):
    return [
        webhook["clientConfig"].get("caBundle")
        for path, each in handler.objects.items()
        if "admissionregistration" in path
        for webhook in each["webhooks"]
    ]


def test_it_is_made_once_and_every_webhook_knows_it(api):
    handler, cluster = api
    assert certificates.ensure(cluster, NOW) is True
    assert set(bundles(handler)) == {secret(handler)["data"]["ca.crt"]}
    assert len(bundles(handler)) == 3
    handler.changes.clear()
    assert certificates.ensure(cluster, NOW) is False
    assert handler.changes == []


def test_what_an_apply_took_away_is_written_again(api):
    handler, cluster = api
    certificates.ensure(cluster, NOW)
    kept = secret(handler)
    path = next(each for each in handler.objects if "mutating" in each)
    del handler.objects[path]["webhooks"][1]["clientConfig"]["caBundle"]
    assert certificates.ensure(cluster, NOW) is False
    assert set(bundles(handler)) == {kept["data"]["ca.crt"]}


@pytest.mark.parametrize("years", [9.8, 10.5])
def test_it_is_renewed_in_time(api, years):
    handler, cluster = api
    certificates.ensure(cluster, NOW)
    before = secret(handler)["data"]["tls.crt"]
    assert certificates.ensure(cluster, NOW + datetime.timedelta(days=365 * years)) is True
    assert secret(handler)["data"]["tls.crt"] != before
    assert set(bundles(handler)) == {secret(handler)["data"]["ca.crt"]}


def broken(data):
    other = {name: base64.b64encode(value).decode() for name, value in certificates.certificate(NOW).items()}
    text = st.binary(max_size=40).map(lambda each: base64.b64encode(each).decode()) | st.text(max_size=20)
    return st.fixed_dictionaries(
        {}, optional={name: text | st.sampled_from([data[name], other[name]]) for name in data}
    ).filter(lambda each: len({each.get(name) == data[name] for name in data}) > 1 or each.get("ca.crt") is None)


GOOD = {name: base64.b64encode(value).decode() for name, value in certificates.certificate(NOW).items()}


@given(broken(GOOD))
def test_a_secret_of_no_use_is_seen_as_such(data):
    assert certificates.lasts({"data": GOOD}, NOW)
    assert not certificates.lasts({"data": data}, NOW)
    assert not certificates.lasts(None, NOW)


def test_somebody_who_writes_in_between_is_not_overwritten(api, monkeypatch):
    handler, cluster = api
    ask = cluster.ask

    def later(method, path, *rest):
        if method == "PATCH" and "webhook" in path:
            handler.objects[path]["metadata"]["resourceVersion"] = "99"
        return ask(method, path, *rest)

    monkeypatch.setattr(cluster, "ask", later)
    with pytest.raises(OSError, match="422"):
        certificates.ensure(cluster, NOW)


def test_without_webhooks_the_job_fails(api):
    handler, cluster = api
    handler.objects.clear()
    with pytest.raises(LookupError):
        certificates.ensure(cluster, NOW)


def handshake(host, trusted, files):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files / "tls.crt", files / "tls.key")
    client = ssl.create_default_context(cadata=trusted.decode())
    # What Go's library does, in which the API server is written: what is trusted need not be an authority.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    left, right = socket.socketpair()

    def serve():
        try:
            with server.wrap_socket(right, server_side=True) as speaking:
                speaking.recv(1)
        except OSError:
            right.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(left, server_hostname=host) as speaking:
            return speaking.getpeercert()["subject"]
    finally:
        left.close()
        thread.join()


@pytest.fixture
def files(tmp_path):
    made = certificates.certificate(datetime.datetime.now(datetime.UTC))
    for name, value in made.items():
        (tmp_path / name).write_bytes(value)
    return tmp_path


def test_a_client_that_trusts_it_speaks_to_the_service(files):
    assert handshake(HOST, (files / "ca.crt").read_bytes(), files)


def test_it_is_good_for_no_other_name_and_by_no_other_trust(files):
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake("kubernetes.default.svc", (files / "ca.crt").read_bytes(), files)
    stranger = certificates.certificate(datetime.datetime.now(datetime.UTC))["ca.crt"]
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(HOST, stranger, files)


def test_the_names_are_those_of_the_manifests():
    objects = rendered("full")
    find(objects, "Service", certificates.SERVICE, certificates.NAMESPACE)
    rule = find(objects, "ClusterRole", "kserve-certificates")["rules"][0]
    assert tuple(rule["resources"]) == certificates.CONFIGURATIONS
    assert rule["resourceNames"] == [certificates.CONFIGURATION]
    controller = find(objects, "Deployment", "kserve-controller-manager")["spec"]["template"]["spec"]
    assert controller["volumes"][0]["secret"]["secretName"] == certificates.SECRET
    named = find(objects, "Role", "certificates", "kserve")["rules"][1]["resourceNames"]
    assert named == [certificates.SECRET]
