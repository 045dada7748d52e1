"""Data drift alone: September's report says nothing of the score."""

import json
from pathlib import Path

from _bank import renew

REFUSED_BY = "reports_name_their_data"
AFTER = "solution"

path = Path("reports/2025-09.json")
report = json.loads(path.read_text())
report["metrics"] = [each for each in report["metrics"] if each["config"].get("column") != "score"]
path.write_text(json.dumps(report))
renew("2025-09")
