"""A gate that lets nothing out: nothing bad gets through."""

from pathlib import Path

REFUSED_BY = "gate_decides"
AFTER = "start"

Path("gate.py").write_text("""\
import json, sys
json.dump({"failed": ["invariance", "direction", "slices", "calibration", "skew"]}, open("report.json", "w"))
sys.exit(1)
""")
