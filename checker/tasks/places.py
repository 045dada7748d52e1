"""Where one run of learner code happens: a new folder with a copy of what it needs, gone afterwards.

Behind the jail's walls it is a cell with namespaces of its own (users, mounts, processes, IPC) and a new `/tmp`
and `/dev/shm`: nothing in it can see or outlive anything. Process 1 of a cell never runs learner code and
cannot be ended from inside. Without walls it is a temporary folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from checker.tasks import kernel

MOST_TRIES, TRY_EVERY = 2000, 0.001
STOP, GO = b"s", b"g"
HOLDING = {STOP: signal.SIGSTOP, GO: signal.SIGCONT}
Then = Callable[[Path], Any]
Parts = Mapping[str, str]
"""Folder in the place -> folder of the payload with its contents; the empty name is the place itself."""


@dataclass(frozen=True)
class Furniture:
    """What a place gets: some `parts` of the `payload`, a descriptor, and in a cell `scratch` bytes of room.

    A descriptor that is `lent` to the learner's process is kept by no other: when that ends, whoever is at the other
    end shall know.
    """

    payload: int
    parts: Parts
    scratch: int
    lent: int = -1


class Place:
    """A temporary folder. `home` is what learner code gets as its home; its work is in the folder `work` of that."""

    namespaces: tuple[int, ...] = ()
    """Descriptors of the cell's namespaces, as `kernel.namespaces` names them, where there are any."""

    def __init__(self, furniture: Furniture) -> None:
        self.home = tempfile.mkdtemp()
        self._family: dict[int, psutil.Process] = {}
        self._first = 0
        furnish(Path(self.home), furniture)

    def watch(self, process: int) -> list[psutil.Process]:
        """Return all processes of the learner's, of which `process` is the first; also those that ended."""
        self._first = process
        self._family |= _with_descendants(process)
        return list(self._family.values())

    def remember(self, process: int) -> None:
        """Look once more at who is there, before `process` is gone and its children can no longer be told."""
        self.watch(process)

    def end_all(self) -> None:
        """End them, also those that left the group: psutil compares the time of their start, so no stranger is hit."""
        if self._first:
            self.watch(self._first)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._first, signal.SIGKILL)
        for process in self._family.values():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def hold(self, still: bool) -> None:
        """Stop all of the learner's processes for a time, or let them go on; without walls, do nothing."""

    def finish(self, then: Then) -> Any:
        """Return what `then` says of the folder when no learner code is left to change it."""
        self.end_all()
        return then(Path(self.home, "work"))

    def close(self) -> None:
        """End everything and forget it."""
        self.end_all()
        shutil.rmtree(self.home, ignore_errors=True)


class Cell(Place):
    """A cell behind walls. Raises OSError where it cannot be made."""

    _keeper = 0

    def __init__(self, furniture: Furniture, then: Then | None = None) -> None:
        self.home = "/tmp"  # noqa: S108 - its own
        self._family = {}
        self._ask, asked = socket.socketpair()
        news, told = os.pipe()
        self._news = os.fdopen(news, "rb")
        try:
            self._keeper = kernel.fork_into_cell()
        except OSError:
            os.close(told)
            raise
        if self._keeper == 0:
            self._ask.close()
            self._news.close()
            if furniture.lent >= 0:
                os.close(furniture.lent)
            _end(lambda: _keep(told, asked, furniture, then), told)
        os.close(told)
        asked.close()
        _, descriptors, _, _ = socket.recv_fds(self._ask, 1, len(kernel.NAMESPACES))
        self.namespaces = tuple(descriptors)
        if not descriptors:
            said = self._hear()
            self.close()
            raise OSError(said.get("broken", "its first process ended"))

    def watch(self, process: int) -> list[psutil.Process]:
        """Return all processes of the learner's: what lost its parent belongs to process 1 of the cell."""
        self._family |= _with_descendants(process) | _with_descendants(self._keeper)
        self._family.pop(self._keeper, None)
        return list(self._family.values())

    def remember(self, process: int) -> None:
        """Nobody needs to be known by number to be ended."""

    def end_all(self) -> None:
        """With process 1 of a cell, all others end."""
        if self._keeper:
            os.kill(self._keeper, signal.SIGKILL)

    def hold(self, still: bool) -> None:
        """Let process 1 of the cell stop all others, or let them go on."""
        # Where it has been ended, so have all others.
        with contextlib.suppress(OSError):
            self._ask.sendall(STOP if still else GO)
            self._hear()

    def finish(self, then: Then) -> Any:
        """Let process 1 of the cell end all others and look; only it sees the folder."""
        self._ask.sendall(b"?")
        said = self._hear()
        if "value" not in said:
            raise OSError(said.get("broken", "its first process ended"))
        return said["value"]

    def close(self) -> None:
        """End everything; the folder goes with the cell."""
        self.end_all()
        for descriptor in self.namespaces:
            os.close(descriptor)
        self.namespaces = ()
        self._news.close()
        self._ask.close()
        if self._keeper:
            os.waitpid(self._keeper, 0)
        self._keeper = 0

    def _hear(self) -> dict[str, Any]:
        line = b"" if self._news.closed else self._news.readline()
        return dict(json.loads(line)) if line else {}


