"""Run what a learner wrote in a process of its own, with limits, and take back size-capped JSON.

The child runs a task of `checker.tasks` by name: it reads its request from a file, and what it
answers is data that the caller must validate, since learner code in it may answer anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from checker.errors import Unavailable
from checker.evidence.foreign import ForeignText, parse_json
from checker.text import clean

LARGEST_ANSWER = 8 << 20
LARGEST_LOG = 64 << 10


@dataclass(frozen=True)
class Limits:
    """What a task may use: wall-clock and CPU seconds, bytes of address space and of any one file, open files.

    The child sets them on itself before it runs anything of the learner's.
    """

    seconds: float = 120
    cpu_seconds: int = 120
    memory: int = 8 << 30
    file_size: int = 512 << 20
    open_files: int = 512


@dataclass(frozen=True)
class Answer:
    """What came back: the parsed JSON, or None with `problem` in words; `log` is the end of its output."""

    value: Any = None
    problem: str | None = None
    log: str = ""


def run_task(task: str, request: dict[str, Any], folder: Path, limits: Limits | None = None) -> Answer:
    """Run `checker.tasks.<task>` with `request` in `folder`, and kill its whole process group when it ends.

    Only the answer file counts, and only while it is small JSON. The environment is bare: no token,
    no tracking address, an empty home in `folder`.

    Raises:
        Unavailable: the process could not be started at all.
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="checker-task-") as private:
        request_file, answer_file, log_file = (Path(private, name) for name in ("request", "answer", "log"))
        request_file.write_text(json.dumps({"limits": asdict(limits), "request": request}), encoding="utf-8")
        command = [sys.executable, "-I", "-m", "checker.tasks", task, str(request_file), str(answer_file)]
        with log_file.open("wb") as log:
            try:
                child = subprocess.Popen(
                    command,
                    cwd=folder,
                    env=_environment(folder),
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
            problem = _wait(child, limits.seconds)
        output = _tail(log_file)
        if problem is None and child.returncode != 0:
            problem = _last_line(output) or _died(child.returncode)
        if problem is not None:
            return Answer(problem=clean(problem), log=output)
        return _read(answer_file, output)


def _environment(folder: Path) -> dict[str, str]:
    """What a task sees: paths of the interpreter and nothing of the caller's."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _wait(child: subprocess.Popen[bytes], seconds: float) -> str | None:
    """Wait for the child; whatever happens, nothing of its process group is left behind."""
    try:
        child.wait(timeout=seconds)
        return None
    except subprocess.TimeoutExpired:
        return f"it did not end within {seconds:g} seconds"
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


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
