"""In a cell: run one step of a pipeline as kfp's own executor does. Importing this has paid for the executor."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from checker.tasks.command import keep_printed, status_of

EXECUTOR = "kfp.dsl.executor_main"
RUNTIME = "_KFP_RUNTIME"
"""What the command of a step sets, so that kfp imports no more than a step needs."""

# Whole, without that variable: a loop of day 24 may run in the next fork, and needs the rest of kfp.
with contextlib.suppress(ImportError):
    importlib.import_module("kfp.local")
    importlib.import_module(EXECUTOR)


def execute(program: str, function: str, given: dict[str, Any]) -> int:
    """Run `function` of the module in the file `program`; `given` is the executor's input, its paths relative."""
    keep_printed()
    here = Path.cwd()
    for each in (*given["inputs"]["artifacts"].values(), *given["outputs"]["artifacts"].values()):
        for artifact in each["artifacts"]:
            artifact["uri"] = str(here / artifact["uri"])
    for each in given["outputs"]["parameters"].values():
        each["outputFile"] = str(here / each["outputFile"])
    given["outputs"]["outputFile"] = str(here / given["outputs"]["outputFile"])
    os.environ[RUNTIME] = "true"
    words = {"component_module_path": str(here / program), "executor_input": json.dumps(given)}
    words["function_to_execute"] = function
    sys.argv = ["executor_main", *(word for name, value in words.items() for word in (f"--{name}", value))]
    return status_of(lambda: importlib.import_module(EXECUTOR).executor_main())
