"""Every image by its digest. One that versions.env names by its tag alone is asked for once and then kept.

python -m infra.kind.pins           write the digests that versions.env lacks into it
python -m infra.kind.pins --check   say which digest of versions.env its registry does not have
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.files import write_private
from infra.kind.layout import INFRA, versions
from infra.trouble import Trouble

if TYPE_CHECKING:
    import httpx

VERSIONS = INFRA / "versions.env"
SUFFIX = "_IMAGE"
SECONDS = 30.0
OK, UNAUTHORIZED = 200, 401
# A manifest may be four megabytes long, says the specification of the registries.
LARGEST = 4 << 20
MANIFESTS = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
REFERENCE = re.compile(
    r"(?P<host>[a-z0-9.-]+(?::\d+)?)/(?P<path>[a-z0-9._/-]+):(?P<tag>[\w.-]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
LOOPBACK = ("127.0.0.1", "localhost")
# The registry behind this name answers under another one.
ALIASES = {"docker.io": "registry-1.docker.io"}


@dataclass(frozen=True)
class Image:
    """An image as versions.env writes it: host/path:tag, and its digest where that is known."""

    host: str
    path: str
    tag: str
    digest: str | None = None

    @classmethod
    def parse(cls, reference: str) -> Image:
        """Read host/path:tag[@digest].

        Raises:
            Trouble: it is not written like this.
        """
        found = REFERENCE.fullmatch(reference)
        if not found:
            raise Trouble(
                found=f"the image `{reference}`",
                expected="host/path:tag@sha256:..., the host and the tag written out",
                next_step="git checkout infra/versions/versions.env",
            )
        return cls(found["host"], found["path"], found["tag"], found["digest"])

    @property
    def name(self) -> str:
        """What stands before the digest."""
        return f"{self.host}/{self.path}:{self.tag}"

    @property
    def base(self) -> str:
        """Where its manifests are asked for."""
        host = ALIASES.get(self.host, self.host)
        scheme = "http" if host.partition(":")[0] in LOOPBACK else "https"
        return f"{scheme}://{host}/v2/{self.path}/manifests/"


Ask = Callable[[Image], str]


def complete(text: str, remembered: Path, known: Mapping[str, str] | None = None, ask: Ask | None = None) -> str:
    """Give every image of the rendered text that versions.env names by a tag alone its digest.

    The digest that a registry told first stays: it is kept in the file `remembered`, and a tag that is moved later
    moves nothing here.

    Raises:
        Trouble: a registry does not tell.
    """
    images = _images(versions() if known is None else known)
    missing = [each for each in images if not each.digest and _mention(each.name).search(text)]
    if not missing:
        return text
    digests = _remembered(remembered)
    for each in missing:
        if each.name not in digests:
            digests[each.name] = (ask or digest)(each)
            remembered.parent.mkdir(parents=True, exist_ok=True)
            write_private(remembered, json.dumps(digests, indent=2, sort_keys=True) + "\n")
        text = _mention(each.name).sub(f"{each.name}@{digests[each.name]}", text)
    return text


def digest(image: Image, client: httpx.Client | None = None) -> str:
    """Ask the registry what the tag, or the digest where there is one, stands for.

    Raises:
        Trouble: it does not tell, or what it sends has another digest.
    """
    import httpx

    with client or httpx.Client(timeout=SECONDS) as asking:
        try:
            body = _manifest(asking, image)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Trouble(
                found=f"no digest of {image.name}: {error or type(error).__name__}",
                expected=f"{image.host} tells what this tag stands for; no image is started by its tag alone",
                next_step="connect to the internet and repeat the command; the overlay `serve` asks for no digest",
            ) from error
    told = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if image.digest and told != image.digest:
        raise Trouble(
            found=f"{image.host} sent {told} for {image.name}@{image.digest}",
            expected="what was asked for",
            next_step="try again over another line",
        )
    return told


def _manifest(client: httpx.Client, image: Image) -> bytes:
    address = image.base + (image.digest or image.tag)
    headers = {"accept": MANIFESTS}
    status, challenge, body = _get(client, address, headers)
    if status == UNAUTHORIZED:
        headers["authorization"] = f"Bearer {_token(client, challenge)}"
        status, _, body = _get(client, address, headers)
    if status != OK:
        raise ValueError(f"{image.host} answered {status}")
    if not isinstance(json.loads(body), dict):
        raise ValueError("no manifest")
    return body


def _token(client: httpx.Client, challenge: str) -> str:
    import httpx

    told = dict(CHALLENGE.findall(challenge))
    realm = httpx.URL(told.get("realm", ""))
    if realm.scheme != "https" and realm.host not in LOOPBACK:
        raise ValueError("it names no safe place for a token")
    wanted = {key: told[key] for key in ("service", "scope") if key in told}
    status, _, body = _get(client, str(realm.copy_merge_params(wanted)), {})
    answer = json.loads(body) if status == OK else {}
    token = answer.get("token") or answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ValueError("it gives out no token")
    return token


def _get(client: httpx.Client, address: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
    body = b""
    with client.stream("GET", address, headers=headers) as answer:
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > LARGEST:
                raise ValueError("its answer has no end")
        return answer.status_code, answer.headers.get("www-authenticate", ""), body


def _images(known: Mapping[str, str]) -> list[Image]:
    return [Image.parse(value) for key, value in known.items() if key.endswith(SUFFIX)]


def _mention(name: str) -> re.Pattern[str]:
    # Neither the tail of a longer name nor the head of a longer tag, nor one with its digest.
    return re.compile(rf"(?<![\w./-]){re.escape(name)}(?![\w.@-])")


def _remembered(path: Path) -> dict[str, str]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {key: value for key, value in told.items() if isinstance(value, str) and DIGEST.fullmatch(value)}


def pinned(text: str, digests: Mapping[str, str]) -> str:
    """The text of versions.env with these digests behind the names that lack theirs."""
    for name, told in digests.items():
        text = re.sub(rf"(?m)^(\w+{SUFFIX}={re.escape(name)})$", rf"\1@{told}", text)
    return text


def main(words: Iterable[str], path: Path = VERSIONS) -> int:
    """Write what is missing, or check what is there; the exit status."""
    images = _images(versions(path))
    checking = "--check" in words
    failures = 0
    found: dict[str, str] = {}
    for each in images:
        if checking != bool(each.digest):
            continue
        try:
            found[each.name] = digest(each)
        except Trouble as trouble:
            failures += 1
            print(trouble, file=sys.stderr)
    if checking:
        print(f"{len(found)} of {len(found) + failures} digests are what their registries have")
    elif found:
        path.resolve().write_text(pinned(path.read_text(encoding="utf-8"), found), encoding="utf-8")
        print(f"{len(found)} digests written into {path.name}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
