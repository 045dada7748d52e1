"""The few calls of Linux that Python 3.11 has no name for: namespaces, mounts, capabilities.

Numbers from linux/sched.h, linux/mount.h, linux/prctl.h and linux/capability.h; see unshare(2), setns(2),
mount(2), prctl(2), capset(2) and madvise(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x08000000, 0x10000000, 0x20000000
CLONE = {"x86_64": 56, "aarch64": 220}
"""The number of the call, by machine: the C library's `clone` has no child that goes on where its parent is."""
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 0x20
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
NAMESPACES = ("user", "mnt", "ipc", "pid")
"""The files in /proc/self/ns that make a cell, in the order in which their descriptors travel."""
LAST_CAPABILITY = 63
CAPABILITY_VERSION = 0x20080522
MADV_COLLAPSE = 25
LARGE_PAGE = 2 << 20
MOST_FILES = 100_000
NOBODY = 65534
PROCESSES = "/run/proc"
"""Where the jail keeps a whole /proc: the kernel lets a cell mount its own only where one without covers is seen."""
DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty"))

_PYTHON = sorted({sys.prefix, sys.base_prefix, str(Path(__file__).parent.parent)})
_libc: Any = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> None:
    """Call a function of the C library that says 0 when it worked, and raise OSError when it did not."""
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def new_users() -> None:
    """Become the master of a user namespace, under the number of nobody, and lose all rights outside of it.

    Raises:
        OSError: this machine does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    show()
    call("unshare", CLONE_NEWUSER)
    _call_oneself(user, group)


def fork_into_cell() -> int:
    """Do as `os.fork`; the child is process 1 among users, mounts, IPC and processes of its own, and must `settle`.

    Only for a process without other threads: what libraries do at a fork is not done. Raises as `new_users`.
    """
    flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | signal.SIGCHLD
    words = (CLONE.get(os.uname().machine, -1), flags, 0, 0, 0, 0)
    # With Python's lock held, as at a fork: there shall be a thread in the child that has it.
    child = int(ctypes.PyDLL(None, use_errno=True).syscall(*map(ctypes.c_long, words)))
    if child < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"clone: {os.strerror(number)}")
    return child


def settle() -> None:
    """In a new cell: let nobody be nobody there as well, and what is mounted stay in there."""
    show()
    _call_oneself(NOBODY, NOBODY)
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)


def _call_oneself(user: int, group: int) -> None:
    """Have the number of nobody in a new user namespace, outside of which one is `user` and `group`."""
    maps = {"setgroups": "deny", "uid_map": f"{NOBODY} {user} 1", "gid_map": f"{NOBODY} {group} 1"}
    for name, content in maps.items():
        Path("/proc/self", name).write_text(content, encoding="ascii")
    hide()


def mount_processes(place: str) -> None:
    """Mount a /proc of this process's own processes, to be read only.

    Raises:
        OSError: it may not, or there is no `place`.
    """
    call("mount", b"proc", place.encode(), b"proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, None)


def send_children_into(namespaces: Sequence[int]) -> None:
    """Let this process's children, from now on, be processes of the cell with these namespaces."""
    call("setns", namespaces[NAMESPACES.index("pid")], CLONE_NEWPID)


def enter(namespaces: Sequence[int]) -> None:
    """Take over the users, mounts and IPC of the cell with these namespaces."""
    for name, kind in (("user", CLONE_NEWUSER), ("mnt", CLONE_NEWNS), ("ipc", CLONE_NEWIPC)):
        call("setns", namespaces[NAMESPACES.index(name)], kind)


def mount_memory(place: str, size: int) -> None:
    """Put a new and empty file system of at most `size` bytes over `place`; Python stays, if it lies in there."""
    kept = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in _PYTHON if path.startswith(f"{place}/")}
    bounds = f"size={size},nr_inodes={MOST_FILES},mode=0700"
    call("mount", b"tmpfs", place.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, bounds.encode())
    for path, descriptor in kept.items():
        Path(path).mkdir(parents=True, exist_ok=True)
        call("mount", f"/proc/self/fd/{descriptor}".encode(), path.encode(), None, MS_BIND | MS_REC, None)
        os.close(descriptor)


def seal() -> None:
    """Let nothing in /proc and of the devices be changed: where root grades, they are its own, and the machine's."""
    for place, kept in {"/proc": MS_NODEV | MS_NOEXEC, "/dev/pts": MS_NOEXEC, **dict.fromkeys(DEVICES, 0)}.items():
        with contextlib.suppress(FileNotFoundError):
            call("mount", None, place.encode(), None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | kept, None)


def drop_rights() -> None:
    """Give up all capabilities of this process and of every program that it may start."""
    for capability in range(LAST_CAPABILITY + 1):
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    call("capset", header, (ctypes.c_uint32 * 6)())
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def hide() -> None:
    """Let no process of the same user read or trace this one."""
    call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)


def show() -> None:
    """Undo `hide`: only such a process may write its own maps and see all of its own /proc."""
    call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)


def use_large_pages() -> None:
    """Put this process's memory into large pages where that can be done: a fork of it costs half as much then."""
    for line in Path("/proc/self/maps").read_text(encoding="ascii", errors="replace").splitlines():
        place, rights, *rest = line.split()
        if rights != "rw-p" or rest[3:] not in ([], ["[heap]"]):
            continue
        begin, end = (int(each, 16) for each in place.split("-"))
        for start in range(-(-begin // LARGE_PAGE) * LARGE_PAGE, end - LARGE_PAGE + 1, LARGE_PAGE):
            # An older kernel does not know the advice, and some places are not fit for it.
            _libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(LARGE_PAGE), MADV_COLLAPSE)
