"""The audit says of every fault that all cells have it, in one line for each fault."""

from pathlib import Path

REFUSED_BY = "audit_places_the_faults"
AFTER = "solution"

faults = ("hidden-state", "late-import", "leakage", "outside-path", "typed-constant", "unseeded")
Path("audit.csv").write_text("\n".join(["cell,fault", *(f"1-11,{fault}" for fault in faults)]) + "\n")
