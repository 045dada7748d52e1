"""`checker --help` against a bare `import click`: the command line loads nothing else."""

import sys
from pathlib import Path

from measure import cpu, median, report

TIMES = 15


def main() -> None:
    """Print the ratio of CPU seconds."""
    checker = str(Path(sys.executable).with_name("checker"))
    bare = median(lambda: cpu([sys.executable, "-c", "import click"]), TIMES)
    ours = median(lambda: cpu([checker, "--help"]), TIMES)
    report("checker --help", ours, bare, "import click", 1.5)


if __name__ == "__main__":
    main()
