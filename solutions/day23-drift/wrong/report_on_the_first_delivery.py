"""The report on June was made of the first delivery, and says so."""

from pathlib import Path

import yaml
from _bank import month, reference, sha256, tell

REFUSED_BY = "reports_name_their_data"
AFTER = "solution"

tell("2025-06", reference(), month("2025-06"))
sources = yaml.safe_load(Path("reports/sources.yaml").read_text())
sources["2025-06"]["current"] = {"data/2025-06.csv": sha256("data/2025-06.csv")}
Path("reports/sources.yaml").write_text(yaml.safe_dump(sources))
