"""What the scripts beside the solution share: edit `pipeline.py`, compile it, and run it as the local runner does."""

import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path


def edit(path, *changes):
    """Replace texts in a file, each of which must be there."""
    text = Path(path).read_text()
    for old, new in changes:
        assert old in text, f"{path} has no {old!r}"
        text = text.replace(old, new)
    Path(path).write_text(text)


def load():
    """Return `pipeline.py` of the current folder as a module."""
    sys.dont_write_bytecode = True
    shutil.rmtree("__pycache__", ignore_errors=True)
    sys.path.insert(0, str(Path.cwd()))
    import pipeline

    return pipeline


def build(*, compiled=True, run=True, **arguments):
    """Compile the pipeline and run it."""
    module = load()
    from kfp import compiler, local
    from kfp.local import subprocess_task_handler

    if compiled:
        compiler.Compiler().compile(module.card_fraud_training, "pipeline.yaml")
    if run:
        subprocess_task_handler.run_local_subprocess = _in_a_fork
        local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="runs", raise_on_error=True)
        module.card_fraud_training(**arguments)


def newest():
    """Return the folder of the newest run."""
    return max(Path("runs").iterdir())


def _in_a_fork(full_command):
    """Do what the command of a component does, without the imports of a new process."""
    import pandas  # noqa: F401
    from kfp.dsl import executor_main

    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        program = Path(tempfile.mkdtemp(), "ephemeral_component.py")
        program.write_text(full_command[3])
        sys.argv = ["executor_main", "--component_module_path", str(program), *full_command[4:]]
        executor_main.executor_main()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
