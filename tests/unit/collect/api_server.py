"""A server that stands in for a cluster's API server, over TLS, with the kubeconfig that leads to it."""

import asyncio
import base64
import datetime
import functools
import ipaddress
import json
import ssl
import threading
from contextlib import contextmanager

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key, password=None):
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)


def _signed(subject, key, issuer, issuer_key, *, authority=False, address=""):
    made = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer))
    made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    made = made.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if address:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        made = made.add_extension(names, critical=False)
    return made.sign(issuer_key, hashes.SHA256())


class Authority:
    """A cluster's certificate authority."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.pem = _pem(_signed("kubernetes", self.key, "kubernetes", self.key, authority=True))

    def issue(self, subject, address=""):
        """Return a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        return _pem(_signed(subject, key, "kubernetes", self.key, address=address)), key


@functools.cache
def authority(number=0):
    return Authority()


@functools.cache
def client():
    certificate, key = authority().issue("kubernetes-admin")
    return certificate, key


def kubeconfig(server, **changes):
    """The data of a kubeconfig as `kind` writes it; `cluster` and `user` are changes of these parts."""
    certificate, key = client()
    encoded = [base64.b64encode(each).decode() for each in (authority().pem, certificate, key_pem(key))]
    cluster = {"certificate-authority-data": encoded[0], "server": server}
    user = {"client-certificate-data": encoded[1], "client-key-data": encoded[2]}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kind-mlops-labs", "cluster": cluster | changes.pop("cluster", {})}],
        "contexts": [{"name": "kind-mlops-labs", "context": {"cluster": "kind-mlops-labs", "user": "kind-mlops-labs"}}],
        "users": [{"name": "kind-mlops-labs", "user": user | changes.pop("user", {})}],
        "current-context": "kind-mlops-labs",
        "preferences": {},
    } | changes


def written(folder, data):
    path = folder / "kubeconfig"
    path.write_bytes(data if isinstance(data, bytes) else yaml.safe_dump(data).encode())
    return str(path)


def server_tls(folder, issuer=None, address="127.0.0.1"):
    """The TLS of a server that asks for the client's certificate."""
    certificate, key = (issuer or authority()).issue("kube-apiserver", address)
    (folder / "server.pem").write_bytes(certificate + key_pem(key))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "server.pem")
    made.load_verify_locations(cadata=authority().pem.decode())
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def said(value, status="200 OK"):
    """A whole answer with a JSON value."""
    body = json.dumps(value).encode()
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status.encode(), len(body), body,
    )  # fmt: skip


MISSING = said({"kind": "Status", "code": 404}, "404 Not Found")


@contextmanager
def serving(answer, tls=None):
    """Serve what `answer(path)` returns: whole bytes, or an async function that is given the writer; yield the port."""
    loop, started, port = asyncio.new_event_loop(), threading.Event(), []

    async def handle(reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lengths = [line[16:] for line in head.splitlines() if line.lower().startswith("content-length: ")]
                body = await reader.readexactly(int(lengths[0])) if lengths else b""
                told = answer(head.splitlines()[0], body)
                if callable(told):
                    await told(writer)
                else:
                    writer.write(told)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def main():
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
        port.append(server.sockets[0].getsockname()[1])
        started.set()
        await stop.wait()
        server.close()
        for each in asyncio.all_tasks() - {asyncio.current_task()}:
            each.cancel()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    assert started.wait(10)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
