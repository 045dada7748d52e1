"""What tests of all kinds share."""

import contextlib
import hashlib
import os
import subprocess
from pathlib import Path

from checker.course import Course, load_course
from infra.local.ports import free as free_port

__all__ = ["COURSE", "ROOT", "digests", "free_port", "nested"]

ROOT = Path(__file__).parent.parent
COURSE: Course = load_course(ROOT)


def digests(folder):
    """Path -> SHA-256 of each file below `folder`: whether anything there was changed."""
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@contextlib.contextmanager
def nested(folder, depth):
    """So many folders, one within the other, below `folder`, which is removed at the end: pytest cannot do that."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("dd", dir_fd=here)
        here, above = os.open("dd", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)
    try:
        yield
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
