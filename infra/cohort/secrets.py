"""What only the grader may have: the cohort's key, and the certificate by which Dask's processes know each other."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checker.enrolment import ENROLMENTS, KEY, roster
from checker.errors import CheckerError
from checker.keys import read_key
from checker.marks import COHORT_FILE
from infra.files import write_private
from infra.trouble import Trouble

NAMESPACE = "mlops-labs-grading"
CERTIFICATE, PRIVATE = "tls.crt", "tls.key"
YEARS = 5


def learners(folder: Path) -> list[str]:
    """Who is enrolled.

    Raises:
        Trouble: nobody is.
    """
    found = roster(folder / ENROLMENTS)
    if not found:
        raise Trouble(
            found=f"nobody in {folder / ENROLMENTS}",
            expected="an enrolment for each learner",
            next_step=f"checker cohort init {folder} --roster NAMES.txt",
        )
    return found


def secret(name: str, namespace: str, data: Mapping[str, bytes]) -> dict[str, Any]:
    """A Secret as an object."""
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "mlops-labs"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "type": "Opaque",
        "data": {key: base64.b64encode(value).decode("ascii") for key, value in data.items()},
    }


def grading(folder: Path, target: Path) -> list[dict[str, Any]]:
    """The grader's Secrets. The certificate is made once and kept in `target`.

    Raises:
        Trouble: the cohort's folder is not whole.
    """
    try:
        cohort = {KEY: read_key(folder / KEY), COHORT_FILE: (folder / COHORT_FILE).read_bytes()}
    except (CheckerError, OSError) as error:
        raise Trouble(
            found=f"{folder} is not a whole cohort: {error}",
            expected=f"{KEY} and {COHORT_FILE}, as `checker cohort init` makes them",
            next_step=f"put back what is missing from a backup, or begin anew: checker cohort init {folder}",
        ) from error
    names = json.dumps(learners(folder), ensure_ascii=False).encode()
    return [
        secret("cohort", NAMESPACE, cohort),
        secret("roster", NAMESPACE, {"roster.json": names}),
        secret("dask", NAMESPACE, certificate(target)),
    ]


def certificate(target: Path) -> dict[str, bytes]:
    """The one certificate of scheduler, workers and coordinator: whoever has it belongs to them."""
    paths = {name: target / name for name in (CERTIFICATE, PRIVATE)}
    if not all(path.exists() for path in paths.values()):
        for name, content in _certificate(datetime.datetime.now(datetime.UTC)).items():
            write_private(paths[name], content.decode("ascii"))
    return {name: path.read_bytes() for name, path in paths.items()}


def _certificate(now: datetime.datetime) -> dict[str, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mlops-labs grading")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.PrivateFormat.PKCS8
    return {
        CERTIFICATE: made.public_bytes(serialization.Encoding.PEM),
        PRIVATE: key.private_bytes(serialization.Encoding.PEM, plain, serialization.NoEncryption()),
    }
