"""What kfp's executor writes down of one step: read with bounds, by whoever looks at a run."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

LARGEST = 1 << 20
MOST_ENTRIES = 60
LONGEST_VALUE = 20_000
LONGEST_NAME = 200
DEEPEST = 8


def read_output(content: bytes) -> dict[str, Any]:
    """Return what `executor_output.json` says; raises ValueError where it is no such file."""
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST >> 20} MiB")
    try:
        said = json.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8") from None
    if not isinstance(said, dict):
        raise ValueError("it is no JSON object")
    return said


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON can have it: bounded, and NaN and its like as texts."""
    if isinstance(value, str):
        return sound(value, LONGEST_VALUE)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value if abs(value) < 1 << 63 and math.isfinite(value) else "no plain number"
    if depth < DEEPEST and isinstance(value, dict):
        entries = list(value.items())[:MOST_ENTRIES]
        return {sound(str(key), LONGEST_NAME): plain(each, depth + 1) for key, each in entries}
    if depth < DEEPEST and isinstance(value, list):
        return [plain(each, depth + 1) for each in value[:LONGEST_VALUE]]
    return "nothing plain"


def sound(text: str, longest: int) -> str:
    """Return a text that can be written as UTF-8, and is not too long."""
    return text[:longest].encode("utf-8", "replace").decode("utf-8")


def metadata_of(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what `executor_output.json` says of an artifact's metadata."""
    metadata = _artifact_of(said, name).get("metadata")
    return dict(plain(metadata)) if isinstance(metadata, dict) else {}


def _artifact_of(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: Any = said
    for key in ("artifacts", name, "artifacts"):
        found = found.get(key) if isinstance(found, dict) else None
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, dict) else {}


def below(said: Mapping[str, Any], name: str, folder: str) -> str:
    """Return where an artifact lies in its task's `folder`, of which the end is known; its usual place if not there."""
    uri = _artifact_of(said, name).get("uri")
    if not isinstance(uri, str) or folder not in uri:
        return name
    path = uri.rpartition(folder)[2]
    parts = path.split("/")
    good = all(parts) and not {".", ".."} & {*parts} and len(path) < 2 * LONGEST_NAME and "\0" not in path
    return path if good and sound(path, len(path)) == path else name


def values_of(said: Mapping[str, Any], kinds: Mapping[str, str], files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the values that a step gave: returned, or written into the file of their name, as kfp reads it.

    Raises:
        ValueError: such a file does not hold what its kind demands.
    """
    returned = said.get("parameterValues")
    returned = returned if isinstance(returned, dict) else {}
    values = {}
    for name, kind in kinds.items():
        if name in files:
            text = files[name][: LARGEST + 1].decode("utf-8")
            try:
                value = text if kind == "STRING" else json.loads(text.lower() if kind == "BOOLEAN" else text)
            except (RecursionError, ValueError):
                raise ValueError(f"what it writes for `{name}` is no {kind}") from None
        elif name in returned:
            value = returned[name]
        else:
            continue
        whole = kind == "NUMBER_INTEGER" and isinstance(value, float) and value.is_integer()
        values[name] = plain(int(value) if whole else value)
    return values


def sum_of_folder(sums: Mapping[str, str]) -> str:
    """Return the sum of a folder: of its files' names and sums in order."""
    lines = "".join(f"{name}\0{sums[name]}\n" for name in sorted(sums))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
