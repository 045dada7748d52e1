"""runs/other.json is runs/first.json with another seed written into it."""

import json
from pathlib import Path

REFUSED_BY = "other_seed_other_split"
AFTER = "solution"

result = json.loads(Path("runs", "first.json").read_text())
Path("runs", "other.json").write_text(json.dumps(result | {"seed": 8}))
