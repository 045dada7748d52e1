"""Run what a learner wrote apart from the grader, with limits, and take back size-capped JSON.

A jail is one process that has imported what the tasks need and does them one after the other, each in a fork
(`checker.tasks`). What it answers is data that the caller must validate, since learner code may answer anything.

`confined`, it stands behind the walls of bubblewrap; without them it is a plain child process, which is
enough for one's own work on one's own machine and for nothing else.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import psutil

from checker.errors import Unavailable
from checker.evidence.foreign import ForeignText, parse_json
from checker.text import clean

LARGEST_ANSWER = 8 << 20
LARGEST_LOG = 4 << 10
PATIENCE = 4
"""Seconds by the clock for each of CPU time that a run may use: what else the machine does is not its fault."""
STARTING = 120.0
"""Seconds in which a jail must stand, its imports done."""


@dataclass(frozen=True)
class Limits:
    """What a task may use.

    `seconds` of wall-clock time are for the whole task. The others hold for each run of learner code in it:
    `cpu_seconds`, `memory` (bytes of address space), `file_size` (bytes) and `open_files` for each of its
    processes, `processes` and `resident` (bytes in memory) for all of them together, and `scratch` is what
    it may write behind walls, in bytes.
    """

    seconds: float = 120
    cpu_seconds: int = 120
    memory: int = 8 << 30
    file_size: int = 512 << 20
    open_files: int = 512
    processes: int = 64
    resident: int = 4 << 30
    scratch: int = 512 << 20


@dataclass(frozen=True)
class Answer:
    """What came back: the parsed JSON, or None with `problem` in words."""

    value: Any = None
    problem: str | None = None


class Jail:
    """A process for tasks, started at the first one. As a context manager, it ends with all that it started.

    `preload` names modules that are imported at the start, once for all tasks. Where no cell with walls of its
    own can be made, a confined jail is built anew for each task, so that none can harm the next.
    """

    def __init__(self, *, confined: bool, preload: Iterable[str] = ()) -> None:
        self.confined = self._cells = confined
        self._preload = tuple(preload)
        self._stack = contextlib.ExitStack()
        self._child: subprocess.Popen[bytes] | None = None
        self._link: socket.socket
        self._reusable = False

    def __enter__(self) -> Jail:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, all that it started, and its files. The next task starts a new one."""
        self._child = None
        self._stack.close()

    def run(
        self,
        task: str,
        request: dict[str, Any],
        folder: Path,
        limits: Limits | None = None,
        preload: Iterable[str] = (),
    ) -> Answer:
        """Run `checker.tasks.<task>` with `request` and a copy of the plain files in `folder`.

        Raises:
            Unavailable: the process could not be started, or its walls could not be built.
        """
        limits = limits or Limits()
        order = {"task": task, "request": request, "limits": asdict(limits), "preload": [*preload]}
        try:
            with _packed(folder) as payload:
                self._start()
                content = self._exchange(json.dumps(order).encode(), payload, limits.seconds)
        except BaseException:
            self.close()
            raise
        if not content or not self._reusable:
            self.close()
        if content is None:
            return Answer(problem=f"it did not end within {limits.seconds:g} seconds")
        if not content and self._reusable:
            raise Unavailable(
                "the jail ended by itself, where nothing that a learner wrote can end it",
                expected="a machine with enough memory",
                next_step="look at the log of the machine, then grade again",
            )
        return _read(content)

    def _start(self) -> None:
        if self._child is not None and self._child.poll() is None:
            return
        self._reusable = False
        if self._cells:
            with contextlib.suppress(Unavailable):
                self._reusable = self._launch("cells")
            self._cells = self._reusable
        if not self._reusable:
            # Without cells no process in the jail needs a right, so there shall be none.
            self._launch("walls" if self.confined else "none")

    def _launch(self, walls: str) -> bool:
        """Start the process behind such walls, and return whether it can make cells."""
        self.close()
        home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="checker-jail-")))
        environment = _environment(Path("/tmp") if self.confined else home)  # noqa: S108 - the jail's own
        self._link, theirs = socket.socketpair()
        self._stack.enter_context(self._link)
        self._stack.enter_context(theirs)
        command = [sys.executable, "-I", "-m", "checker.tasks", str(theirs.fileno()), walls, *self._preload]
        if self.confined:
            from checker.bubblewrap import walls as build_walls

            command = [*build_walls(environment, cells=self._cells), *command]
        with tempfile.TemporaryFile() as log:
            try:
                child = subprocess.Popen(
                    command,
                    cwd=home,
                    env=environment,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise Unavailable(
                    f"no process could be started: {error.strerror}",
                    expected="a free process slot and memory",
                    next_step="close other programs and check again",
                ) from error
            self._stack.callback(_end, child)
            theirs.close()
            hello = _receive(self._link, time.monotonic() + STARTING)
            if not hello:
                raise Unavailable(
                    f"the jail cannot be built: {_tail(log) or 'it did not answer'}"
                    if self.confined
                    else f"the process for tasks did not start: {_tail(log) or 'it did not answer'}",
                    expected="bubblewrap with user namespaces" if self.confined else "a working installation",
                    next_step="run `checker doctor`",
                )
        self._child = child
        return bool(json.loads(hello).get("walled"))

    def _exchange(self, order: bytes, payload: BinaryIO, seconds: float) -> bytes | None:
        """Hand over an order and return the answer: None when it did not come in time."""
        ends = time.monotonic() + seconds
        try:
            socket.send_fds(self._link, [b"\0"], [payload.fileno()])
            channel = Connection(os.dup(self._link.fileno()))
            with channel:
                channel.send_bytes(order)
            return _receive(self._link, ends)
        except OSError:
            return b""


def run_task(
    task: str, request: dict[str, Any], folder: Path, limits: Limits | None = None, *, confined: bool = False
) -> Answer:
    """Run one task in a jail that is there for it alone; see `Jail.run`."""
    with Jail(confined=confined) as jail:
        return jail.run(task, request, folder, limits)


@functools.cache
def can_confine() -> bool:
    """Whether walls can be built on this machine: bubblewrap is there and may make user namespaces."""
    from checker.bubblewrap import walls

    try:
        command = [*walls({}), sys.executable, "-I", "-c", ""]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (Unavailable, OSError, subprocess.TimeoutExpired):
        return False


def _environment(home: Path) -> dict[str, str]:
    """What a task sees: paths of the interpreter and nothing of the caller's."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "WHYLOGS_NO_ANALYTICS": "true",
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


@contextlib.contextmanager
def _packed(folder: Path) -> Iterator[BinaryIO]:
    """A tar of the folders and plain files in `folder`, in a file that has no name."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(folder.rglob("*")):
                if not path.is_symlink() and (path.is_file() or path.is_dir()):
                    tar.add(path, str(path.relative_to(folder)), recursive=False)
        file.flush()
        yield file


def _receive(link: socket.socket, ends: float) -> bytes | None:
    """Return one message; empty when the other side is gone, None when it takes too long."""
    channel = Connection(os.dup(link.fileno()))
    with channel:
        try:
            if not channel.poll(max(0.0, ends - time.monotonic())):
                return None
            return channel.recv_bytes(LARGEST_ANSWER + 1)
        except (EOFError, OSError):
            return b""


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the process and whatever descends from it; none of them is left behind."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(child.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    # Those that left the group: psutil compares the time of their start, so no stranger is hit.
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.kill()
    child.wait()


def _tail(log: BinaryIO) -> str:
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - LARGEST_LOG))
    lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return clean(lines[-1]) if lines else ""


def _read(content: bytes) -> Answer:
    try:
        answer = parse_json(content.decode("utf-8"), LARGEST_ANSWER)
    except (UnicodeDecodeError, ForeignText) as error:
        return Answer(problem=f"its answer cannot be read: {error}")
    if "value" in answer:
        return Answer(value=answer["value"])
    if "problem" in answer:
        return Answer(problem=clean(answer["problem"]))
    raise Unavailable(
        f"the task could not be run: {clean(answer.get('broken', 'no reason given'))}",
        expected="a jail that holds",
        next_step="run `checker doctor`, then grade again",
    )
