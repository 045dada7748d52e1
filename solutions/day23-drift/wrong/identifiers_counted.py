"""Every column of the file was compared, the number of the transaction as well, which is new in each month."""

import copy
import json
from pathlib import Path

from _bank import renew

REFUSED_BY = "reports_name_their_data"
AFTER = "solution"

path = Path("reports/2025-06.json")
report = json.loads(path.read_text())
metric = copy.deepcopy(next(each for each in report["metrics"] if each["config"].get("column") == "country"))
metric["config"]["column"] = "transaction_id"
metric["value"] = 0.8325546111576977
report["metrics"].append(metric)
path.write_text(json.dumps(report))
renew("2025-06")
