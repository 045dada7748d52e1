"""Become what a grading worker's container is, as far as that goes without a container, then run a program in it.

in_a_pod.py PROFILE MASK|plain COMMAND...: users of its own, number 65534 among them, no capability, no new privileges,
the seccomp profile PROFILE; with MASK, a cover over one file of /proc, as runtimes lay it unless procMount is Unmasked.
"""

import ctypes
import json
import os
import sys
from pathlib import Path

from checker.tasks import kernel

ERRNO, ALLOW = 0x00050000, 0x7FFF0000
ACTIONS = {"SCMP_ACT_ALLOW": ALLOW, "SCMP_ACT_ERRNO": ERRNO}


def filtered(profile):
    """Load a profile as a container runtime does, by libseccomp; unknown names are those of other machines."""
    lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_init.argtypes = [ctypes.c_uint32]
    pointer, number = ctypes.c_void_p, ctypes.c_uint32
    lib.seccomp_rule_add_array.argtypes = [pointer, number, ctypes.c_int, ctypes.c_uint, pointer]
    lib.seccomp_load.argtypes = [ctypes.c_void_p]
    context = lib.seccomp_init(ACTIONS[profile["defaultAction"]])
    for group in profile["syscalls"]:
        for name in group["names"]:
            number = lib.seccomp_syscall_resolve_name(name.encode())
            if number == -1:
                continue
            action = ACTIONS[group["action"]] | group.get("errnoRet", 1)
            assert lib.seccomp_rule_add_array(context, action, number, 0, None) == 0, name
    assert lib.seccomp_load(context) == 0


def main(profile, mask, *command):
    if mask != "plain":
        kernel.call("unshare", kernel.CLONE_NEWNS)
        kernel.call("mount", b"none", b"/", None, kernel.MS_REC | kernel.MS_PRIVATE, None)
        kernel.call("mount", b"/dev/null", f"/proc/{mask}".encode(), None, kernel.MS_BIND, None)
    kernel.new_users()
    kernel.drop_rights()
    kernel.show()
    if profile != "none":
        filtered(json.loads(Path(profile).read_text()))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
