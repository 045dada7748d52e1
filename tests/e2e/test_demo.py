"""`make demo` as somebody would type it, with the days in another order."""

import os
import subprocess
import sys

import psutil

from tests.support import ROOT


def test_the_demo_keeps_its_promise_and_leaves_nothing(tmp_path):
    status = ["git", "status", "--porcelain"]
    before = subprocess.run(status, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    done = subprocess.run(
        [sys.executable, "-m", "infra.demo", "--shuffle", "3", "--seed", "11", "--no-jupyter"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "done they earn everything" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert not [
        each for each in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(each.info["cmdline"] or [])
    ]
    assert subprocess.run(status, cwd=ROOT, capture_output=True, text=True, check=True).stdout == before
