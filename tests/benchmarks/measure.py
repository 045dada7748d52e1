"""CPU seconds of child processes, as medians, so that ratios taken in one run mean something on a noisy machine."""

import os
import resource
import statistics
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path


def cpu(command: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, ok=(0,)) -> float:
    """Return the CPU seconds, user and system, of `command` and all its waited-for children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in ok:
        raise SystemExit(f"{command} ended with status {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def median(work: Callable[[], float], times: int) -> float:
    """Return the median of `times` readings after one that only warms the caches."""
    work()
    return statistics.median(work() for _ in range(times))


def report(name: str, ours: float, theirs: float, other: str, target: float, unit: str = "s CPU") -> None:
    """Print one ratio beside its target; `target` is the most that ours may cost as a multiple of theirs."""
    ratio = ours / theirs
    word = "reached" if ratio <= target else "MISSED"
    print(f"{name}: {ours:.3f} {unit}; {other}: {theirs:.3f} {unit}; ratio {ratio:.3f}, at most {target:.3f}: {word}")
