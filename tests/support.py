"""What tests of all kinds share."""

import socket
from pathlib import Path

from checker.course import Course, load_course

ROOT = Path(__file__).parent.parent
COURSE: Course = load_course(ROOT)


def free_port() -> int:
    """Return a port of this machine's loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
