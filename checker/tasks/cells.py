"""Run functions with learner code in them: each in a place of its own, under limits, with a size-capped JSON answer."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from checker.tasks.places import Cell, Furniture, Parts, Place, Then, open_payload
from checker.tasks.zygote import Zygote

LARGEST = 8 << 20
MOST_LATE = 2
WATCH_EVERY = 0.1
THREADS_EACH = 32
GRACE = 1.0
"""Seconds for a process to end that has answered."""
STOPPING = 3.0
"""Seconds for a server to end that was asked to by SIGTERM."""

MOST_SOCKETS = 1000
"""Unix sockets in the whole jail: what is queued in them is memory that no process is charged with."""

Case = TypeVar("Case")
Hold = Callable[[bool], None]


class Silent(Exception):
    """Learner code that ended, or had to be ended, without an answer; the message completes `it ...`."""


class Late(Silent):
    """It was still at work when its time by the clock was over."""


@dataclass(frozen=True)
class Work:
    """A function as `module:name`, its arguments, and modules that are imported before, once for all who need them."""

    function: str
    arguments: dict[str, Any]
    preload: tuple[str, ...] = ()


class Beside:
    """What goes on outside of a cell, in a thread of its own, while a server runs in it: `do` talks to it.

    The server is handed the descriptor `lent` as its argument `lent`; nobody else keeps it.
    """

    def __init__(self, lent: int, do: Callable[[Hold], None]) -> None:
        self.lent, self._do = lent, do
        self._thread = threading.Thread()

    def begin(self, hold: Hold) -> None:
        """Let the server have the descriptor for itself, and talk to it; `hold` stops it, or lets it go on."""
        self.close()
        self._thread = threading.Thread(target=self._do, args=(hold,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the descriptor away, if that was not done yet."""
        if self.lent >= 0:
            os.close(self.lent)
        self.lent = -1

    @property
    def over(self) -> bool:
        """Whether the talk has come to its end."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the end of the talk, which has a limit of time of its own."""
        if self._thread.ident is not None:
            self._thread.join()


