"""Change a finished day: parts of the gate, rules of the suite, lines of the schema."""

import json
from pathlib import Path

GATE, SCHEMA, SUITE = Path("gate.py"), Path("contract/schema.yaml"), Path("contract/suite.json")


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text that stands in the file exactly once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def rules(change) -> None:
    """Let `change` make the suite's list of expectations anew."""
    suite = json.loads(SUITE.read_text(encoding="utf-8"))
    suite["expectations"] = change(suite["expectations"])
    SUITE.write_text(json.dumps(suite, indent=2), encoding="utf-8")


def is_mean(rule: dict) -> bool:
    """Whether a rule is about the mean of the amounts."""
    return rule["type"] == "expect_column_mean_to_be_between"
