"""The walls of the jail: a bubblewrap command line without network, home, environment or anything to write but /tmp.

https://github.com/containers/bubblewrap; its options are those of version 0.8.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from checker.errors import Unavailable
from checker.tasks.kernel import NOBODY, PROCESSES

RIGHTS = ("--uid", "0", "--gid", "0", "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETFCAP")
"""To mount `PROCESSES`, and to become nobody in the way that leaves a right to do so; given up before any order.

With the number of root, within, whoever grades: else bubblewrap makes one more user namespace, which may mount nothing.
"""
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
SCRATCH = 512 << 20


def walls(environment: Mapping[str, str], *, cells: bool = True) -> list[str]:
    """Return the words to put before a command so that it runs in a jail.

    `/tmp` is new and empty. The rest of the machine does not exist in there: no files but the system's and
    Python's, no network but an unconnected loopback, no other processes, and no capabilities for what is run. To make
    `cells`, the first process has a few, within.

    Raises:
        Unavailable: bubblewrap is not installed. There is no way around it: the jail fails closed.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise Unavailable(
            "bubblewrap (bwrap) is not installed", expected="the jail", next_step="run `sh infra/system.sh`"
        )
    words = [program, "--unshare-all", "--unshare-user", "--hostname", "jail"]
    words += ["--new-session", "--die-with-parent", "--clearenv", "--cap-drop", "ALL"]
    words += RIGHTS if cells else ["--uid", str(NOBODY), "--gid", str(NOBODY)]
    for name, value in environment.items():
        words += ["--setenv", name, value]
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            words += ["--ro-bind", name, name]
    for name in SYSTEM_FILES:
        words += ["--ro-bind-try", name, name]
    # Settings of the whole machine are the grader's own where it runs as root.
    words += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dir", PROCESSES, "--dev", "/dev"]
    for name in ("/tmp", "/dev/shm"):  # noqa: S108 - in the jail
        words += ["--size", str(SCRATCH), "--tmpfs", name]
    for path in _interpreter():
        words += ["--ro-bind", str(path), str(path)]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--"]  # noqa: S108


def _interpreter() -> list[Path]:
    """What a task needs of Python and of this package: the tasks and a client, and nothing that knows a check."""
    package = Path(__file__).parent
    folders = [Path(prefix) for prefix in dict.fromkeys((sys.base_prefix, sys.prefix))]
    outside = [folder for folder in folders if not folder.is_relative_to("/usr")]
    return [*outside, package / "__init__.py", package / "asking.py", package / "tasks"]
