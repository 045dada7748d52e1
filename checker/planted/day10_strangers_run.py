"""What came since: two releases of the in-house library, one of them close to that of the run."""

from __future__ import annotations

from checker.planted import Plant
from checker.prepare.strangers_project import release

PLANTS = {"later": Plant(files=release("1.4.1") | release("2.0.0"))}
