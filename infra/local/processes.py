"""Find and stop the platform's processes, and never anybody else's.

No pid is ever believed: a process is ours when its command line is the one that this package writes, with
the path of this very home in it, and it belongs to this user. That holds after a reboot, after a SIGKILL of
supervisord and with stale pid files about.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable

import psutil

from infra.local.config import marks, release_mark
from infra.local.layout import Layout
from infra.trouble import Trouble

SUPERVISORD_PATIENCE = 25.0
SERVICE_PATIENCE = 8.0


def role(command_line: list[str], layout: Layout) -> str | None:
    """Which of our processes has this command line: a service, `supervisord`, `router`, a release, or None."""
    for name, mark in marks(layout).items():
        if command_line[-len(mark) :] == mark:
            return name
    *front, name, number = ["", "", *command_line]
    mark = release_mark(layout)
    return f"{name}-{number}" if front[-len(mark) :] == mark else None


def find(layout: Layout) -> dict[str, list[psutil.Process]]:
    """Our running processes by role, without their children."""
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter(["cmdline", "uids"]):
        uids = process.info["uids"]
        name = role(process.info["cmdline"] or [], layout)
        if name and uids and uids.real == os.getuid() and alive(process):
            found.setdefault(name, []).append(process)
    return found


def alive(process: psutil.Process) -> bool:
    """Whether this very process, not a later one with its pid, still runs."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def tree(process: psutil.Process) -> list[psutil.Process]:
    """A process and everything below it."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def memory(process: psutil.Process) -> int:
    """Resident bytes of a process and everything below it."""
    total = 0
    for member in tree(process):
        with contextlib.suppress(psutil.Error):
            total += member.memory_info().rss
    return total


def stop_all(layout: Layout) -> bool:
    """Stop all that is ours, politely at first; False if there was nothing to stop."""
    for attempt in range(3):
        found = find(layout)
        if not found:
            return attempt > 0
        supervisors = found.pop("supervisord", [])
        services = [process for group in found.values() for process in group]
        everything = [member for root in [*supervisors, *services] for member in tree(root)]
        # First the one that would start the others again; it stops them itself.
        _terminate(supervisors)
        _wait(supervisors, SUPERVISORD_PATIENCE)
        _terminate(services)
        _wait(services, SERVICE_PATIENCE)
        # Kernels and terminals that a killed JupyterLab left behind. `infra` itself may run in one of them.
        rest = [process for process in everything if process.pid != os.getpid()]
        _terminate(rest)
        _wait(rest, 2)
        for process in rest:
            with contextlib.suppress(psutil.Error):
                process.kill()
        _wait(rest, 5)
    left = [process.pid for group in find(layout).values() for process in group]
    if left:
        raise Trouble(
            found=f"processes that do not end, not even by SIGKILL: {left}",
            expected="no process of the platform",
            next_step="look at them with `ps`, wait for the disk or restart the machine, then: infra down",
        )
    return True


def _terminate(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()


def _wait(processes: Iterable[psutil.Process], seconds: float) -> None:
    """Wait until all are gone. A zombie is gone: where pid 1 does not reap, it would stay for ever."""
    deadline = time.monotonic() + seconds
    while any(alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
