"""Attacks on the jail: what learner code in it may reach, and what it may use up."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from checker import keys
from checker.bubblewrap import walls
from checker.doctor import break_out
from checker.errors import Unavailable
from checker.jail import Limits, run_task

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture
def attack(tmp_path, monkeypatch):
    """Run a cell in the jail and return the JSON that it wrote."""
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()

    def attack(code, **limits):
        cells = [{"cell_type": "code", "source": code, "metadata": {}}]
        (work / "n.ipynb").write_text(json.dumps({"cells": cells}))
        case = {"folder": str(work), "parameters": {}}
        request = {"notebook": "n.ipynb", "output": "out", "seconds": 20, "cases": {"one": case}}
        answer = run_task("notebook", request, work, Limits(**{"seconds": 30, **limits}), confined=True)
        said = answer.value["one"] if answer.problem is None else {"problem": answer.problem}
        return json.loads(said["output"]) if "output" in said else said

    attack.work = work
    return attack


def test_the_probe_finds_every_hole_of_a_plain_process_and_none_in_the_jail():
    assert break_out() == []
    plain = " ".join(break_out(confined=False))
    for words in ("read a file", "write into", "connect to a port", "processes"):
        assert words in plain


def test_the_key_and_the_home_do_not_exist_in_there(attack, tmp_path):
    keys.grader_key()
    home, mine = tmp_path / "home", Path.home()
    there = [
        home / "grader.key",
        home,
        *(mine / name for name in (".ssh", ".bashrc", ".profile", ".cache")),
        "/etc/shadow",
    ]
    paths = [str(path) for path in there]
    code = f"import json, os\njson.dump([p for p in {paths!r} if os.path.exists(p)], open('out', 'w'))"
    assert attack(code) == []


def test_checks_solutions_and_other_submissions_are_not_there(attack):
    code = (
        "import json, os, checker\nfolder = os.path.dirname(checker.__file__)\n"
        "json.dump([sorted(os.listdir(folder)), sorted(os.listdir(os.path.dirname(folder)))], open('out', 'w'))"
    )
    package, beside = attack(code)
    assert set(package) - {"__pycache__"} == {"__init__.py", "tasks"}
    assert not {"solutions", "labs", "work", "tests"} & set(beside)


def test_no_network(attack):
    with socket.create_server(("127.0.0.1", 0)) as ear:
        code = (
            "import json, socket\nfound = []\n"
            f"for where in (('127.0.0.1', {ear.getsockname()[1]}), ('192.0.2.1', 80)):\n"
            "    try: socket.create_connection(where, timeout=2); found.append(where)\n"
            "    except OSError: pass\n"
            "found += [name for _, name in socket.if_nameindex() if name != 'lo']\n"
            "json.dump(found, open('out', 'w'))"
        )
        assert attack(code) == []


def test_what_it_reads_cannot_be_changed(attack):
    (attack.work / "data.csv").write_text("1")
    paths = [str(attack.work / name) for name in ("data.csv", "new")]
    code = (
        f"import json\nfound = []\nfor path in {paths!r}:\n"
        "    try: open(path, 'w').write('2'); found.append(path)\n    except OSError: pass\n"
        "json.dump(found, open('out', 'w'))"
    )
    assert attack(code) == []
    assert (attack.work / "data.csv").read_text() == "1"


def test_the_disk_is_bounded(attack):
    code = (
        "import json\nwritten = 0\ntry:\n    for n in range(64):\n"
        "        written += open(f'f{n}', 'wb').write(b'0' * (8 << 20))\n"
        "except OSError: pass\nimport os\n[os.remove(f'f{n}') for n in range(64) if os.path.exists(f'f{n}')]\n"
        "json.dump(written >> 20, open('out', 'w'))"
    )
    assert attack(code, scratch=64 << 20) < 64


def test_a_fork_bomb_is_ended(attack):
    said = attack("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", processes=50)
    assert "problem" in said


def test_one_task_cannot_reach_the_next(attack):
    leave = "import subprocess\nopen('/tmp/left', 'w').write('x')\nsubprocess.Popen(['sleep', '60'])\n"
    attack(leave + "open('out', 'w').write('1')")
    look = (
        "import json, os\nprocesses = [name for name in os.listdir('/proc') if name.isdigit()]\n"
        "json.dump([os.path.exists('/tmp/left'), len(processes) > 4], open('out', 'w'))"
    )
    assert attack(look) == [False, False]


def test_without_bubblewrap_it_fails_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Unavailable, match="not installed"):
        walls([], [], {}, 1)
    with pytest.raises(Unavailable):
        run_task("probe", {}, tmp_path, confined=True)


def test_a_jail_that_cannot_be_built_is_no_learners_fault(tmp_path, monkeypatch):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(fake))
    with pytest.raises(Unavailable, match="cannot be built"):
        run_task("probe", {}, tmp_path, confined=True)
