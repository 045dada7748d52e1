"""The jail stands in what a grading worker's pod has, and a worker without it does not start."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from checker.jail import can_confine
from tests.unit.infra.manifests.rendering import INFRA

PROFILE = INFRA / "cohort" / "nodes" / "jail.json"
POD = Path(__file__).with_name("in_a_pod.py")
JAIL = (sys.executable, "-P", "-m", "infra.cohort.jail")
SECONDS = 300


def has_libseccomp():
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not can_confine() or not has_libseccomp(), reason="needs root, a jail and libseccomp"
)


def run(profile, mask, *command):
    words = [sys.executable, str(POD), str(profile), mask, *command]
    environment = os.environ | {"PYTHONPATH": str(INFRA.parent)}
    return subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment)


def test_the_jail_holds_with_no_capability_and_the_profile_of_the_worker():
    done = run(PROFILE, "plain", *JAIL)
    assert done.returncode == 0, done.stderr
    assert "The jail holds." in done.stdout


def test_behind_a_masked_proc_the_worker_says_what_it_lacks():
    done = run(PROFILE, "keys", *JAIL)
    assert done.returncode == 1
    assert "procMount: Unmasked" in done.stderr


def test_without_the_right_to_new_users_the_worker_says_what_it_lacks(tmp_path):
    profile = json.loads(PROFILE.read_text())
    profile["syscalls"].append({"names": ["unshare", "clone", "mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1})
    # Even `clone` for a thread or a child: then nothing at all can be started.
    profile["syscalls"][-1]["names"] = ["unshare", "mount", "pivot_root"]
    (tmp_path / "strict.json").write_text(json.dumps(profile))
    done = run(tmp_path / "strict.json", "plain", *JAIL)
    assert done.returncode == 1
    assert "jail.json" in done.stderr


@pytest.mark.parametrize(
    ("call", "arguments"),
    [("ptrace", "0, 0, 0, 0"), ("io_uring_setup", "1, 0"), ("bpf", "0, 0, 0"), ("userfaultfd", "0"), ("keyctl", "0")],
)
def test_what_the_jail_does_not_need_is_refused_by_the_profile(call, arguments):
    numbers = {"ptrace": 101, "io_uring_setup": 425, "bpf": 321, "userfaultfd": 323, "keyctl": 250}
    program = (
        "import ctypes, sys; libc = ctypes.CDLL(None, use_errno=True); "
        f"sys.exit(0 if libc.syscall({numbers[call]}, {arguments}) == -1 and ctypes.get_errno() == 1 else 1)"
    )
    assert run(PROFILE, "plain", sys.executable, "-c", program).returncode == 0


def test_the_profile_leaves_what_the_jail_is_built_of():
    refused = {name for group in json.loads(PROFILE.read_text())["syscalls"] for name in group["names"]}
    assert not refused & {"unshare", "clone", "clone3", "mount", "umount2", "pivot_root", "setns", "seccomp", "prctl"}
