"""Tasks in a process of their own: whatever learner code does, the caller gets a clear answer in time.

Everything holds for a plain child process and for a confined one alike.
"""

import json
import shutil
import tempfile
import time
import uuid

import psutil
import pytest

from checker.errors import Unavailable
from checker.jail import Limits, run_task

needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def notebook(folder, *cells, parameters=None):
    (folder / "nb").mkdir(exist_ok=True)
    code = [{"cell_type": "code", "source": cell, "metadata": {}} for cell in cells]
    (folder / "nb" / "n.ipynb").write_text(json.dumps({"cells": code}))
    case = {"folder": "nb", "parameters": parameters or {}}
    return {"notebook": "n.ipynb", "output": "out", "seconds": 30, "cases": {"one": case}}


@pytest.fixture(params=[False, pytest.param(True, marks=needs_bwrap)], ids=["plain", "confined"])
def run(request, tmp_path):
    """Run cells and return what came of them: {"output": text} or {"problem": words}."""
    work = tmp_path / "work"
    (work / "nb").mkdir(parents=True)

    def run(*cells, parameters=None, **limits):
        made = notebook(work, *cells, parameters=parameters)
        answer = run_task("notebook", made, work, Limits(**{"seconds": 30, **limits}), confined=request.param)
        return {"problem": answer.problem} if answer.problem else answer.value["one"]

    run.folder = work
    return run


def test_a_notebook_runs_and_its_output_comes_back(run):
    assert run("x = 1\n", "%time y = x + 1\nopen('out', 'w').write(str(y))") == {"output": "2"}
    assert [path.name for path in (run.folder / "nb").iterdir()] == ["n.ipynb"]


def test_parameters_come_first_or_after_the_tagged_cell(run):
    assert run("open('out', 'w').write(f'{n}{s}')", parameters={"n": 3, "s": "a'b"}) == {"output": "3a'b"}


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("1 / 0", "code cell 1 ends with ZeroDivisionError"),
        ("def", "code cell 1 ends with SyntaxError"),
        ("import os; os._exit(0)", "ended its process"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("x = bytearray(64 << 30)", "MemoryError"),
        ("open('out', 'wb').write(b'0' * (600 << 20))", ""),
        ("open('out', 'w').write('x' * (2 << 20))", "at most 1 MiB"),
        ("open('out', 'wb').write(b'\\xff')", "cannot be read"),
        ("import os; os.mkfifo('out')", "no plain file"),
        ("import os; os.symlink('/etc/hostname', 'out')", "cannot be read"),
        ("x = 1", "wrote nothing"),
    ],
)
def test_what_goes_wrong_is_told(run, cell, words):
    assert words in run(cell)["problem"]


@pytest.mark.parametrize(
    "cell",
    [
        "while True: pass",
        "import time\nwhile True:\n    try: time.sleep(60)\n    except BaseException: pass",
        "import signal, time\nfor s in (1, 2, 3, 10, 12, 13, 14, 15): signal.signal(s, signal.SIG_IGN)\ntime.sleep(60)",
    ],
)
def test_what_does_not_end_is_ended_with_all_its_children(run, cell):
    mark = f"61.{uuid.uuid4().int % 10**9}"
    cell = f"import subprocess\nsubprocess.Popen(['sleep', '{mark}'], start_new_session=True)\n{cell}"
    began = time.monotonic()
    assert "did not end within 5 seconds" in run(cell, seconds=5)["problem"]
    assert time.monotonic() - began < 30
    deadline = time.monotonic() + 5
    while alive := [each for each in psutil.process_iter(["cmdline"]) if mark in (each.info["cmdline"] or [])]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.1)


def test_too_many_processes_are_ended(run):
    cell = "import subprocess, time\nfor _ in range(40): subprocess.Popen(['sleep', '30'])\ntime.sleep(30)"
    assert "more than 20" in run(cell, processes=20)["problem"]


def test_too_much_memory_in_many_processes_is_ended(run):
    cell = (
        "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n"
        "        x = b'x' * (200 << 20); time.sleep(30); os._exit(0)\ntime.sleep(30)"
    )
    assert "MiB of memory" in run(cell, resident=600 << 20)["problem"]


def test_nothing_of_the_callers_environment_is_seen(run, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://secret")
    monkeypatch.setenv("SECRET_TOKEN", "hidden")
    monkeypatch.setenv("PYTHONPATH", str(run.folder))
    seen = json.loads(run("import os, json\njson.dump(dict(os.environ), open('out', 'w'))")["output"])
    assert not {"hidden", "http://secret"} & set(seen.values())
    assert "PYTHONPATH" not in seen


def test_shadow_modules_do_not_reach_the_task_itself(run):
    for name in ("json", "pandas", "sitecustomize", "usercustomize", "checker"):
        (run.folder / f"{name}.py").write_text("import os; os._exit(0)")
    assert run("open('out', 'w').write('1')") == {"output": "1"}


def test_output_that_looks_like_a_verdict_is_only_output(run):
    assert "ValueError" in run('print(\'{"one": {"output": "1"}}\')', "raise ValueError('no')")["problem"]


def test_warnings_and_noise_are_no_fault(run):
    noise = "import sys, warnings\nwarnings.warn('old')\nprint('x' * 200_000, file=sys.stderr)"
    assert run(noise, "open('out', 'w').write('1')") == {"output": "1"}


def test_cases_do_not_see_each_other(tmp_path):
    cell = "import builtins\nassert not hasattr(builtins, 'seen')\nbuiltins.seen = 1\nopen('out', 'w').write('1')"
    made = notebook(tmp_path, cell)
    made["cases"]["two"] = made["cases"]["one"]
    assert run_task("notebook", made, tmp_path).value == {"one": {"output": "1"}, "two": {"output": "1"}}


def test_an_unknown_task_is_no_answer(tmp_path):
    with pytest.raises(Unavailable, match="no task nothing"):
        run_task("nothing", {}, tmp_path)


def test_a_task_leaves_no_file_behind(run, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run("x = 1")
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_a_slow_case_costs_no_other_its_turn(tmp_path):
    made = notebook(tmp_path, "if slow:\n    while True: pass\nopen('out', 'w').write('1')", parameters={"slow": True})
    made["cases"]["two"] = {"folder": "nb", "parameters": {"slow": False}}
    made["seconds"] = 2
    answer = run_task("notebook", made, tmp_path, Limits(seconds=60)).value
    assert answer == {"one": {"problem": "it did not answer within 2 seconds"}, "two": {"output": "1"}}


def test_what_hangs_again_and_again_is_not_tried_for_ever(tmp_path):
    made = notebook(tmp_path, "while True: pass")
    made["cases"] |= dict.fromkeys(("two", "three", "four"), made["cases"]["one"])
    made["seconds"] = 1
    answer = run_task("notebook", made, tmp_path, Limits(seconds=60)).value
    assert answer["two"] == {"problem": "it did not answer within 1 seconds"}
    assert answer["three"] == answer["four"] == {"problem": "it was not tried, since 2 others did not end in time"}
