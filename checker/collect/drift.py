"""Collect drift reports, their manifest and thresholds, without importing Evidently.

What Evidently 0.7 writes by `save_json` is read: metrics with type, column, method, threshold and value, and tests.
It says neither of which data it speaks nor when it was made, so a manifest beside it has to.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from checker.collect.reading import Unreadable, read_plain
from checker.declarations import DriftSource
from checker.evidence.drift import ColumnDrift, Drift, DriftReport, Limit, Spoken, method_name
from checker.evidence.foreign import LARGEST, ForeignText, mapping, number_of, parse_json, parse_yaml, sequence
from checker.text import clean

MOST_COLUMNS = 200
LONGEST_NAME = 100
LONGEST_REASON = 2_000
SHA256 = re.compile(r"[0-9a-f]{64}")


def collect_drift(root: Path, source: DriftSource) -> Drift:
    """Read what `source` names below `root`. Whatever foreign bytes lead to is a problem and no exception."""
    spoken, spoken_problem = _entries(root, source.manifest)
    limits, limits_problem = _entries(root, source.thresholds)
    limits = mapping(limits["columns"]) if set(limits) == {"columns"} else limits
    return Drift(
        reports=tuple(_report(root, name, path) for name, path in source.reports.items()),
        manifest=source.manifest,
        spoken=tuple(_spoken(name, mapping(each)) for name, each in list(spoken.items())[:MOST_COLUMNS]),
        spoken_problem=spoken_problem,
        thresholds=source.thresholds,
        limits=tuple(_limit(name, mapping(each)) for name, each in list(limits.items())[:MOST_COLUMNS]),
        limits_problem=limits_problem,
    )


def _text(root: Path, path: str) -> tuple[str, str]:
    """Return the text of a file and its digest.

    Raises:
        ForeignText: there is none; the message completes `the file ...`.
    """
    try:
        content = read_plain(root / path, root, LARGEST)
        return content.decode("utf-8-sig"), hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        raise ForeignText("is not there", "a file") from None
    except Unreadable as error:
        raise ForeignText(str(error), "a plain file") from None
    except (OSError, ValueError):
        raise ForeignText("cannot be read as UTF-8 text", "a text") from None


def _entries(root: Path, path: str) -> tuple[dict[str, Any], str | None]:
    """Return the mapping in a YAML or JSON file, or what is wrong with it."""
    try:
        text, _ = _text(root, path)
    except ForeignText as error:
        return {}, str(error)
    try:
        found = parse_yaml(text, aliases=True)
    except ForeignText as error:
        return {}, f"cannot be read: {error}"
    if not isinstance(found, dict) or not found:
        return {}, "holds no mapping"
    return {clean(name, LONGEST_NAME): each for name, each in found.items()}, None


def _spoken(name: str, entry: dict[str, Any]) -> Spoken:
    report = _digests(entry.get("report"))
    return Spoken(
        name=name,
        report=report[0] if len(report) == 1 else "",
        reference=_digests(entry.get("reference")),
        current=_digests(entry.get("current")),
    )


def _digests(value: Any) -> tuple[str, ...]:
    """Return the SHA-256 sums in a text, a list, or the values of a mapping."""
    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    texts = (each.strip().lower() for each in parts[:MOST_COLUMNS] if isinstance(each, str))
    return tuple(each for each in texts if SHA256.fullmatch(each))


def _limit(column: str, entry: dict[str, Any]) -> Limit:
    return Limit(
        column=column,
        method=_method(entry.get("method")),
        threshold=number_of(_written(entry.get("threshold"))),
        reason=clean(entry["reason"], LONGEST_REASON).strip() if isinstance(entry.get("reason"), str) else "",
    )


def _report(root: Path, name: str, path: str) -> DriftReport:
    try:
        text, sha256 = _text(root, path)
    except ForeignText as error:
        return DriftReport(name=name, path=path, problem=str(error))
    try:
        columns = _columns(mapping(parse_json(text)))
    except ForeignText as error:
        return DriftReport(name=name, path=path, sha256=sha256, problem=f"is no report: {error}")
    return DriftReport(name=name, path=path, sha256=sha256, columns=columns)


def _columns(data: dict[str, Any]) -> tuple[ColumnDrift, ...]:
    if "metric_results" in data:
        raise ForeignText("it is the whole snapshot, as `dumps` and workspaces store it", "what `save_json` writes")
    metrics = data.get("metrics")
    if not isinstance(metrics, list):
        raise ForeignText("it has no list `metrics`", "what `save_json` writes")
    tests = _tests(data.get("tests"))
    found = []
    for metric in metrics:
        config = mapping(mapping(metric).get("config"))
        kind, column = config.get("type"), config.get("column")
        if not isinstance(kind, str) or not kind.endswith(":ValueDrift") or not isinstance(column, str):
            continue
        column = clean(column, LONGEST_NAME)
        found.append(
            ColumnDrift(
                column=column,
                method=_method(config.get("method")),
                threshold=number_of(config.get("threshold")),
                value=number_of(mapping(metric).get("value")),
                passed=tests.get(column),
            )
        )
    if not found:
        raise ForeignText("none of its metrics is a `ValueDrift`", "`ValueDrift` for each column, or `DataDriftPreset`")
    if len(found) > MOST_COLUMNS:
        raise ForeignText(f"it has {len(found)} metrics `ValueDrift`", "one for each column")
    return tuple(found)


def _tests(data: Any) -> dict[str, bool]:
    """Return column -> whether Evidently's own drift test passed, in a report that has one test for each column."""
    found: dict[str, bool] = {}
    twice = set()
    for test in sequence(data)[: 10 * MOST_COLUMNS]:
        name, status = mapping(test).get("name"), mapping(test).get("status")
        if isinstance(name, str) and name.startswith(OWN_TEST) and status in ("SUCCESS", "FAIL"):
            column = clean(name.removeprefix(OWN_TEST), LONGEST_NAME)
            twice |= {column} & found.keys()
            found[column] = status == "SUCCESS"
    return {column: passed for column, passed in found.items() if column not in twice}


OWN_TEST = "Value Drift for column "


def _method(value: Any) -> str:
    return method_name(value) if isinstance(value, str) and len(value) <= LONGEST_NAME else ""


def _written(value: Any) -> Any:
    """Return the number that a text is meant to be: to YAML, `1e-6` is a text."""
    if isinstance(value, str) and len(value) <= LONGEST_NAME:
        try:
            return float(value)
        except ValueError:
            return None
    return value
