"""supervisord: start it, and ask it about its programs over its socket."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from infra.local.config import command
from infra.local.layout import Layout
from infra.trouble import Trouble

DEAD = ("BACKOFF", "EXITED", "FATAL", "STOPPED")


@dataclass(frozen=True)
class Program:
    """What supervisord knows of one of its programs."""

    state: str

    @property
    def dead(self) -> bool:
        """Whether it has ended, be it for good or to be tried again."""
        return self.state in DEAD


class Supervisor:
    """A running supervisord behind its socket."""

    def __init__(self, socket: str) -> None:
        from xmlrpc.client import ServerProxy

        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, serverurl=f"unix://{socket}")
        self._rpc = cast(Any, ServerProxy("http://127.0.0.1", transport=transport)).supervisor

    def programs(self) -> dict[str, Program] | None:
        """Its programs by name; None if it does not answer."""
        from http.client import HTTPException
        from xmlrpc.client import Error

        try:
            rows = self._rpc.getAllProcessInfo()
        except (OSError, Error, HTTPException):
            return None
        return {row["name"]: Program(row["statename"]) for row in rows}

    def start(self, name: str) -> None:
        """Start a program that has ended, without waiting for it."""
        from xmlrpc.client import Fault

        try:
            self._rpc.startProcess(name, False)
        except Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise Trouble(
                    found=f"supervisord cannot start {name}: {fault.faultString}",
                    expected="a program that starts",
                    next_step="infra down && infra up",
                ) from fault

    def add(self, name: str) -> None:
        """Take over a program whose file has just been written, and start it."""
        from xmlrpc.client import Fault

        try:
            self._rpc.reloadConfig()
            self._rpc.addProcessGroup(name)
        except Fault as fault:
            raise self._refused(name, fault.faultString) from fault

    def remove(self, name: str) -> None:
        """Stop a program and forget it; nothing happens when it is not known."""
        from xmlrpc.client import Fault

        try:
            self._rpc.stopProcessGroup(name)
            self._rpc.removeProcessGroup(name)
        except Fault as fault:
            if "BAD_NAME" not in fault.faultString:
                raise self._refused(name, fault.faultString) from fault

    @staticmethod
    def _refused(name: str, why: str) -> Trouble:
        return Trouble(
            found=f"supervisord refuses {name}: {why}",
            expected="a program that it takes over",
            next_step="infra logs supervisord",
        )


def launch(layout: Layout, environment: Mapping[str, str]) -> None:
    """Start supervisord; it goes into the background by itself once its socket is open."""
    # A session of its own: Ctrl-C in the terminal must not reach it.
    started = subprocess.run(
        command(layout, "supervisord"),
        env=dict(environment),
        cwd=layout.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        check=False,
    )
    if started.returncode:
        raise Trouble(
            details=started.stdout,
            found=f"supervisord ended with status {started.returncode}",
            expected="supervisord in the background",
            next_step="if the lines above name a socket or a folder: export MLOPS_LABS_HOME=/on/a/local/disk",
        )
