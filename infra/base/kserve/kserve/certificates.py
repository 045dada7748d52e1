"""Give KServe's webhooks a certificate and tell the API server to trust it; asked again it changes nothing.

Instead of cert-manager, which would be three more processes and a dozen definitions for one certificate.
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMESPACE = "kserve"
SECRET = "kserve-webhook-server-cert"  # noqa: S105
SERVICE = "kserve-webhook-server-service"
CONFIGURATIONS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
CONFIGURATION = "inferenceservice.serving.kserve.io"
YEARS, MARGIN = 10, datetime.timedelta(days=90)
IDENTITY = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SECONDS = 30


class Cluster:
    """The API server, as a pod reaches it."""

    def __init__(self, address: str, token: str, trust: ssl.SSLContext | None) -> None:
        self.address, self.token, self.trust = address, token, trust

    @classmethod
    def here(cls) -> Cluster:
        """By the service account of this pod."""
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        trust = ssl.create_default_context(cafile=str(IDENTITY / "ca.crt"))
        return cls(f"https://{host}:{port}", (IDENTITY / "token").read_text(), trust)

    def ask(self, method: str, path: str, body: object = None, kind: str = "application/json") -> dict[str, Any] | None:
        """One request; None where there is no such object."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self.token}", "accept": "application/json", "content-type": kind}
        request = urllib.request.Request(self.address + path, data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=SECONDS, context=self.trust) as answer:  # noqa: S310
                told: dict[str, Any] = json.load(answer)
                return told
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise


def certificate(now: datetime.datetime) -> dict[str, bytes]:
    """A certificate that vouches for itself: the API server is told to trust this one and no other."""
    names = [f"{SERVICE}.{NAMESPACE}.svc", f"{SERVICE}.{NAMESPACE}.svc.cluster.local"]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    key = ec.generate_private_key(ec.SECP256R1())
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A clock that is wrong by an hour must not make it a certificate of the future.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"ca.crt": signed, "tls.crt": signed, "tls.key": private}


def lasts(secret: dict[str, Any] | None, now: datetime.datetime) -> bool:
    """Whether the Secret holds a certificate for the Service that lasts for a while, and all that belongs to it."""
    if secret is None:
        return False
    data = secret.get("data") or {}
    try:
        held = {name: base64.b64decode(data[name], validate=True) for name in ("ca.crt", "tls.crt", "tls.key")}
        leaf = x509.load_pem_x509_certificate(held["tls.crt"])
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(held["ca.crt"]))
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        key = serialization.load_pem_private_key(held["tls.key"], None)
    except (KeyError, ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature, UnsupportedAlgorithm) as error:
        print(f"the Secret `{SECRET}` is of no use: {type(error).__name__}", flush=True)
        return False
    named = f"{SERVICE}.{NAMESPACE}.svc" in names.get_values_for_type(x509.DNSName)
    return named and key.public_key() == leaf.public_key() and leaf.not_valid_after_utc > now + MARGIN


def ensure(cluster: Cluster, now: datetime.datetime) -> bool:
    """Make the Secret where there is none of use, and tell the API server to trust it; whether it was made."""
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    stored = cluster.ask("GET", f"{path}/{SECRET}")
    made = not lasts(stored, now)
    if made:
        data = {name: base64.b64encode(value).decode() for name, value in certificate(now).items()}
        metadata = {"name": SECRET, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "mlops-labs"}}
        wanted = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": data}
        if stored is None:
            stored = cluster.ask("POST", path, wanted)
        else:
            stored = cluster.ask("PATCH", f"{path}/{SECRET}", {"data": data}, "application/merge-patch+json")
    bundle = ((stored or {}).get("data") or {})["ca.crt"]
    for kind in CONFIGURATIONS:
        tell(cluster, f"/apis/admissionregistration.k8s.io/v1/{kind}/{CONFIGURATION}", bundle)
    return made


def tell(cluster: Cluster, path: str, bundle: str) -> None:
    """Write what is to be trusted into every webhook of a configuration that has something else there."""
    found = cluster.ask("GET", path)
    if found is None:
        raise LookupError(f"no {path}")
    wrong = [
        number
        for number, each in enumerate(found.get("webhooks") or [])
        if (each.get("clientConfig") or {}).get("caBundle") != bundle
    ]
    # The test of the version makes it fail, and the Job try again, where somebody else wrote in between.
    steps = [{"op": "test", "path": "/metadata/resourceVersion", "value": found["metadata"]["resourceVersion"]}]
    steps += [{"op": "add", "path": f"/webhooks/{number}/clientConfig/caBundle", "value": bundle} for number in wrong]
    if wrong:
        cluster.ask("PATCH", path, steps, "application/json-patch+json")


def main() -> int:
    """Once; the Job tries again where it fails."""
    made = ensure(Cluster.here(), datetime.datetime.now(datetime.UTC))
    print("the certificate is " + ("made" if made else "there") + ", and the webhooks know it", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
