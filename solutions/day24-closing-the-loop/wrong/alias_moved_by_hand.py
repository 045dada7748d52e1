"""The loop works, and was never let run here: the decisions are typed, and a person has trained the champion."""

import json
from pathlib import Path

import mlflow
from _loop import NAME, begin, write

REFUSED_BY = "loop_ran_here"
AFTER = "start"

write()
begin()
first = mlflow.MlflowClient().get_model_version_by_alias(NAME, "champion")
source = Path("first_champion.py").read_text(encoding="utf-8").replace('"2025-03"', '"2025-09"')
exec(compile(source, "september.py", "exec"), {"__name__": "__main__"})
Path("decisions").mkdir()
for month, decision in {"2025-05": "keep", "2025-09": "promote"}.items():
    Path("decisions", f"{month}.json").write_text(
        json.dumps({"decision": decision, "reason": f"better than {first.version}"})
    )
