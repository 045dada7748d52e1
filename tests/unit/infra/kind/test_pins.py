"""Digests asked of a registry: a real one on loopback, which may lie, hang up, or never stop talking."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.kind import pins
from infra.kind.pins import Image, complete, digest, main, pinned
from infra.trouble import Trouble

MANIFEST = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
DIGEST = "sha256:" + hashlib.sha256(MANIFEST).hexdigest()
OTHER = "sha256:" + "0" * 64


class Registry(BaseHTTPRequestHandler):
    """Asks for a token first, as the public ones do; `says` decides what it sends then."""

    says: dict
    asked: list

    def do_GET(self):
        self.asked.append(self.path)
        if self.path.startswith("/token"):
            return self.answer(200, json.dumps({"token": "sesame"}).encode())
        if self.says.get("token", True) and self.headers.get("authorization") != "Bearer sesame":
            port = self.server.server_address[1]
            realm = self.says.get("realm", f"http://127.0.0.1:{port}/token")
            return self.answer(401, b"{}", {"www-authenticate": f'Bearer realm="{realm}",service="s",scope="pull"'})
        self.answer(self.says.get("status", 200), self.says.get("body", MANIFEST))

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for key, value in dict(headers).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Not into the tests' output."""


@pytest.fixture
def registry():
    handler = type("Handler", (Registry,), {"says": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_registry_tells_what_a_tag_stands_for(registry):
    handler, host = registry
    assert digest(Image(host, "kserve/kserve-controller", "v0.20.0")) == DIGEST
    assert "/v2/kserve/kserve-controller/manifests/v0.20.0" in handler.asked
    assert "/token?service=s&scope=pull" in handler.asked


def test_the_digest_is_that_of_what_was_sent(registry):
    handler, host = registry
    image = Image(host, "a/b", "1", DIGEST)
    assert digest(image) == DIGEST
    handler.says["body"] = b'{"schemaVersion": 1}'
    with pytest.raises(Trouble, match="sent sha256:"):
        digest(image)


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ({"status": 404}, "answered 404"),
        ({"body": b"<html>"}, "no digest of"),
        ({"body": b"[]"}, "no manifest"),
        ({"body": b" " * (pins.LARGEST + 1)}, "no end"),
        ({"realm": "http://192.0.2.1/token"}, "no safe place"),
        ({"realm": "nowhere"}, "no safe place"),
        ({"status": 302}, "answered 302"),
    ],
)
def test_what_a_registry_may_do_has_words(registry, says, found):
    handler, host = registry
    handler.says.update(says)
    with pytest.raises(Trouble, match=found) as caught:
        digest(Image(host, "a/b", "1"))
    assert "internet" in caught.value.next_step


def test_nobody_there():
    with pytest.raises(Trouble, match=r"no digest of 127\.0\.0\.1:9/a:1"):
        digest(Image("127.0.0.1:9", "a", "1"))


KNOWN = {"A_IMAGE": "ghcr.io/a/b:1.0", "B_IMAGE": f"quay.io/c:2@{OTHER}", "KIND_VERSION": "0.33.0"}
TEXT = """
image: ghcr.io/a/b:1.0
value: '{"image": "ghcr.io/a/b:1.0"}'
args: [--image, ghcr.io/a/b:1.0, ghcr.io/a/b:1.0-gpu, my.ghcr.io/a/b:1.0, ghcr.io/a/b:1.0.1]
"""


def test_every_mention_gets_its_digest_and_nothing_else_does(tmp_path):
    text = complete(TEXT, tmp_path / "kind" / "pins.json", KNOWN, lambda image: DIGEST)
    assert text.count(f"ghcr.io/a/b:1.0@{DIGEST}") == 3
    for untouched in ("ghcr.io/a/b:1.0-gpu,", "my.ghcr.io/a/b:1.0,", "ghcr.io/a/b:1.0.1]"):
        assert untouched in text
    assert complete(text, tmp_path / "kind" / "pins.json", KNOWN, lambda image: OTHER) == text


def test_a_tag_that_moves_moves_nothing_here(tmp_path):
    path = tmp_path / "pins.json"
    first = complete(TEXT, path, KNOWN, lambda image: DIGEST)
    assert complete(TEXT, path, KNOWN, lambda image: OTHER) == first
    assert path.stat().st_mode & 0o077 == 0


def test_nobody_is_asked_where_nothing_lacks(tmp_path):
    def refuse(image):
        raise AssertionError(image)

    assert complete("image: quay.io/c:2", tmp_path / "pins.json", KNOWN, refuse) == "image: quay.io/c:2"


@given(
    st.binary(max_size=200)
    | st.recursive(st.text() | st.none(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)).map(
        lambda each: json.dumps(each).encode()
    )
)
def test_a_spoilt_memory_is_asked_for_again(tmp_path_factory, spoilt):
    path = tmp_path_factory.mktemp("home") / "pins.json"
    path.write_bytes(spoilt)
    assert f"1.0@{DIGEST}" in complete(TEXT, path, KNOWN, lambda image: DIGEST)


@given(st.text(max_size=80))
def test_any_reference_is_an_image_or_a_trouble(text):
    try:
        image = Image.parse(text)
    except Trouble as trouble:
        assert trouble.next_step
    else:
        assert text == image.name + (f"@{image.digest}" if image.digest else "")


def test_the_maintainers_command(registry, tmp_path, capsys):
    handler, host = registry
    path = tmp_path / "versions.env"
    path.write_text(f"# kept\nA_IMAGE={host}/a/b:1\nB_IMAGE={host}/c:2@{DIGEST}\n")
    assert main([], path) == 0
    assert path.read_text() == f"# kept\nA_IMAGE={host}/a/b:1@{DIGEST}\nB_IMAGE={host}/c:2@{DIGEST}\n"
    assert main(["--check"], path) == 0
    handler.says["status"] = 404
    assert main(["--check"], path) == 1
    assert "0 of 2 digests" in capsys.readouterr().out


def test_a_pinned_line_is_left_alone():
    text = f"A_IMAGE=ghcr.io/a/b:1.0@{OTHER}\n"
    assert pinned(text, {"ghcr.io/a/b:1.0": DIGEST}) == text


def test_versions_env_is_understood():
    assert all(image.path for image in pins._images(pins.versions()))
