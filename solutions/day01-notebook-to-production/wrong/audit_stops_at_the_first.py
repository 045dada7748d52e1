"""The audit names one cell for each fault and overlooks the other cells that have it, and the leakage."""

from pathlib import Path

REFUSED_BY = "audit_places_the_faults"
AFTER = "solution"

Path("audit.csv").write_text(
    "cell,fault\n2,outside-path\n3,late-import\n6,unseeded\n7,hidden-state\n8,typed-constant\n"
)