@dataclass(frozen=True)
class Cells:
    """Where the learner code of one task runs. `payload` is a descriptor of the tar with what the task was given."""

    zygote: Zygote
    payload: int
    walled: bool
    limits: dict[str, Any]
    preload: list[str]

    def read(self, name: str, largest: int) -> bytes:
        """Return the first bytes of a file of the payload; nothing where there is none."""
        with open_payload(self.payload) as tar, contextlib.suppress(KeyError):
            if (file := tar.extractfile(name)) is not None:
                return file.read(largest)
        return b""

    def run(self, work: Work, parts: Parts, seconds: float, then: Then | None = None) -> tuple[Any, Any]:
        """Return what `work` answers, as JSON brings it back, and what `then` says after it.

        It is done in a new folder with these `parts` of the payload, and ended after `seconds`. `then` is called
        with that folder when no learner code is left. The answer may be anything: the caller must look at types.

        Raises:
            Silent: no answer, too long an answer, or none that is JSON. Late: none in time.
            OSError: the place could not be made.
        """
        furniture = Furniture(self.payload, parts, self.limits["scratch"])
        place = Cell(furniture, then) if self.walled else Place(furniture)
        try:
            said = self._listen(place, work, seconds)
            try:
                answer = json.loads(said)
            except (ValueError, RecursionError):
                raise Silent("answered something that is no JSON") from None
            return answer, place.finish(then) if then else None
        except EOFError:
            self.zygote.start_again()
            raise Silent("ended the process that it was started from, by SIGKILL or otherwise") from None
        finally:
            place.close()

    def host(self, work: Work, parts: Parts, seconds: float, beside: Beside, then: Then) -> tuple[str, Any]:
        """Run `work` as `run` does until `beside` is over, and end it then, by SIGTERM at first.

        Return why it ended before, or had to be ended, to complete `it ...`; empty when it was there to the last. And
        what `then` says of the folder when no learner code is left; None where that could no longer be asked.

        Raises:
            OSError: the place could not be made.
        """
        furniture = Furniture(self.payload, parts, self.limits["scratch"], beside.lent)
        place = Cell(furniture, then) if self.walled else Place(furniture)
        ended, left = "", None
        try:
            try:
                self._listen(place, work, seconds, beside)
                ended = "" if beside.over else "ended by itself"
            except EOFError:
                self.zygote.start_again()
                ended = "ended the process that it was started from, by SIGKILL or otherwise"
            except Silent as silence:
                ended = str(silence)
            beside.wait()
            with contextlib.suppress(OSError):
                left = place.finish(then)
            return ended, left
        finally:
            beside.close()
            place.close()

    def _listen(self, place: Place, work: Work, seconds: float, beside: Beside | None = None) -> bytes:
        """Return what the learner's process says; with something `beside` it, until that is over."""
        reading, process = self._begin(place, work, beside)
        ends, look, said = time.monotonic() + seconds, time.monotonic() + WATCH_EVERY, bytearray()
        problem: Silent | None = None
        ended, stopping, sources = False, False, (reading, self.zygote.fileno())
        try:
            while problem is None:
                # What it left running may hold the other end open, so its own end counts as well.
                ready, _, _ = select.select(sources, [], [], 0 if ended else WATCH_EVERY)
                ended = ended or self.zygote.fileno() in ready
                chunk = os.read(reading, 1 << 16) if reading in ready else b""
                said += chunk
                if not chunk and (ended or reading in ready):
                    break
                now = time.monotonic()
                if beside and beside.over and not stopping:
                    stopping, ends = True, now + STOPPING
                    _kill(process, signal.SIGTERM)
                if len(said) > LARGEST:
                    problem = Silent("answered too much")
                elif now > ends:
                    if stopping:
                        break
                    problem = Late(f"did not answer within {seconds:g} seconds")
                elif now > look:
                    look = now + WATCH_EVERY
                    problem = self._too_much(place.watch(process))
        finally:
            os.close(reading)
            if problem is not None or not (said or beside):
                place.end_all()
            else:
                place.remember(process)
        status, cpu = self._end(process, ended)
        if problem is None and not (said or stopping):
            problem = Silent(self._ended_by(status, cpu))
        if problem is not None:
            raise problem
        return bytes(said)

    def _begin(self, place: Place, work: Work, beside: Beside | None) -> tuple[int, int]:
        """Start the learner's process, and what goes on beside it; return where it answers, and its number."""
        reading, writing = os.pipe()
        order = asdict(work) | {"home": place.home, "limits": self.limits}
        order["preload"] = [*self.preload, *work.preload]
        try:
            process = self.zygote.spawn(order, writing, place.namespaces, beside.lent if beside else -1)
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        if beside:
            beside.begin(place.hold)
        return reading, process

    def _end(self, process: int, ended: bool) -> tuple[int, float]:
        """Wait a moment for a process to end by itself, else end it; return its status and its CPU time."""
        if not ended and not select.select([self.zygote], [], [], GRACE)[0]:
            _kill(process, signal.SIGKILL)
        return self.zygote.ended()

    def _too_much(self, family: list[psutil.Process]) -> Silent | None:
        resident, count, threads = 0, 0, 0
        for each in family:
            with contextlib.suppress(psutil.Error):
                resident += each.memory_info().rss
                threads += each.num_threads()
                count += 1
        if count > self.limits["processes"]:
            return Silent(f"started {count} processes, more than {self.limits['processes']}")
        if threads > THREADS_EACH * self.limits["processes"]:
            return Silent(f"started {threads} threads, more than {THREADS_EACH * self.limits['processes']}")
        if self.walled and (sockets := _sockets()) > MOST_SOCKETS:
            return Silent(f"opened {sockets} sockets, more than {MOST_SOCKETS}")
        # What forks share was counted once for each.
        if resident > self.limits["resident"] and (resident := sum(map(_share, family))) > self.limits["resident"]:
            return Silent(f"took {resident >> 20} MiB of memory, more than {self.limits['resident'] >> 20}")
        return None

    def _ended_by(self, status: int, cpu: float) -> str:
        ended = "ended its process before it answered"
        if not os.WIFSIGNALED(status):
            return ended
        number, most = os.WTERMSIG(status), self.limits["cpu_seconds"]
        name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
        if name == "SIGXCPU" or cpu >= 0.9 * most:
            return f"used more than {most} seconds of CPU time"
        hint = {"SIGKILL": ", perhaps for too much memory", "SIGXFSZ": ", for too large a file"}.get(name, "")
        return f"{ended}: it was ended by {name}{hint}"


def in_turn(cases: Mapping[str, Case], run: Callable[[Case], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what `run` answers for each of `cases`; when MOST_LATE did not end in time, the others are not tried."""
    answers: dict[str, dict[str, Any]] = {}
    late = 0
    for name, case in cases.items():
        if late >= MOST_LATE:
            answers[name] = {"problem": f"it was not tried, since {late} others did not end in time"}
            continue
        try:
            answers[name] = run(case)
        except Late as silence:
            late += 1
            answers[name] = {"problem": f"it {silence}"}
    return answers


def _kill(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def _sockets() -> int:
    with Path("/proc/net/unix").open("rb") as file:
        return sum(1 for _ in file) - 1


def _share(process: psutil.Process) -> int:
    """Return the bytes in memory that a process is to be charged with; 0 where it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        try:
            return int(process.memory_full_info().pss)
        except psutil.AccessDenied:
            return int(process.memory_info().rss)
    return 0
