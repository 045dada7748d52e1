"""Attacks on the jail: what learner code in it may reach, and what it may use up."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from checker import keys
from checker.bubblewrap import walls
from checker.doctor import break_out
from checker.errors import Unavailable
from checker.jail import Jail, Limits, run_task

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture
def attack(tmp_path, monkeypatch):
    """Run a cell in the jail and return the JSON that it wrote."""
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    (work / "nb").mkdir(parents=True)

    def attack(code, jail=None, **limits):
        cells = [{"cell_type": "code", "source": code, "metadata": {}}]
        (work / "nb" / "n.ipynb").write_text(json.dumps({"cells": cells}))
        case = {"folder": "nb", "parameters": {}}
        request = {"notebook": "n.ipynb", "output": "out", "seconds": 20, "cases": {"one": case}}
        bounds = Limits(**{"seconds": 30, **limits})
        if jail is None:
            answer = run_task("notebook", request, work, bounds, confined=True)
        else:
            answer = jail.run("notebook", request, work, bounds)
        said = answer.value["one"] if answer.problem is None else {"problem": answer.problem}
        return json.loads(said["output"]) if "output" in said else said

    attack.work = work
    return attack


def test_the_probe_finds_every_hole_of_a_plain_process_and_none_in_the_jail():
    assert break_out() == []
    plain = " ".join(break_out(confined=False))
    # Only root may write into the system's folders.
    writes = ("write into",) if os.getuid() == 0 else ()
    for words in ("read a file", "connect to a port", "processes", *writes):
        assert words in plain


def test_where_no_cell_can_have_namespaces_each_task_has_a_jail_of_its_own(monkeypatch):
    def strict(environment, *, cells):
        program, *words = walls(environment, cells=cells)
        return [program, "--disable-userns", *words]

    monkeypatch.setattr("checker.bubblewrap.walls", strict)
    assert break_out() == []


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
    assert set(package) - {"__pycache__"} == {"__init__.py", "asking.py", "tasks"}
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
    leave = (
        "import os, subprocess\nfor name in ('/tmp/left', '/dev/shm/left'): open(name, 'w').write('x')\n"
        "subprocess.Popen(['sleep', '61'], start_new_session=True)\nopen('out', 'w').write('1')"
    )
    look = (
        "import json, os\nfrom pathlib import Path\nfound = []\n"
        "found += [name for name in ('/tmp/left', '/dev/shm/left') if os.path.exists(name)]\n"
        "for path in Path('/proc').glob('[0-9]*/cmdline'):\n"
        "    try: found += ['sleep'] if 'sleep' in path.read_text() else []\n    except OSError: pass\n"
        "json.dump(found, open('out', 'w'))"
    )
    with Jail(confined=True) as jail:
        assert attack(leave, jail=jail) == 1
        assert attack(look, jail=jail) == []


def test_the_processes_above_it_cannot_be_ended_read_or_written_to(attack):
    code = (
        "import ctypes, json, os, signal\nfrom pathlib import Path\nfound = []\n"
        "mine = {'self', 'thread-self', os.readlink('/proc/self')}\n"
        "for number in range(1, 60):\n"
        "    if number != os.getpid():\n"
        "        try: os.kill(number, signal.SIGKILL)\n        except OSError: pass\n"
        "for path in Path('/proc').glob('[0-9]*'):\n"
        "    if path.name in mine: continue\n"
        "    for file in (path / 'mem', path / 'environ', *(path / 'fd').glob('*')):\n"
        "        try: os.close(os.open(file, os.O_RDONLY | os.O_NONBLOCK))\n"
        "        except OSError: continue\n"
        "        found.append(str(file))\n"
        "libc = ctypes.CDLL(None)\n"
        "found += [n for n in range(1, 40) if n != os.getpid() and libc.ptrace(16, n, 0, 0) == 0]\n"
        "json.dump(found, open('out', 'w'))"
    )
    with Jail(confined=True) as jail:
        assert attack(code, jail=jail) == []
        assert attack("open('out', 'w').write('2')", jail=jail) == 2


def test_it_sees_its_own_processes_by_their_own_numbers_and_no_others(attack):
    code = (
        "import json, os, subprocess\nwith subprocess.Popen(['sleep', '60']) as child:\n"
        "    seen = [int(name) for name in os.listdir('/proc') if name.isdigit()]\n    child.kill()\n"
        "json.dump([sorted(seen), [1, os.getpid(), child.pid], os.listdir('/run/proc')], open('out', 'w'))"
    )
    with Jail(confined=True) as jail:
        seen, expected, kept = attack(code, jail=jail)
    assert (seen, kept) == (expected, [])


def test_the_workers_of_joblib_can_look_at_themselves(attack):
    # After a second of work they ask psutil for their own memory.
    code = (
        "import time\nfrom joblib import Parallel, delayed\n"
        "Parallel(n_jobs=2)(delayed(time.sleep)(1.2) for _ in range(4))\nopen('out', 'w').write('1')"
    )
    with Jail(confined=True) as jail:
        assert attack(code, jail=jail, seconds=120, open_files=512) == 1


def test_what_is_done_to_the_terminals_is_not_felt_by_the_next(attack):
    spoil = (
        "import os\nfor path in ('/dev/pts/ptmx', '/dev/pts'):\n"
        "    try: os.chmod(path, 0)\n    except OSError: pass\nopen('out', 'w').write('1')"
    )
    with Jail(confined=True) as jail:
        assert attack(spoil, jail=jail) == 1
        assert attack("import os, pty\nopen('out', 'w').write(str(len(pty.openpty())))", jail=jail) == 2


def test_the_limits_of_process_1_cannot_be_lowered(attack):
    code = (
        "import json, resource\nlowered = []\nfor kind in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE):\n"
        "    try: resource.prlimit(1, kind, (1, 1)); lowered.append(kind)\n    except OSError: pass\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\njson.dump(lowered, open('out', 'w'))"
    )
    assert attack(code) == []


def test_nobody_has_to_wait_for_a_file(attack):
    code = (
        "import fcntl\nfile = open('own', 'w')\nlease, write = 1024, 1\n"
        "try: fcntl.fcntl(file, lease, write); said = 2\nexcept PermissionError: said = 1\n"
        "fcntl.fcntl(file, fcntl.F_GETFD)\nopen('out', 'w').write(str(said))"
    )
    assert attack(code) == 1


def test_process_1_survives_its_signals_and_none_is_blocked(attack):
    code = (
        "import json, os, signal, time\nfor _ in range(50):\n    os.kill(1, signal.SIGINT)\n    time.sleep(0.002)\n"
        "json.dump([*signal.pthread_sigmask(signal.SIG_BLOCK, ())], open('out', 'w'))"
    )
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        assert attack(code) == []
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_what_lies_behind_a_link_is_not_its_output(attack):
    code = (
        "import os\nos.mkdir('/tmp/other')\nopen('/tmp/other/out', 'w').write('7')\n"
        "os.rename('/tmp/work', '/tmp/before')\nos.symlink('/tmp/other', '/tmp/work')"
    )
    assert "wrote nothing" in attack(code)["problem"]


def test_what_is_queued_in_sockets_is_bounded(attack):
    code = (
        "import socket\none, other = socket.socketpair()\n"
        "before = one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)\n"
        "one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)\n"
        "same = one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == before\nopen('out', 'w').write(str(int(same)))"
    )
    assert attack(code) == 1
    many = (
        "import os, socket, time\nfor _ in range(4):\n    if os.fork() == 0: break\n"
        "kept = [socket.socketpair() for _ in range(150)]\ntime.sleep(10)"
    )
    assert "sockets" in attack(many)["problem"]


HELD = """
import os, select, time
from checker.tasks import kernel
from checker.tasks.places import Cell, Furniture

