"""A kubeconfig is a foreign file: nothing in it runs, opens or asks anything that is not kind's own."""

import base64
import os
import ssl
import tempfile
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.collect.kubeconfig import read_kubeconfig
from checker.errors import Unavailable
from tests.unit.collect.api_server import client, key_pem, kubeconfig, written

SERVER = "https://127.0.0.1:6443"


def refusal(path):
    with pytest.raises(Unavailable) as told:
        read_kubeconfig(path)
    assert told.value.found
    assert told.value.expected
    assert "infra up --profile kind" in told.value.next_step
    return told.value.found


def test_what_kind_writes_is_taken(tmp_path):
    access = read_kubeconfig(written(tmp_path, kubeconfig(SERVER)))
    assert access.server == SERVER
    assert access.tls.verify_mode == ssl.CERT_REQUIRED
    assert access.tls.check_hostname
    assert [each["subject"] for each in access.tls.get_ca_certs()] == [((("commonName", "kubernetes"),),)]


@pytest.mark.parametrize("server", ["https://localhost:6443", "https://127.0.0.1:6443/", "https://[::1]:6443"])
def test_this_machine_has_several_names(tmp_path, server):
    assert read_kubeconfig(written(tmp_path, kubeconfig(server))).server.endswith(":6443")


@pytest.mark.parametrize(
    "server",
    [
        "",
        "http://127.0.0.1:6443",
        "https://10.0.0.1:6443",
        "https://example.com",
        "https://127.0.0.1.example.com:6443",
        "https://127.0.0.1@example.com",
        "https://user:word@127.0.0.1:6443",
        "https://127.0.0.1:6443/elsewhere",
        "https://127.0.0.1:6443?a=b",
        "https://127.0.0.1:6443#a",
        "https://127.0.0.1:99999",
        "unix:///run/docker.sock",
        ["https://127.0.0.1:6443"],
        None,
        6443,
    ],
)
def test_no_other_server_is_asked(tmp_path, server):
    assert "API server" in refusal(written(tmp_path, kubeconfig(server)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cluster": {"insecure-skip-tls-verify": True}}, "insecure-skip-tls-verify"),
        ({"cluster": {"proxy-url": "socks5://example.com"}}, "proxy-url"),
        ({"cluster": {"tls-server-name": "example.com"}}, "tls-server-name"),
        ({"cluster": {"certificate-authority": "/etc/passwd"}}, "certificate-authority"),
        ({"user": {"exec": {"command": "touch", "args": ["/tmp/owned"]}}}, "exec"),
        ({"user": {"auth-provider": {"name": "gcp", "config": {"cmd-path": "touch"}}}}, "auth-provider"),
        ({"user": {"tokenFile": "/etc/passwd"}}, "tokenFile"),
        ({"user": {"token": "secret"}}, "token"),
        ({"user": {"client-key": "/etc/passwd"}}, "client-key"),
        ({"user": {"client-certificate": "/etc/passwd"}}, "client-certificate"),
        ({"user": {"username": "a"}}, "username"),
        ({"user": {"password": "b"}}, "password"),
        ({"user": {"as": "system:masters"}}, "as"),
        ({"user": {"as-groups": ["system:masters"]}}, "as-groups"),
        ({"user": {"impersonate": "root"}}, "impersonate"),
        ({"cluster": {"dial": "somewhere"}}, "dial"),
    ],
)
def test_each_way_out_is_refused_in_words_of_its_own(tmp_path, changes, words):
    assert f"`{words}`" in refusal(written(tmp_path, kubeconfig(SERVER, **changes)))


BAD = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"current-context": ""},
        {"current-context": "other"},
        {"current-context": ["kind-mlops-labs"]},
        {"contexts": None},
        {"contexts": [{"name": "kind-mlops-labs", "context": None}]},
        {"clusters": []},
        {"clusters": kubeconfig(SERVER)["clusters"] * 2},
        {"users": [{"name": "kind-mlops-labs"}]},
        {"users": "kind-mlops-labs"},
        {"apiVersion": "v2"},
        {"kind": "Secret"},
        {"cluster": {"certificate-authority-data": ""}},
        {"cluster": {"certificate-authority-data": "?"}},
        {"cluster": {"certificate-authority-data": BAD}},
        {"cluster": {"certificate-authority-data": base64.b64encode(b"nothing").decode()}},
        {"cluster": {"certificate-authority-data": 5}},
        {"user": {"client-key-data": BAD}},
        {"user": {"client-key-data": "A" * 100_000}},
        {"user": {"client-certificate-data": base64.b64encode("ü".encode()).decode()}},
    ],
)
def test_what_is_broken_is_told(tmp_path, changes):
    refusal(written(tmp_path, kubeconfig(SERVER, **changes)))


def test_an_encrypted_key_asks_nobody_for_its_password(tmp_path):
    hidden = base64.b64encode(key_pem(client()[1], b"word")).decode()
    assert "cannot be used" in refusal(written(tmp_path, kubeconfig(SERVER, user={"client-key-data": hidden})))


def test_the_key_lies_nowhere_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    read_kubeconfig(written(tmp_path, kubeconfig(SERVER)))
    assert not [*(tmp_path / "scratch").iterdir()]


BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b", ".join([b"*%c" % (97 + n)] * 9)) for n in range(9)
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"apiVersion: v1",
        b"!!python/object/apply:os.system [id]",
        BOMB,
        b"a: " + b"[" * 5000,
        b"a" * (300 << 10),
    ],
)
def test_other_files_are_refused_quickly(tmp_path, content):
    began = time.monotonic()
    refusal(written(tmp_path, content))
    assert time.monotonic() - began < 10


def test_only_a_plain_file_is_read(tmp_path):
    assert "MLOPS_LABS_KUBECONFIG is not set" in refusal("")
    assert "no kubeconfig at" in refusal(str(tmp_path / "none"))
    (tmp_path / "link").symlink_to(written(tmp_path, kubeconfig(SERVER)))
    assert "is a link" in refusal(str(tmp_path / "link"))
    os.mkfifo(tmp_path / "pipe")
    assert "no plain file" in refusal(str(tmp_path / "pipe"))
    assert "no plain file" in refusal(str(tmp_path))
    refusal("kubeconfig")
    refusal("/a\x00b")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["v1", "Config", SERVER]),
    lambda parts: st.lists(parts, max_size=3)
    | st.dictionaries(
        st.sampled_from(["name", "cluster", "user", "context", "server", "exec", "client-key-data", "extensions"]),
        parts, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300)
    | st.dictionaries(
        st.sampled_from(["apiVersion", "kind", "clusters", "contexts", "users", "current-context"]), JSON
    ).map(lambda changes: yaml.safe_dump(kubeconfig(SERVER) | changes).encode())
)
def test_no_bytes_lead_to_anything_but_words(tmp_path, content):
    try:
        assert read_kubeconfig(written(tmp_path, content)).server == SERVER
    except Unavailable as error:
        assert error.found
        assert error.next_step


def test_the_real_file_is_not_written_to(tmp_path):
    path = Path(written(tmp_path, kubeconfig(SERVER)))
    before = path.read_bytes(), path.stat().st_mtime_ns
    read_kubeconfig(str(path))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
