"""`python -m checker.tasks TASK REQUEST ANSWER`: set the limits, run one task, write its answer as JSON."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

TASKS = ("notebook", "probe", "score")


def limit(limits: dict[str, Any]) -> None:
    """Lower this process's limits, hard and soft, to what the grader allows."""
    for kind, value in (
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (bound, bound))


def main() -> int:
    """Run the task that the command line names."""
    task, request_file, answer_file = sys.argv[1:]
    if task not in TASKS:
        print(f"no task {task}")
        return 2
    order = json.loads(Path(request_file).read_text(encoding="utf-8"))
    limit(order["limits"])
    try:
        answer = importlib.import_module(f"checker.tasks.{task}").run(order["request"])
    except BaseException as error:
        print(f"{type(error).__name__}: {error}".replace("\n", " ")[:500])
        return 1
    draft = Path(answer_file + ".part")
    draft.write_text(json.dumps(answer), encoding="utf-8")
    draft.replace(answer_file)
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Threads and exit handlers of learner code get no say in how this ends.
    os._exit(status)
