"""Where submissions are graded: processes that end when they are told to, and clusters that are not there."""

import os
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor

import psutil
import pytest

from checker import executors
from checker.errors import Unavailable, UsageError
from tests.support import free_port


@pytest.fixture
def pool():
    made = executors.local(1)
    yield made
    executors.stop(made)


def test_a_process_does_not_hear_an_interruption(pool):
    number = pool.submit(os.getpid).result(60)
    assert number != os.getpid()
    os.kill(number, signal.SIGINT)
    assert pool.submit(os.getpid).result(60) == number
    # Those who started it still do.
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_it_ends_at_once_whatever_it_is_doing(pool):
    process = psutil.Process(pool.submit(os.getpid).result(60))
    busy = pool.submit(time.sleep, 600)
    waiting = [pool.submit(time.sleep, 600) for _ in range(5)]
    while not busy.running():
        time.sleep(0.01)
    began = time.monotonic()
    executors.stop(pool)
    assert time.monotonic() - began < executors.PATIENCE
    assert not process.is_running()
    assert all(each.cancelled() or each.exception(10) for each in waiting)


def test_a_process_that_cannot_be_started_is_explained(pool, monkeypatch):
    def full(self):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(pool._mp_context.Process, "start", full)
    with pytest.raises(Unavailable, match="temporarily unavailable") as caught:
        pool.submit(os.getpid)
    assert "--workers" in caught.value.next_step


def test_stopping_twice_or_one_that_never_started_is_nothing(pool):
    for _ in range(2):
        executors.stop(pool)
    executors.stop(executors.local(2))


def test_stopping_cancels_what_waits_in_any_executor():
    class Other(ThreadPoolExecutor):
        """As Dask's, it knows no other argument."""

        def shutdown(self, wait=True):
            super().shutdown(wait=wait, cancel_futures=True)

    other = Other(1)
    futures: list[Future] = [other.submit(time.sleep, 0.05) for _ in range(5)]
    executors.stop(other)
    assert futures[-1].cancelled()


def test_a_cluster_needs_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="not installed") as caught:
        executors.dask("tcp://127.0.0.1:1")
    assert "cohort" in caught.value.next_step


@pytest.mark.parametrize("address", ["nonsense://x", "tcp://"])
def test_an_address_that_is_none(address):
    pytest.importorskip("distributed")
    with pytest.raises((UsageError, Unavailable)) as caught:
        executors.dask(address)
    assert caught.value.expected


def test_a_cluster_that_is_not_there(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "ANSWERING", "1s")
    with pytest.raises(Unavailable, match="no Dask scheduler"):
        executors.dask(f"tcp://127.0.0.1:{free_port()}")


def test_a_cluster_says_how_much_it_does_at_the_same_time(pool):
    distributed = pytest.importorskip("distributed")
    assert executors.width(pool, 3) == 3
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=3, processes=False, dashboard_address=None
    ) as cluster:
        executor = executors.dask(cluster.scheduler_address)
        assert executors.width(executor, 1) == 6
        executors.stop(executor)
