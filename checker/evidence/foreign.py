"""Readers of JSON and YAML that somebody else wrote: bounded, without tags, anchors or surprises."""

from __future__ import annotations

import json
import math
from typing import Any

import yaml

from checker.text import clean

LARGEST = 1 << 20
DEEPEST = 40
MOST_OBJECTS = 1_000_000
"""Objects and lists in a JSON: each costs far more memory than its two characters."""
MOST_NODES = 50_000
"""Names, values, mappings and lists in a YAML: each costs far more time than its characters."""
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ForeignText(ValueError):
    """A text that is not what it should be; the message says what is wrong, `expected` what would be right."""

    def __init__(self, message: str, expected: str) -> None:
        super().__init__(message)
        self.expected = expected


def parse_json(text: str, largest: int = LARGEST) -> Any:
    """Parse JSON of at most `largest` characters.

    Raises:
        ForeignText: not JSON, too large, or nested too deeply.
    """
    expected = "JSON"
    if len(text) > largest:
        raise ForeignText(f"{len(text)} characters of JSON", f"at most {largest}")
    if text.count("{") + text.count("[") > MOST_OBJECTS:
        raise ForeignText(f"a JSON of more than {MOST_OBJECTS} parts", "fewer")
    try:
        return json.loads(text)
    except RecursionError:
        raise ForeignText("the JSON is nested too deeply", expected) from None
    except ValueError as error:
        raise ForeignText(f"not JSON: {clean(error, 120)}", expected) from None


def parse_yaml(text: str, largest: int = LARGEST, *, aliases: bool = False) -> Any:
    """Parse YAML of at most `largest` characters, without anchors and tags, at most 40 levels deep.

    With `aliases`, a part may stand in several places, as PyYAML writes what is the same object: whoever asks for that
    must not walk through all of it, which may be endless. Merging of mappings is refused all the same.

    Raises:
        ForeignText: anything else.
    """
    expected = "plain YAML without anchors and tags"
    if len(text) > largest:
        raise ForeignText(f"{len(text)} characters of YAML", f"at most {largest}")
    depth = 0
    try:
        for number, event in enumerate(yaml.parse(text, Loader=_Loader)):
            if number > MOST_NODES:
                raise ForeignText(f"a YAML of more than {MOST_NODES} parts", "fewer")
            merges = isinstance(event, yaml.ScalarEvent) and event.value == "<<"
            if (isinstance(event, yaml.AliasEvent) and not aliases) or (merges and aliases):
                raise ForeignText(f"the YAML {'merges mappings' if merges else 'uses an alias'}", expected)
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEEPEST:
                    raise ForeignText("the YAML is nested too deeply", expected)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, in C where there is one
    except ForeignText:
        raise
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ForeignText(
            f"not YAML{where}: {clean(getattr(error, 'problem', None) or error, 120)}", expected
        ) from None


def mapping(value: Any) -> dict[str, Any]:
    """Return `value` if it is a mapping with text keys, else an empty one."""
    return {key: each for key, each in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """Return `value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def number_of(value: Any) -> float | None:
    """Return a finite number that JSON had as a number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
