"""The audit accuses every cell of every fault, so that nothing can be missed."""

from itertools import product
from pathlib import Path

REFUSED_BY = "audit_places_the_faults"
AFTER = "solution"

FAULTS = (
    "hidden-state",
    "late-import",
    "leakage",
    "needs-network",
    "outside-path",
    "rerun-changes",
    "typed-constant",
    "unseeded",
)
lines = [f"{cell},{fault}" for cell, fault in product(range(1, 12), FAULTS)]
Path("audit.csv").write_text("\n".join(["cell,fault", *lines]) + "\n")
