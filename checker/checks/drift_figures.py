"""Figures on drift that somebody reported, beside those that the grader computed."""

from __future__ import annotations

import math

from checker.evidence.drift import P_VALUES, ColumnDrift, alarms
from checker.evidence.proofs import DriftFigure, Summary


def alarmed(each: ColumnDrift) -> bool:
    """Return whether a column of a report alarms, by the report's own value and threshold."""
    return each.value is not None and each.threshold is not None and alarms(each.method, each.value, each.threshold)


def agrees(each: ColumnDrift, figure: DriftFigure | None) -> bool:
    """Return whether the value of a report is one that the grader computed, as near as two programs come."""
    if figure is None or each.value is None:
        return False
    if each.method not in P_VALUES:
        return any(math.isclose(each.value, true, rel_tol=1e-3, abs_tol=1e-6) for true in figure.values)
    return any(alike(each.value, true) for true in figure.values)


def alike(one: float, other: float) -> bool:
    """Return whether two p-values are the same, but for how their tails are computed."""
    if min(one, other) < 1e-12:
        return min(one, other) >= 0 and max(one, other) < 1e-10
    return abs(math.log(one) - math.log(other)) <= 0.05 + 0.01 * abs(math.log(other))


def contradicts(each: ColumnDrift) -> bool:
    """Return whether Evidently's own test says another thing than value and threshold, and not by a hair."""
    if each.passed is None or each.value is None or each.threshold is None:
        return False
    near = math.isclose(each.value, each.threshold, rel_tol=1e-6)
    return not near and each.passed == alarms(each.method, each.value, each.threshold)


def wrong_figure(found: Summary, true: Summary) -> str:
    """Return which figure of a column is wrong, or nothing."""
    if found.missing != true.missing:
        return "the number of missing values"
    for what, one, other, tolerance in (
        ("the smallest value", found.least, true.least, 1e-6),
        ("the largest value", found.most, true.most, 1e-6),
        ("the mean", found.mean, true.mean, 1e-4),
        ("the number of different values", found.distinct, true.distinct, 0.15),
    ):
        if other is not None and (one is None or not math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-9)):
            return what
    return ""
