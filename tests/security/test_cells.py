"""Attacks from inside a cell: on the machine, on the next cell, on what no limit counts. Honest work goes on."""

import json
import shutil
import time
from pathlib import Path

import pytest

from checker.jail import Jail, Limits
from checker.tasks import calls

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture(scope="module")
def jail():
    with Jail(confined=True) as made:
        yield made


@pytest.fixture
def cell(jail, tmp_path):
    """Run code in a cell of the one jail and return the JSON that it wrote."""

    def cell(code, *, seconds=20, **limits):
        folder = tmp_path / "nb"
        folder.mkdir(exist_ok=True)
        source = f"import ctypes, json, os, time\nlibc = ctypes.CDLL(None, use_errno=True)\nfound = []\n{code}"
        cells = [{"cell_type": "code", "source": source, "metadata": {}}]
        (folder / "n.ipynb").write_text(json.dumps({"cells": cells}))
        case = {"folder": "nb", "parameters": {}}
        request = {"notebook": "n.ipynb", "output": "out", "seconds": seconds, "cases": {"one": case}}
        answer = jail.run("notebook", request, tmp_path, Limits(**{"seconds": 60, **limits}))
        said = answer.value["one"] if answer.problem is None else {"problem": answer.problem}
        return json.loads(said["output"]) if "output" in said else said

    return cell


TELL = "\njson.dump(found, open('out', 'w'))"


def test_settings_of_the_machine_cannot_be_written(cell):
    """A grader that runs as root owns them: `core_pattern` alone would be the way out of any jail."""
    assert Path("/proc/sys/kernel/core_pattern").exists()
    code = (
        "for folder, _, files in os.walk('/proc'):\n"
        "    if folder.count('/') > 6 or folder.split('/')[2:3] and folder.split('/')[2].isdigit(): continue\n"
        "    for name in files:\n"
        "        path = f'{folder}/{name}'\n"
        "        try: os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK)); found.append(path)\n"
        "        except OSError: pass"
    )
    assert cell(code + TELL) == []


def test_devices_of_the_machine_cannot_be_changed(cell):
    code = (
        "for name in ('null', 'zero', 'full', 'random', 'urandom', 'tty'):\n"
        "    for change in (lambda p: os.chmod(p, 0o666), os.utime, lambda p: os.chown(p, -1, -1), os.unlink):\n"
        "        try: change(f'/dev/{name}'); found.append(name)\n"
        "        except OSError: pass\n"
        "open('/dev/null', 'w').write('x'); assert os.read(os.open('/dev/zero', os.O_RDONLY), 1) == b'\\0'"
    )
    assert cell(code + TELL) == []


def test_no_rights_in_namespaces_of_ones_own(cell):
    """With a new user namespace come mounts, and with them memory that nobody is charged with."""
    flags = [0x10000000, 0x10020000, 0x50000000, 0x20000, 0x40000000, 0x20000000, 0x08000000, 0x04000000, 0x02000000]
    code = (
        f"for flag in {flags}:\n"
        "    if libc.unshare(flag) == 0: found.append(flag)\n"
        f"if {'x86_64' in calls.platform.machine()}:\n"
        "    child = libc.syscall(56, 0x10000011, 0, 0, 0, 0)\n"
        "    if child == 0: os._exit(0)\n"
        "    found += ['clone'] if child > 0 else []\n"
        "found += [n for n in ('/tmp', '/dev/shm') if libc.mount(b't', n.encode(), b'tmpfs', 0, b'size=99g') == 0]\n"
        "found += ['setns'] if libc.setns(os.open('/proc/self/ns/user', os.O_RDONLY), 0) == 0 else []\n"
        "found += ['chroot'] if libc.chroot(b'/tmp') == 0 else []"
    )
    assert cell(code + TELL) == []


def test_every_forbidden_call_is_refused(cell):
    """By number, as no library would make it; what a call would do with such arguments does not matter."""
    column, _ = calls.MACHINES[calls.platform.machine()]
    numbers = {
        name: numbers[column]
        for answer, named in calls.REFUSED.items()
        if answer != calls.DONE
        for name, numbers in named.items()
    }
    code = (
        f"for name, number in {numbers}.items():\n"
        "    ctypes.set_errno(0)\n"
        "    if libc.syscall(number, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() not in (1, 38): found.append(name)"
    )
    assert cell(code + TELL) == []