kernel.new_users()
cell = Cell(Furniture(-1, {}, 1 << 20))
reading, writing = os.pipe()
kernel.send_children_into(cell.namespaces)
if (child := os.fork()) == 0:
    kernel.enter(cell.namespaces)
    while True:
        os.write(writing, b"x")
        time.sleep(0.01)
said = []
for still in (True, False, True, False):
    cell.hold(still)
    time.sleep(0.1)
    while select.select([reading], [], [], 0)[0]:
        os.read(reading, 1 << 16)
        if not still:
            break
    said.append(bool(select.select([reading], [], [], 1)[0]))
os.kill(child, 9)
os.waitpid(child, 0)
cell.close()
print(said)
"""


def test_a_cell_can_be_held_still():
    command = [*walls({}), sys.executable, "-I", "-c", HELD]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[False, True, False, True]\n", done.stderr


def test_the_pipe_of_the_answer_is_closed_to_learner_code(attack):
    code = (
        "import json, os\nlie = json.dumps({'value': {'one': {'output': '7'}}}).encode()\n"
        "for number in range(3, 512):\n"
        "    try: os.write(number, lie)\n    except OSError: pass\n"
        "open('out', 'w').write('1')"
    )
    said = attack(code)
    assert said == 1 or "no JSON" in said["problem"]


def test_its_mounts_cannot_be_undone(attack):
    code = (
        "import ctypes, json\nlibc = ctypes.CDLL(None)\n"
        "names = ('/tmp', '/dev/shm', '/proc', '/run/proc', '/usr')\n"
        "json.dump([name for name in names if libc.umount2(name.encode(), 2) == 0], open('out', 'w'))"
    )
    assert attack(code) == []


def test_without_bubblewrap_it_fails_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Unavailable, match="not installed"):
        walls({})
    with pytest.raises(Unavailable):
        run_task("probe", {}, tmp_path, confined=True)


def test_a_jail_that_cannot_be_built_is_no_learners_fault(tmp_path, monkeypatch):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(fake))
    with pytest.raises(Unavailable, match="cannot be built"):
        run_task("probe", {}, tmp_path, confined=True)
