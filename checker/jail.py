"""Run what a learner wrote in a process of its own, with limits, and take back size-capped JSON.

The child runs a task of `checker.tasks` by name: it reads its request from a file, and what it
answers is data that the caller must validate, since learner code in it may answer anything.

`confined`, the child runs behind the walls of bubblewrap; without them, it is a plain child process, which
is enough for one's own work on one's own machine and for nothing else.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from checker.errors import Unavailable
from checker.evidence.foreign import ForeignText, parse_json
from checker.text import clean

LARGEST_ANSWER = 8 << 20
LARGEST_LOG = 64 << 10
WATCH_EVERY = 0.1


@dataclass(frozen=True)
class Limits:
    """What a task may use.

    `cpu_seconds`, `memory` (bytes of address space), `file_size` (bytes) and `open_files` hold for each process:
    the child sets them on itself before it runs anything of the learner's. `seconds` of wall-clock time,
    `processes` and `resident` (bytes in memory) hold for all of them together: the caller watches, and
    ends them all. `scratch` is what a confined task may write, in bytes.
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
    """What came back: the parsed JSON, or None with `problem` in words; `log` is the end of its output."""

    value: Any = None
    problem: str | None = None
    log: str = ""


def run_task(
    task: str, request: dict[str, Any], folder: Path, limits: Limits | None = None, *, confined: bool = False
) -> Answer:
    """Run `checker.tasks.<task>` with `request`, and end all its processes when it ends.

    Only the answer file counts, and only while it is small JSON. The environment is bare: no token and
    no tracking address. A task reads `folder` and works in a home of its own, which is gone afterwards;
    a confined one can do nothing else.

    Raises:
        Unavailable: the process could not be started, or the walls could not be built.
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="checker-task-") as private:
        request_file, answer_file, log_file = (Path(private, name) for name in ("request", "answer", "log"))
        request_file.write_text(json.dumps({"limits": asdict(limits), "request": request}), encoding="utf-8")
        command = [sys.executable, "-I", "-m", "checker.tasks", task, str(request_file), str(answer_file)]
        home = Path(private, "home")
        home.mkdir()
        environment = _environment(Path("/tmp") if confined else home)  # noqa: S108 - the jail's own
        if confined:
            from checker.bubblewrap import walls

            command = [*walls([folder], [Path(private)], environment, limits.scratch), *command]
        with log_file.open("wb") as log:
            try:
                child = subprocess.Popen(
                    command,
                    cwd=home,
                    env=environment,
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
            problem = _wait(child, limits)
        output = _tail(log_file)
        if problem is None and child.returncode != 0:
            problem = _last_line(output) or _died(child.returncode)
            if confined and problem.startswith("bwrap:"):
                raise Unavailable(
                    f"the jail cannot be built: {clean(problem)}",
                    expected="bubblewrap with user namespaces",
                    next_step="run `checker doctor`",
                )
        if problem is not None:
            return Answer(problem=clean(problem), log=output)
        return _read(answer_file, output)


@functools.cache
def can_confine() -> bool:
    """Whether walls can be built on this machine: bubblewrap is there and may make user namespaces."""
    from checker.bubblewrap import walls

    try:
        command = [*walls([], [], {}, 1 << 20), sys.executable, "-I", "-c", ""]
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
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _wait(child: subprocess.Popen[bytes], limits: Limits) -> str | None:
    """Wait for the child and watch all its processes; whatever happens, none of them is left behind."""
    ends = time.monotonic() + limits.seconds
    family: dict[int, psutil.Process] = {}
    try:
        while (left := ends - time.monotonic()) > 0:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=min(WATCH_EVERY, left))
                return None
            with contextlib.suppress(psutil.Error):
                family |= {each.pid: each for each in psutil.Process(child.pid).children(recursive=True)}
            if problem := _too_much(family, limits):
                return problem
        return f"it did not end within {limits.seconds:g} seconds"
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        # Those that left the group: psutil compares the time of their start, so no stranger is hit.
        for process in family.values():
            with contextlib.suppress(psutil.Error):
                process.kill()
        child.wait()


def _too_much(family: dict[int, psutil.Process], limits: Limits) -> str | None:
    resident, count = 0, 0
    for process in family.values():
        with contextlib.suppress(psutil.Error):
            resident += process.memory_info().rss
            count += 1
    if count > limits.processes:
        return f"it started {count} processes, more than {limits.processes}"
    if resident > limits.resident:
        return f"it took {resident >> 20} MiB of memory, more than {limits.resident >> 20}"
    return None


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LARGEST_LOG))
        return file.read().decode("utf-8", "replace")


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _died(status: int) -> str:
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
        hint = {
            "SIGXCPU": " (too much CPU time)",
            "SIGXFSZ": " (a file too large)",
            "SIGKILL": " (killed)",
        }.get(name, "")
        return f"its process was ended by {name}{hint}"
    return f"its process ended with status {status} and no message"


def _read(path: Path, output: str) -> Answer:
    try:
        if path.stat().st_size > LARGEST_ANSWER:
            return Answer(problem="it answered too much", log=output)
        return Answer(value=parse_json(path.read_text(encoding="utf-8"), LARGEST_ANSWER), log=output)
    except FileNotFoundError:
        return Answer(problem="its process ended before it answered", log=output)
    except (OSError, UnicodeDecodeError, ForeignText) as error:
        return Answer(problem=f"its answer cannot be read: {error}", log=output)
