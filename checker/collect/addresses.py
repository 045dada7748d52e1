"""Addresses of the platform's services: nobody but this machine is ever asked."""

from __future__ import annotations

from typing import Literal

import httpx

from checker.errors import Unavailable
from checker.text import clean

HTTP, LAST_PORT = 80, 65535
HERE = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "[::1]"}
START = "run `infra up`, then check again; `infra status` shows what runs"


def on_this_machine(address: str, what: str, scheme: Literal["http", "https"] = "http") -> str:
    """Return the address of `what` with a number in place of a name.

    Raises:
        Unavailable: it is not set, or leads somewhere else.
    """
    try:
        url = httpx.URL(address)
        port = url.port or HTTP
    except (httpx.InvalidURL, ValueError, TypeError):
        url, port = httpx.URL(""), 0
    known = url.scheme == scheme and 0 < port <= LAST_PORT
    if not known or url.host not in HERE or url.userinfo or url.query or url.fragment or url.path not in ("", "/"):
        raise Unavailable(
            f"{what} is said to be at {clean(address, 120) or 'no address'}",
            expected=f"a port of this machine, such as {scheme}://127.0.0.1:8080",
            next_step=START,
        )
    return f"{scheme}://{HERE[url.host]}:{port}"
