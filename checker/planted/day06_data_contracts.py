"""What is changed in a copy of the learner's contract: a gate that reads it does something else then.

Only the two contract files are edited, and each edit keeps all of them that it is not about.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from checker.evidence.foreign import ForeignText, mapping, parse_json, parse_yaml, sequence
from checker.planted import Plant

SCHEMA, SUITE = "contract/schema.yaml", "contract/suite.json"
INCOMING = "incoming/month.csv"
HEADER = (
    "transaction_id,timestamp,customer_id,age_band,merchant_id,merchant_category,channel,country,amount,"
    "transactions_24h\n"
)
COLUMN, BANNED = "merchant_category", "travel"
"""The schema that is planted lets any category through but this one."""
KEPT = ("dtype", "nullable", "coerce", "required", "title", "description", "name")


def without_batch_rules(text: str) -> str:
    """The suite with two rules: one that any month keeps, and a mere warning that no month keeps."""
    return _with_rules(text, [_rows(1, None, "critical"), _rows(1, 10, "warning")], keep=False)


def with_impossible_rule(text: str) -> str:
    """The suite with one rule more, which no month keeps."""
    return _with_rules(text, [_rows(1, 10, "critical")], keep=True)


def other_categories(text: str) -> str:
    """The schema with another rule for the category of the merchant."""
    try:
        schema = mapping(parse_yaml(text))
    except ForeignText:
        return text
    columns = mapping(schema.get("columns"))
    column = {name: each for name, each in mapping(columns.get(COLUMN)).items() if name in KEPT}
    columns[COLUMN] = column | {"notin": [BANNED]}
    return yaml.safe_dump(schema | {"columns": columns}, sort_keys=False, allow_unicode=True)


def _rows(least: int, most: int | None, severity: str) -> dict[str, Any]:
    bounds = {"min_value": least} if most is None else {"min_value": least, "max_value": most}
    return {"type": "expect_table_row_count_to_be_between", "kwargs": bounds, "meta": {}, "severity": severity}


def _with_rules(text: str, rules: list[dict[str, Any]], *, keep: bool) -> str:
    try:
        suite = mapping(parse_json(text))
    except ForeignText:
        return text
    kept = sequence(suite.get("expectations")) if keep else []
    return json.dumps(suite | {"expectations": [*kept, *rules]}, indent=2)


PLANTS = {
    "other-contract": Plant(edits={SCHEMA: other_categories, SUITE: without_batch_rules}),
    "impossible-rule": Plant(edits={SUITE: with_impossible_rule}),
    "no-rows": Plant(files={INCOMING: HEADER}),
}
