"""Ask a server that somebody else wrote: bounded in time and size, and whatever it does becomes a record.

No redirect is followed, no proxy of the environment is used, and nothing is unpacked, so that what comes is what was
sent. Used by the collector of live endpoints, and in the jail by the task that talks to a learner's service.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx

LARGEST = 256 << 10
LONGEST_HEADER = 200
KEPT = ("content-type", "location", "x-request-id")
"""The headers of an answer that are looked at."""
CHUNK = 16 << 10
CLOSING = 2.0
LATE = "did not end within"


@dataclass(frozen=True)
class Ask:
    """One request. With `chunked`, the body is sent without saying its length beforehand."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back within `seconds`, or the `problem` in words that complete `it ...`.

    `body` is what was sent, without unpacking it; where it was too long, its beginning.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    problem: str | None = None
    seconds: float = 0.0

    @property
    def late(self) -> bool:
        """Whether it did not end in time."""
        return self.problem is not None and self.problem.startswith(LATE)


class Asker:
    """Asks one server: over the Unix socket `uds` if one is given, else where `base` says.

    `connections` is how many may be open at once; to `keep` them for the next request is faster, and may lead to one
    that the server is just about to close. Over TLS, `tls` says whom it trusts.
    """

    def __init__(
        self,
        base: str,
        uds: str | None = None,
        *,
        connections: int = 1,
        keep: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._base = base.rstrip("/")
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections * keep)
        # Without a client around it, there are no cookies, no redirects, no proxies and no unpacking. Whoever is not
        # told whom to trust reads no certificates, and trusts none.
        known = tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._transport = httpx.AsyncHTTPTransport(uds=uds, limits=limits, verify=known, trust_env=False, retries=0)

    async def __aenter__(self) -> Asker:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What the other side does at the end changes nothing.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSING):
                await self._transport.aclose()

    async def ask(self, ask: Ask, seconds: float, largest: int = LARGEST) -> Answer:
        """Return the answer to one request, of which nothing can take longer or be larger; never raises."""
        told: dict[str, Any] = {}
        began = time.perf_counter()
        try:
            async with asyncio.timeout(seconds):
                await self._exchange(ask, largest, told)
        except TimeoutError:
            told["problem"] = f"{LATE} {seconds:g} seconds"
        except Exception as error:
            # The words of such an error may be the server's own.
            told["problem"] = _why(error)
        return Answer(**told, seconds=time.perf_counter() - began)

    async def _exchange(self, ask: Ask, largest: int, told: dict[str, Any]) -> None:
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "checker", **ask.headers}
        content = _pieces(ask.body) if ask.chunked and ask.body is not None else ask.body
        request = httpx.Request(ask.method, self._base + ask.path, content=content, headers=headers)
        response = await self._transport.handle_async_request(request)
        try:
            told["status"] = response.status_code
            found = {name: response.headers.get(name) for name in KEPT}
            told["headers"] = {name: value[:LONGEST_HEADER] for name, value in found.items() if value is not None}
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > largest:
                    told["problem"] = f"answered more than {largest} bytes"
                    break
            told["body"] = bytes(body[:largest])
        finally:
            await response.aclose()


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), CHUNK):
        yield body[start : start + CHUNK]


def _why(error: Exception) -> str:
    for kind, words in (
        (ssl.SSLCertVerificationError, "shows a certificate that is not to be trusted"),
        (ssl.SSLError, "does not agree on TLS"),
        (httpx.ConnectError, "cannot be reached"),
        (httpx.ReadError, "broke off the connection"),
        (httpx.WriteError, "broke off the connection"),
        (httpx.RemoteProtocolError, "did not answer as HTTP demands"),
    ):
        if any(isinstance(each, kind) for each in _causes(error)):
            return words
    return f"gave no answer that can be read ({type(error).__name__})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