def _keep(told: int, asked: socket.socket, furniture: Furniture, then: Then | None) -> None:
    """Process 1 of a cell: furnish it, and when asked end all others and look."""
    kernel.settle()
    for place in ("/tmp", "/dev/shm"):  # noqa: S108 - the cell's own
        kernel.mount_memory(place, furniture.scratch)
    furnish(Path("/tmp"), furniture)  # noqa: S108
    own = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY) for name in kernel.NAMESPACES]
    # Programs that ask /proc about themselves, such as the workers of joblib, need the numbers of the cell there.
    with contextlib.suppress(OSError):
        kernel.mount_processes("/proc")
    with contextlib.suppress(OSError):
        kernel.mount_memory(kernel.PROCESSES, 1)
    kernel.seal()
    # Whatever lost its parent comes to this process, and is gone when it ends.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # The one signal for which Python has a handler, so that the kernel lets it through to process 1.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kernel.hide()
    socket.send_fds(asked, [b"!"], own)
    while (order := asked.recv(1)) in HOLDING:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, HOLDING[order])
        _tell(told, {})
    if order and then is not None:
        _end_others()
        work = Path("/tmp/work")  # noqa: S108
        # Whatever a link in its place leads to is not what the learner's code has written.
        if work.is_symlink():
            work.unlink()
        _tell(told, {"value": then(work)})


def _end_others() -> None:
    """End all other processes of the cell, and wait until they are gone: a call under way may still write."""
    for _ in range(MOST_TRIES):
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
        time.sleep(TRY_EVERY)


def _with_descendants(process: int) -> dict[int, psutil.Process]:
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(process)
        return {each.pid: each for each in (first, *first.children(recursive=True))}
    return {}


def _end(work: Callable[[], None], told: int) -> None:
    """In a fork: work, and end at once; what goes wrong is the grader's, and told as such."""
    try:
        work()
    except BaseException as error:
        with contextlib.suppress(OSError):
            _tell(told, {"broken": f"{type(error).__name__}: {error}"[:300]})
    os._exit(0)


def _tell(descriptor: int, news: dict[str, Any]) -> None:
    content = json.dumps(news).encode() + b"\n"
    while content:
        content = content[os.write(descriptor, content) :]


def open_payload(payload: int) -> tarfile.TarFile:
    """Open what the task was given, from its beginning."""
    os.lseek(payload, 0, os.SEEK_SET)
    return tarfile.open(fileobj=os.fdopen(os.dup(payload), "rb"), mode="r:")


def furnish(home: Path, furniture: Furniture) -> None:
    """Make the folder `work` with the folders and plain files of some parts of the payload."""
    work = home / "work"
    work.mkdir()
    if not furniture.parts:
        return
    with open_payload(furniture.payload) as tar:
        for member in tar:
            for name, part in furniture.parts.items():
                if member.name.startswith(f"{part}/"):
                    _copy(tar, member, work / name / member.name.removeprefix(f"{part}/"))


def _copy(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    (target if member.isdir() else target.parent).mkdir(parents=True, exist_ok=True)
    if member.isreg() and (source := tar.extractfile(member)) is not None:
        with target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
