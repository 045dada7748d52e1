"""How long twelve months of the case study take, against what importing numpy alone takes.

python tests/benchmarks/bench_world.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

from checker.world import MONTHS, World


def import_seconds() -> float:
    """CPU seconds, children's, of a bare `python -c "import numpy"`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", "import numpy"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def world_seconds(rows: int = 20_000) -> float:
    """CPU seconds to make a world and write its twelve months as CSV, numpy's import included."""
    start = time.process_time()
    world = World(7, rows=rows)
    for month in MONTHS:
        world.transactions(month).to_csv()
    return time.process_time() - start


def main() -> None:
    """Print both and their ratio."""
    made, bare = world_seconds(), import_seconds()
    print(f"12 months of 20,000 rows: {made:.2f} s of CPU, {made / bare:.1f} times a bare import of numpy")


if __name__ == "__main__":
    main()