# What one cell does to tell another something, and what that one looks at: it must be the same as if nothing was told.
CHANNELS = {
    "kernel keys": (
        "for ring in (-1, -2, -3, -4, -5): libc.syscall(248, b'user', b'note', b'1', 1, ring)\n"
        "for line in open('/proc/keys'): libc.syscall(248, b'user', b'note', b'1', 1, int(line.split()[0], 16))",
        "found = [line.split()[0] for line in open('/proc/keys') if 'note' in line]",
    ),
    "ports that wait": (
        "import socket\ntry:\n"
        "    s = socket.create_server(('127.0.0.1', 31001)); c = socket.create_connection(('127.0.0.1', 31001))\n"
        "    s.accept()[0].close(); c.close()\nexcept OSError: pass",
        "found = open('/proc/net/tcp').read().splitlines()[1:]",
    ),
    "counters of the network": (
        "import socket\ntry:\n    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "    for _ in range(99): s.sendto(b'x', ('127.0.0.1', 9))\nexcept OSError: pass\n"
        "try: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('::1', 9))\nexcept OSError: pass\n"
        "try: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\nexcept OSError: pass",
        "found = [n for n in open('/proc/net/dev').read().split('lo:')[1].split() if n != '0']",
    ),
    "names of sockets": (
        "import socket\ns = socket.socket(socket.AF_UNIX); s.bind('\\0note'); s.listen()\n"
        "if os.fork() == 0: os.setsid(); time.sleep(600)",
        "found = [line for line in open('/proc/net/unix') if 'note' in line]",
    ),
    "shared memory": (
        "from multiprocessing import shared_memory\nshared_memory.SharedMemory('note', create=True, size=9)\n"
        "libc.shmget(77, 9, 0o1666); libc.msgget(77, 0o1666); libc.semget(77, 1, 0o1666)\n"
        "libc.mq_open(b'/note', 0o102, 0o666, None)",
        "found = os.listdir('/dev/shm') + open('/proc/sysvipc/shm').read().splitlines()[1:]\n"
        "found += [1] if libc.mq_open(b'/note', 0) >= 0 else []",
    ),
    "files and processes": (
        "for name in ('/tmp/note', '/tmp/work/../note', '/dev/shm/note'): open(name, 'w').write('1')\n"
        "if os.fork() == 0:\n    os.setsid()\n    for n in range(1, 65): __import__('signal').signal(n, 1)"
        " if n not in (9, 19, 32, 33) else None\n    time.sleep(600)",
        "found = [name for name in ('/tmp/note', '/dev/shm/note') if os.path.exists(name)]\n"
        "found += ['many'] if sum(name.isdigit() for name in os.listdir('/proc')) > 7 else []",
    ),
    "the memory that was forked": (
        "import builtins, json.decoder, sys\nbuiltins.note = 1; sys.modules['note'] = sys; json.decoder.note = 1",
        "import builtins, json.decoder, sys\n"
        "found = [hasattr(builtins, 'note'), 'note' in sys.modules, hasattr(json.decoder, 'note')]\n"
        "found = [each for each in found if each]",
    ),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_cell_tells_the_next_anything(cell, channel):
    """Or a notebook would know in a twin case what the labels were, and a model what another one answered."""
    tell, look = CHANNELS[channel]
    assert cell(f"try:\n    exec({tell!r})\nexcept BaseException: pass\nopen('out', 'w').write('1')") == 1
    assert cell(look + TELL) == []


def test_nobody_sees_which_pages_of_a_file_are_in_memory(cell):
    """A page of any library is a bit that a cell could set and the next could read, thousands of them."""
    code = (
        "import mmap, sys\npath = ctypes.__file__\nsize = os.path.getsize(path)\nfile = os.open(path, os.O_RDONLY)\n"
        "def cold():\n"
        "    try: return os.preadv(file, [bytearray(1)], size - 1, getattr(os, 'RWF_NOWAIT', 8)) == 0\n"
        "    except BlockingIOError: return True\n"
        "    except OSError: return None\n"
        "os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)\n"
        "found += ['read without waiting'] if cold() is not None else []\n"
        "room = mmap.mmap(file, size, prot=mmap.PROT_READ)\n"
        "for advice in (20, 21):\n"
        "    try: room.madvise(advice); found.append(advice)\n    except OSError: pass"
    )
    assert cell(code + TELL) == []


def test_memory_that_no_process_is_charged_with_is_not_to_be_had(cell):
    code = (
        "try: os.memfd_create('x'); found.append('memfd')\nexcept OSError: pass\n"
        "found += ['shm'] if libc.shmget(0, 1 << 30, 0o1600) >= 0 else []\n"
        "count = 0\ntry:\n    for n in range(120_000): os.mknod(f'/tmp/{n}'); count += 1\nexcept OSError: pass\n"
        "found += ['files'] if count >= 110_000 else []\n"
        "for n in range(9): os.remove(f'/tmp/{n}')"
    )
    assert cell(code + TELL) == []


def test_memory_that_is_eaten_slowly_by_the_first_process_counts(cell):
    code = "held = []\nwhile True:\n    held.append(b'x' * (30 << 20)); time.sleep(0.02)"
    assert "MiB of memory, more than 700" in cell(code, resident=700 << 20)["problem"]


def test_threads_count(cell):
    code = (
        "import threading\nthreading.stack_size(32768)\n"
        "while True: threading.Thread(target=time.sleep, args=(60,)).start()"
    )
    assert "threads, more than" in cell(code, processes=8)["problem"]


STUBBORN = {
    "stopped": "os.kill(os.getpid(), 19)",
    "deaf": "[__import__('signal').signal(n, 1) for n in (1, 2, 3, 13, 14, 15, 24)]\nwhile True: pass",
    "forking": "while True:\n    if os.fork(): os._exit(0)",
    "vforked": "import subprocess\nwhile True: subprocess.Popen(['sleep', '60'], start_new_session=True)",
    "exec": "os.execv('/bin/sleep', ['sleep', '60'])",
    "uninterruptible": "while True:\n    try: time.sleep(60)\n    except BaseException: pass",
}


@pytest.mark.parametrize("kind", STUBBORN)
def test_what_does_not_want_to_end_is_ended_in_time(cell, kind):
    began = time.monotonic()
    assert "problem" in cell(STUBBORN[kind], seconds=2)
    assert time.monotonic() - began < 8
    assert cell("open('out', 'w').write('1')") == 1


ANSWERS = {
    "an object of a million": "b'{' + b','.join(b'\"%d\":{}' % n for n in range(300_000)) + b'}'",
    "nested lists": "b'[' * 100_000",
    "nested objects": "b'{\"a\":' * 900 + b'1' + b'}' * 900",
    "endless": "b'[' * (1 << 16)",
    "a huge number": "b'9' * 1_000_000",
    "not a number": "b'NaN'",
    "half a character": "b'\"\\\\ud800\"'",
    "the same key": 'b\'{"output": "1", "output": "2"}\'',
    "a verdict": 'b\'{"value": {"one": {"output": "1"}}}\'',
    "no text": "b'\\xff\\xfe\\0'",
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_in_the_place_of_the_task_is_no_output(cell, kind):
    """Learner code can find the pipe and say anything there: it never becomes what a notebook wrote."""
    rounds = 4000 if kind == "endless" else 1
    code = (
        f"said = {ANSWERS[kind]}\nfor number in range(3, 300):\n    try:\n        for _ in range({rounds}):\n"
        "            left = said\n            while left: left = left[os.write(number, left):]\n"
        "    except OSError: pass\nos._exit(0)"
    )
    said = cell(code)
    assert set(said) == {"problem"}
    assert len(said["problem"]) <= 500
    assert cell("open('out', 'w').write('1')") == 1


HONEST = {
    "a pool that forks": (
        "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(8) as pool:\n"
        "    found = pool.map(abs, range(-3, 0))"
    ),
    "joblib": "from joblib import Parallel, delayed\nfound = Parallel(n_jobs=2)(delayed(abs)(n) for n in (-3, -2, -1))",
    "threads": "from concurrent.futures import ThreadPoolExecutor as P\nfound = list(P(30).map(abs, (-3, -2, -1)))",
    "a shell": "import subprocess\nfound = json.loads(subprocess.check_output('echo [3,2,1]', shell=True))",
    "magics": "lines = get_ipython().getoutput('echo 3')\nfound = [int(lines[0]), 2, 1]",
    "warnings": "import sys, warnings\nwarnings.warn('old'); print('x' * 9_000, file=sys.stderr)\nfound = [3, 2, 1]",
    "sockets between its own": "import socket\na, b = socket.socketpair()\n"
    "a.send(bytes([3, 2, 1])); found = list(b.recv(3))",
    "an event loop": "import asyncio\nasync def f(): return [3, 2, 1]\nimport threading\n"
    "t = threading.Thread(target=lambda: found.extend(asyncio.run(f()))); t.start(); t.join()",
    "shared memory": "from multiprocessing.shared_memory import SharedMemory\ns = SharedMemory(create=True, size=3)\n"
    "s.buf[:3] = bytes([3, 2, 1]); found = list(s.buf[:3]); s.unlink()",
    "orphans": "for _ in range(90):\n    if os.fork() == 0:\n        os.fork(); os._exit(0)\n    os.wait()\n"
    "time.sleep(0.3)\nfound = [3, 2, 1]",
    "numbers": "import numpy as np, pandas as pd\nfound = pd.DataFrame({'a': [1, 2, 3]}).a.to_numpy()[::-1].tolist()",
}


@pytest.mark.parametrize("kind", HONEST)
def test_honest_work_goes_on(cell, kind):
    assert cell(HONEST[kind] + TELL) == [3, 2, 1]
