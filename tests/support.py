"""What tests of all kinds share."""

from pathlib import Path

from checker.course import Course, load_course
from infra.local.ports import free as free_port

__all__ = ["COURSE", "ROOT", "free_port"]

ROOT = Path(__file__).parent.parent
COURSE: Course = load_course(ROOT)
