"""GPUs that are none: the manifests, and their script against an API server over TLS."""

from __future__ import annotations

import datetime
import importlib.util
import ipaddress
import json
import os
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.infra.manifests.policies import ALL
from tests.unit.infra.manifests.rendering import INFRA, find

BASE = INFRA / "base" / "fake-gpu"
# The one right of the kind that the policies refuse: GPUs are said of nodes, which belong to no namespace.
EXCUSED = {("least_rights", "ClusterRole /fake-gpu")}


def load():
    spec = importlib.util.spec_from_file_location("advertise", BASE / "advertise.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def objects():
    done = subprocess.run(["kubectl", "kustomize", str(BASE)], capture_output=True, text=True, timeout=60, check=True)
    return [each for each in yaml.safe_load_all(done.stdout) if each]


@pytest.mark.parametrize("policy", ALL, ids=lambda policy: policy.__name__)
def test_the_policies_hold(objects, policy):
    broken = [f"{who} {how}" for who, how in policy(objects) if (policy.__name__, who) not in EXCUSED]
    assert not broken, "\n".join(broken)


def test_it_may_look_at_nodes_and_write_their_status_alone(objects):
    rules = find(objects, "ClusterRole", "fake-gpu")["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [
        (["nodes"], ["list"]),
        (["nodes/status"], ["patch"]),
    ]


class Api(BaseHTTPRequestHandler):
    nodes: dict
    patched: list

    def do_GET(self):
        items = [{"metadata": {"name": name}, "status": {"capacity": each}} for name, each in self.nodes.items()]
        self.answer({"items": items})

    def do_PATCH(self):
        (step,) = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.headers["content-type"] == "application/json-patch+json"
        name = self.path.split("/")[4]
        key = step["path"].removeprefix("/status/capacity/").replace("~1", "/")
        self.nodes[name][key] = step["value"]
        self.patched.append(name)
        self.answer({})

    def answer(self, body):
        assert self.headers["authorization"] == "Bearer sesame"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        """Not into the tests' output."""


def certificate(folder):
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(
            name, name, key.public_key(), 1, now - datetime.timedelta(1), now + datetime.timedelta(1)
        )
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture
def api(tmp_path, monkeypatch):
    certificate(tmp_path)
    (tmp_path / "token").write_text("sesame")
    handler = type("Handler", (Api,), {"nodes": {}, "patched": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.crt", tmp_path / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.server_address[1]))
    module = load()
    module.IDENTITY, module.MARK = tmp_path, tmp_path / "mark"
    yield handler, module
    server.shutdown()
    server.server_close()


def test_every_node_says_it_and_is_told_once(api):
    handler, module = api
    handler.nodes.update({"one": {"cpu": "4"}, "two": {"nvidia.com/gpu": "1"}, "three": {"nvidia.com/gpu": "2"}})
    assert module.advertise("2") == ["one", "two"]
    assert {each["nvidia.com/gpu"] for each in handler.nodes.values()} == {"2"}
    assert handler.nodes["one"]["cpu"] == "4"
    assert module.advertise("2") == []


def test_it_goes_on_when_the_api_server_is_away(api, monkeypatch, capsys):
    _, module = api
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "9")
    monkeypatch.setenv("GPUS", "2")

    class Stopped(Exception):
        pass

    def stop(seconds):
        raise Stopped

    monkeypatch.setattr(module.time, "sleep", stop)
    with pytest.raises(Stopped):
        module.main([])
    assert "URLError" in capsys.readouterr().err
    assert module.main(["--fresh"]) == 1


def test_it_is_fresh_after_a_good_round_and_stale_later(api):
    _, module = api
    assert module.main(["--fresh"]) == 1
    module.MARK.touch()
    assert module.main(["--fresh"]) == 0
    long_ago = module.MARK.stat().st_mtime - module.STALE - 1
    os.utime(module.MARK, (long_ago, long_ago))
    assert module.main(["--fresh"]) == 1
