"""Run the programs of others: lists of words, never a shell, each with a time limit."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra.trouble import Trouble

SECONDS = 60.0
# What a program gets to tidy up when it is interrupted, before it is killed.
GRACE = 10.0
LAST_LINES = 40


@dataclass(frozen=True)
class Finished:
    """How a program ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def well(self) -> bool:
        """Whether it ended with status 0."""
        return self.status == 0

    @property
    def said(self) -> str:
        """Its error messages, or else what it printed."""
        return (self.err.strip() or self.out.strip())[-2000:]


def run(words: list[str], *, seconds: float = SECONDS, environment: Mapping[str, str] | None = None) -> Finished:
    """Run a program to its end and return what it said, however it ended."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=None if environment is None else dict(environment),
        )
    except OSError as error:
        raise missing(words[0], error) from error
    except subprocess.TimeoutExpired as error:
        raise slow(words, seconds) from error
    return Finished(done.returncode, done.stdout, done.stderr)


def follow(
    words: list[str],
    said: Callable[[str], None],
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run a program and hand on each line of its output as it comes; an interruption ends it, too."""
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=None if environment is None else dict(environment),
        )
    except OSError as error:
        raise missing(words[0], error) from error
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.terminate()

    clock = threading.Timer(seconds, stop)
    clock.daemon = True
    clock.start()
    lines: list[str] = []
    try:
        for line in process.stdout or ():
            lines = [*lines[1 - LAST_LINES :], line.rstrip()]
            said(line.strip())
        status = process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        clock.cancel()
        if process.stdout:
            process.stdout.close()
    if late.is_set():
        raise slow(words, seconds)
    return Finished(status, "\n".join(lines), "")


def _end(process: subprocess.Popen[str]) -> None:
    """Stop a program, politely at first."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def missing(program: str, error: OSError) -> Trouble:
    """The message for a program that cannot be started."""
    return Trouble(
        found=f"{program} cannot be started: {error.strerror or error}",
        expected=f"{program} on the PATH",
        next_step="infra up --profile kind --check says what is missing and how to get it",
    )


def slow(words: list[str], seconds: float) -> Trouble:
    """The message for a program that did not end."""
    return Trouble(
        found=f"`{' '.join(words[:3])}` did not end within {seconds:.0f} s",
        expected="an answer",
        next_step="look whether the container engine is overloaded or hangs (docker ps), then: infra up",
    )
