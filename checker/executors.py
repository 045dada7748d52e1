"""Where a cohort's submissions are graded: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from checker.errors import Unavailable, UsageError
from checker.marking import stay_with

P = ParamSpec("P")
T = TypeVar("T")
ANSWERING = "20s"
PATIENCE = 5.0
"""Seconds in which a process that was asked to end must do so."""


class Pool(ProcessPoolExecutor):
    """Its processes do not hear Ctrl-C, which a terminal sends to everybody: whoever started them ends them."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand over a call; this is where processes are started, and they are born deaf."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return super().submit(fn, *args, **kwargs)
        except OSError as error:
            raise Unavailable(
                f"no process for grading could be started: {error.strerror}",
                expected="free memory and process slots",
                next_step="close other programs, or start again with fewer `--workers`; what was graded is kept",
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def local(workers: int) -> Executor:
    """Return a pool of `workers` fresh processes; each keeps its warm jail for as long as it lives."""
    context = multiprocessing.get_context("spawn")
    return Pool(workers, mp_context=context, initializer=stay_with, initargs=(os.getpid(),))


def dask(address: str) -> Executor:
    """Return the executor of the Dask cluster whose scheduler is at `address`.

    Its workers must run this course with the same paths: they read the submissions themselves.

    Raises:
        UsageError: dask is not installed, or the address is none.
        Unavailable: nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "dask is not installed", expected="the extra `cohort`", next_step="run `pip install 'mlops-labs[cohort]'`"
        ) from error
    try:
        client: Any = Client(address, timeout=ANSWERING, set_as_default=False)
    except ValueError as error:
        raise UsageError(
            f"{address!r} is no address: {error}", expected="an address such as tcp://10.0.0.5:8786"
        ) from error
    except (OSError, TimeoutError) as error:
        raise Unavailable(
            f"no Dask scheduler answers at {address}",
            expected="a running cluster",
            next_step="start `dask scheduler` and its workers, then grade again",
        ) from error
    executor: Executor = client.get_executor(pure=False)
    return executor


def width(executor: Executor, otherwise: int) -> int:
    """Return how many calls it does at the same time: the threads of a Dask cluster's workers, else `otherwise`."""
    client: Any = getattr(executor, "_client", None)
    return max(1, sum(client.nthreads().values())) if client else otherwise


def stop(executor: Executor) -> None:
    """End it at once: nobody will take what is still at work. Local processes are gone when this returns."""
    # Once it is shut down, a pool no longer knows its processes.
    processes = list((getattr(executor, "_processes", None) or {}).values())
    if isinstance(executor, ProcessPoolExecutor):
        executor.shutdown(wait=False, cancel_futures=True)
    else:
        executor.shutdown(wait=False)
    with suppress(Exception):
        executor._client.close(timeout=PATIENCE)  # type: ignore[attr-defined]
    for process in processes:
        with suppress(Exception):
            process.terminate()
    for process in processes:
        with suppress(Exception):
            process.join(PATIENCE)
            process.kill()
