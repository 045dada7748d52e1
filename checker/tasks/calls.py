"""The calls of Linux that learner code may not make: a seccomp filter, which no program that it starts can take off.

Left out is what leads out of a cell or outlives it: kernel keys, sockets of the network (their counters and waiting
ports stay), new namespaces and mounts, memory that no process is charged with, looking into the page cache.
See seccomp(2) and linux/filter.h; numbers from asm/unistd_64.h and asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
from collections.abc import Iterator, Sequence
from functools import cache

from checker.tasks import kernel

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER, MACHINE, ARGUMENTS = 0, 4, 16
"""Where the data that a filter looks at has them, in bytes; an argument has eight."""
SET_MODE_FILTER, SPEC_ALLOW = 1, 4
X32 = 0x40000000
DONE = 0
"""No error: the call seems to work and does nothing."""

# name -> (number on x86_64, number on aarch64), by what a caller is told.
REFUSED: dict[int, dict[str, tuple[int, int]]] = {
    errno.EPERM: {
        "add_key": (248, 217),
        "request_key": (249, 218),
        "keyctl": (250, 219),
        "unshare": (272, 97),
        "setns": (308, 268),
        "mount": (165, 40),
        "umount2": (166, 39),
        "pivot_root": (155, 41),
        "chroot": (161, 51),
        "open_tree": (428, 428),
        "move_mount": (429, 429),
        "fsopen": (430, 430),
        "fspick": (433, 433),
        "mount_setattr": (442, 442),
        "ptrace": (101, 117),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "kcmp": (312, 272),
        "pidfd_getfd": (438, 438),
        "bpf": (321, 280),
        "perf_event_open": (298, 241),
        "userfaultfd": (323, 282),
        "syslog": (103, 116),
        "shmget": (29, 194),
        "semget": (64, 190),
        "msgget": (68, 186),
        "mincore": (27, 232),
        "process_madvise": (440, 440),
    },
    errno.ENOSYS: {
        "clone3": (435, 435),
        "memfd_create": (319, 279),
        "memfd_secret": (447, 447),
        "io_setup": (206, 0),
        "io_uring_setup": (425, 425),
        "preadv2": (327, 286),
        "cachestat": (451, 451),
    },
    DONE: {"fadvise64": (221, 223)},
}
SOCKET, FAMILIES = (41, 198), (socket.AF_UNIX, socket.AF_NETLINK)
CLONE, NEW_NAMESPACES = tuple(kernel.CLONE.values()), 0x7E020000
MADVISE, OUT_OF_MEMORY = (28, 233), (20, 21)
# Limits of others; a lease, for which all who open a file wait; and what is queued in sockets, which nobody counts.
PRLIMIT, ONESELF = (302, 261), 0
FCNTL, SET_LEASE = (72, 25), 1024
SETSOCKOPT, SEND_BUFFERS = (54, 208), (7, 32)
SECCOMP = (317, 277)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def forbid() -> None:
    """Filter the calls of this process and of all that it will start. It must have given up its rights before.

    Raises:
        OSError: the kernel refuses, or is of a machine whose calls are not known here.
    """
    column, _ = _machine()
    steps = prepare()
    told = _Program(len(steps) // 8, ctypes.addressof(steps))
    # Without SPEC_ALLOW, older kernels would slow the process down against attacks that it cannot gain by.
    number, mode, flags = (ctypes.c_long(each) for each in (SECCOMP[column], SET_MODE_FILTER, SPEC_ALLOW))
    kernel.call("syscall", number, mode, flags, ctypes.byref(told))


@cache
def prepare() -> ctypes.Array[ctypes.c_char]:
    """Return the filter; raises as `forbid`. Once it was called, forks of this process need not make it again."""
    program = b"".join(_program())
    return ctypes.create_string_buffer(program, len(program))


def _machine() -> tuple[int, int]:
    name = platform.machine()
    if name not in MACHINES:
        raise OSError(errno.ENOSYS, f"no filter for the calls of {name}: {os.strerror(errno.ENOSYS)}")
    return MACHINES[name]


def _program() -> Iterator[bytes]:
    """Yield the steps: each test is followed by what it leads to, so that every jump is a short one."""
    column, machine = _machine()
    yield from (_step(LOAD, MACHINE), _step(EQUAL, machine, 1, 0), _step(RETURN, KILL_PROCESS))
    yield _step(LOAD, NUMBER)
    yield from (_step(AT_LEAST, X32, 0, 1), _step(RETURN, REFUSE | errno.ENOSYS))
    for answer, calls in REFUSED.items():
        for numbers in calls.values():
            yield from (_step(EQUAL, numbers[column], 0, 1), _step(RETURN, REFUSE | answer))
    refuse = REFUSE | errno.EPERM
    yield from _by_argument(CLONE[column], (0, ANY_BIT, (NEW_NAMESPACES,)), refuse, ALLOW)
    yield from _by_argument(PRLIMIT[column], (0, EQUAL, (ONESELF,)), ALLOW, refuse)
    yield from _by_argument(FCNTL[column], (1, EQUAL, (SET_LEASE,)), refuse, ALLOW)
    yield from _by_argument(SETSOCKOPT[column], (2, EQUAL, SEND_BUFFERS), REFUSE | DONE, ALLOW)
    yield from _by_argument(SOCKET[column], (0, EQUAL, FAMILIES), ALLOW, REFUSE | errno.ENETUNREACH)
    yield from _by_argument(MADVISE[column], (2, EQUAL, OUT_OF_MEMORY), refuse, ALLOW)
    yield _step(RETURN, ALLOW)


def _by_argument(number: int, question: tuple[int, int, Sequence[int]], then: int, otherwise: int) -> Iterator[bytes]:
    """Yield how a call ends by the lower half of an argument: `then` where the test holds for one of the values.

    `question`: the argument's position, the test, the values.
    """
    position, test, values = question
    yield from (_step(EQUAL, number, 0, len(values) + 3), _step(LOAD, ARGUMENTS + 8 * position))
    for left, value in zip(range(len(values) - 1, -1, -1), values, strict=True):
        yield _step(test, value, left, 0 if left else 1)
    yield from (_step(RETURN, then), _step(RETURN, otherwise))


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
