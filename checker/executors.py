"""Where a cohort's submissions are graded: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import Any

from checker.errors import Unavailable, UsageError
from checker.marking import stay_with


def local(workers: int) -> Executor:
    """Return a pool of `workers` fresh processes; each keeps its warm jail for as long as it lives."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=stay_with, initargs=(os.getpid(),))


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
        client: Any = Client(address, timeout="20s", set_as_default=False)
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
