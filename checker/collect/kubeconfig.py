"""A kubeconfig that somebody else may have written: read, checked, and turned into an address and a TLS context.

What is accepted is what `kind` writes: a server on this machine, its certificate authority, and a client certificate,
all in the file itself. Nothing in it can make the checker run a program, read another file, or speak to anybody else.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from checker.collect.addresses import on_this_machine
from checker.collect.reading import Unreadable, open_file
from checker.errors import CheckerError, Unavailable
from checker.evidence.foreign import ForeignText, mapping, parse_yaml, sequence
from checker.text import clean

VARIABLE = "MLOPS_LABS_KUBECONFIG"
LARGEST = 256 << 10
LARGEST_PEM = 64 << 10
EXPECTED = "the kubeconfig that `infra up --profile kind` wrote"
ANEW = "run `infra up --profile kind`, which writes it anew, then check again"
FORBIDDEN = {
    "insecure-skip-tls-verify": "the server's certificate would not be looked at",
    "proxy-url": "what is asked would go to somebody else",
    "tls-server-name": "the server could be another than it says",
    "certificate-authority": "it names a file, which is not read: its content stands in the kubeconfig",
    "client-certificate": "it names a file, which is not read: its content stands in the kubeconfig",
    "client-key": "it names a file, which is not read: its content stands in the kubeconfig",
    "tokenFile": "it names a file, which is not read",
    "exec": "it names a program, and the checker runs none",
    "auth-provider": "it names a program, and the checker runs none",
    "token": "a token is not sent to anybody",
    "username": "a password is not sent to anybody",
    "password": "a password is not sent to anybody",
    "as": "it asks to be somebody else",
    "as-uid": "it asks to be somebody else",
    "as-groups": "it asks to be somebody else",
    "as-user-extra": "it asks to be somebody else",
}
CLUSTER = ("server", "certificate-authority-data")
USER = ("client-certificate-data", "client-key-data")
HARMLESS = ("extensions", "disable-compression")


@dataclass(frozen=True)
class Access:
    """Where the API server is, and the TLS context with which it is asked."""

    server: str
    tls: ssl.SSLContext


def read_kubeconfig(path: str) -> Access:
    """Return the access that the current context of the kubeconfig at `path` gives.

    Raises:
        Unavailable: it is not there, or it is not what kind writes; the words say what it is instead.
    """
    if not path:
        _refuse(f"{VARIABLE} is not set")
    cluster, user = _chosen(_content(path))
    server = mapping(cluster).get("server")
    try:
        address = on_this_machine(server if isinstance(server, str) else "", "the cluster's API server", "https")
    except CheckerError as error:
        _refuse(error.found, expected=f"{EXPECTED}: {error.expected}")
    authority = _pem(cluster, "certificate-authority-data")
    certificate, key = (_pem(user, name) for name in USER)
    return Access(address, _context(authority, certificate, key))


def _refuse(found: str, *, expected: str = EXPECTED) -> NoReturn:
    raise Unavailable(found, expected=expected, next_step=ANEW)


def _content(path: str) -> dict[str, Any]:
    try:
        if not os.path.isabs(path):  # noqa: PTH117 - it may hold what no path can
            raise Unreadable("is no absolute path")
        with open_file(path) as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise Unreadable(f"has more than {LARGEST >> 10} KiB")
        data = mapping(parse_yaml(content.decode("utf-8"), LARGEST))
    except FileNotFoundError:
        _refuse(f"there is no kubeconfig at {clean(path, 120)}")
    except (Unreadable, OSError, UnicodeDecodeError, ValueError) as error:
        reason = str(error) if isinstance(error, (Unreadable, ForeignText)) else "cannot be read"
        _refuse(f"the kubeconfig {clean(path, 120)}: {clean(reason, 160)}")
    if data.get("apiVersion") != "v1" or data.get("kind", "Config") != "Config":
        _refuse("what should be a kubeconfig is none: it has no `apiVersion: v1` and `kind: Config`")
    return data


def _chosen(data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the cluster and the user of the current context, with nothing in them that is not known."""
    context = _named(data, "contexts", "context", data.get("current-context"))
    cluster = _named(data, "clusters", "cluster", context.get("cluster"))
    user = _named(data, "users", "user", context.get("user"))
    for part, known in ((cluster, CLUSTER), (user, USER)):
        for name, value in part.items():
            if name in FORBIDDEN and value:
                _refuse(f"the kubeconfig says `{name}`: {FORBIDDEN[name]}")
            if name not in (*known, *HARMLESS, *FORBIDDEN):
                _refuse(f"the kubeconfig says `{clean(name, 60)}`, which is nothing that `kind` writes")
    return cluster, user


def _named(data: Mapping[str, Any], listed: str, what: str, name: Any) -> dict[str, Any]:
    found = [each for each in map(mapping, sequence(data.get(listed))) if each.get("name") == name]
    if not isinstance(name, str) or not name or len(found) != 1 or not isinstance(found[0].get(what), dict):
        _refuse(
            f"the kubeconfig has {len(found)} {listed} called `{clean(name, 60)}`", expected=f"{EXPECTED}, with one"
        )
    return mapping(found[0][what])


def _pem(part: Mapping[str, Any], name: str) -> str:
    value = part.get(name)
    if not isinstance(value, str) or not value or len(value) > LARGEST_PEM:
        _refuse(f"the kubeconfig has no `{name}`, or one that is far too long")
    try:
        return base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        _refuse(f"`{name}` in the kubeconfig is no base64 of a certificate or a key")


def _context(authority: str, certificate: str, key: str) -> ssl.SSLContext:
    """Return a context that knows this one authority, and shows this certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_verify_locations(cadata=authority)
        # The library takes them from files only; this one is nobody's but ours, and gone at once.
        with tempfile.TemporaryDirectory(prefix="checker-key-") as folder:
            pair = Path(folder, "pair.pem")
            with os.fdopen(os.open(pair, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(f"{key}\n{certificate}")
            # Without a password of our own, it would ask in the terminal for that of an encrypted key.
            made.load_cert_chain(pair, password=lambda: "")
    except (ssl.SSLError, ValueError, OSError) as error:
        _refuse(f"the certificates or the key in the kubeconfig cannot be used ({type(error).__name__})")
    if not made.get_ca_certs():
        _refuse("`certificate-authority-data` in the kubeconfig holds no certificate authority")
    return made
