"""Whether a port on 127.0.0.1 is free, and who holds it."""

from __future__ import annotations

import contextlib
import errno
import socket

from infra.local.layout import TITLES
from infra.trouble import Trouble


def problem(port: int) -> str | None:
    """Why no service can listen on this port; None if one can."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        # On macOS a bind succeeds beside a listener on all addresses, so ask for an answer first.
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return "in use"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return "in use" if error.errno == errno.EADDRINUSE else (error.strerror or str(error)).lower()
    return None


def holder(port: int) -> str | None:
    """The process that listens on the port, as far as this user may know."""
    import psutil

    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError):  # macOS shows them to root only
        return None
    for connection in connections:
        address = connection.laddr
        if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(connection.pid)
                words = " ".join(process.cmdline()) or process.name()
                return f"process {connection.pid} ({words[:70]})"
    return None


def taken(service: str, port: int, why: str, again: str = "infra up") -> Trouble:
    """The message for a port that a service cannot have."""
    who = holder(port) if why == "in use" else None
    by = f" by {who}" if who else ""
    return Trouble(
        found=f"port {port} is {why}{by}" if why == "in use" else f"port {port} cannot be used: {why}",
        expected=f"a free port for {TITLES[service]}",
        next_step=f"stop that process, or choose another port: {again} --{service}-port {suggestion(port)}",
    )


def suggestion(port: int) -> int:
    """The next higher port that is free and needs no privilege."""
    first = max(port + 1, 1025)
    return next((other for other in range(first, min(first + 100, 65536)) if problem(other) is None), first)


def free() -> int:
    """A port of this machine's loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
