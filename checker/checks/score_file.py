"""The JSON object that day 1's notebook writes: read with its types, compared, and its figures counted again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NoReturn

from checker.check import expect, fail
from checker.text import clean, plural


@dataclass(frozen=True)
class Score:
    """What one run of the notebook wrote, with the types that it must have."""

    seed: int
    rows: int
    test: tuple[int, ...]
    flagged: tuple[int, ...]
    f1: float
    average_precision: float


def difference(one: Score, two: Score, tolerance: float) -> str:
    """Return in words where two scores differ, or nothing."""
    if one.seed != two.seed:
        return f"`seed` is {one.seed} and {two.seed}"
    if one.rows != two.rows:
        return f"`rows` is {one.rows} and {two.rows}"
    if set(one.test) != set(two.test):
        return f"{plural(len(set(one.test) ^ set(two.test)), 'row')} held out in only one of the two"
    if abs(one.f1 - two.f1) > tolerance:
        return f"`f1` is {one.f1:.6f} and {two.f1:.6f}"
    if abs(one.average_precision - two.average_precision) > tolerance:
        return f"`average_precision` is {one.average_precision:.6f} and {two.average_precision:.6f}"
    return ""


def f1_of(score: Score, frauds: set[int]) -> float:
    """Return the F1 of `flagged` on `test`, where `frauds` are the rows that are fraud; 0 where nothing is found."""
    flagged = set(score.flagged)
    both = sum(number in flagged and number in frauds for number in score.test)
    total = sum((number in flagged) + (number in frauds) for number in score.test)
    return 2 * both / total if total else 0.0


def read_score(value: Any, where: str) -> Score:
    """Return `value` as a score; the check fails where a field is missing or has another type."""
    if not isinstance(value, dict):
        _malformed(f"{where} is {_kind(value)}", "one JSON object", "`json.dump({...}, file)`")
    return Score(
        seed=_whole(value, "seed", where),
        rows=_whole(value, "rows", where),
        test=_numbers(value, "test_rows", where),
        flagged=_numbers(value, "flagged_rows", where),
        f1=_fraction(value, "f1", where),
        average_precision=_fraction(value, "average_precision", where),
    )


def _field(value: dict[str, Any], name: str, where: str) -> Any:
    if name not in value:
        _malformed(f"{where} has no `{name}`", f"the key `{name}`", f"the key `{name}`")
    return value[name]


def _as_whole(value: Any) -> int | None:
    """Return a whole number as an int: 7 and 7.0, but not True, "7" or 7.5."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value if type(value) is int and abs(value) < 10**15 else None


def _whole(value: dict[str, Any], name: str, where: str) -> int:
    number = _as_whole(_field(value, name, where))
    if number is not None:
        return number
    _malformed(f"`{name}` in {where} is {_kind(value[name])}", "a whole number", f"`'{name}': int(...)`")


def _numbers(value: dict[str, Any], name: str, where: str) -> tuple[int, ...]:
    listed = _field(value, name, where)
    numbers: Iterable[int | None] = [_as_whole(each) for each in listed] if isinstance(listed, list) else [None]
    whole = tuple(number for number in numbers if number is not None)
    if not isinstance(listed, list) or len(whole) != len(listed):
        _malformed(
            f"`{name}` in {where} is {_kind(listed)}",
            "a list of row numbers, such as [0, 17, 42]",
            f"`'{name}': X_test.index.tolist()`, or the like",
        )
    return whole


def _fraction(value: dict[str, Any], name: str, where: str) -> float:
    number = _field(value, name, where)
    # A perfect average precision comes as 1.0000000000000002 out of a sum.
    if type(number) not in (int, float) or not 0 <= number <= 1 + 1e-9:
        _malformed(f"`{name}` in {where} is {_kind(number)}", "a number from 0 to 1", f"`'{name}': float(...)`")
    return float(number)


def _kind(value: Any) -> str:
    if isinstance(value, (dict, list)):
        kind = "a list" if isinstance(value, list) else "an object"
        return f"{kind} with {plural(len(value), 'entry', 'entries')}"
    return clean(repr(value) if not isinstance(value, int) or abs(value) < 10**15 else "a huge number", 60)


def _malformed(found: str, expected: str, write: str) -> NoReturn:
    fail(found=found, expected=expected, next_step=f"in the cell of `train.ipynb` that writes `out`, write {write}")


def read_scores(output: Any, score: Score, where: str) -> list[float]:
    """Return the model's scores that stand in `output`, one for each of `test_rows`."""
    listed = output.get("scores") if isinstance(output, dict) else None
    numbers = [each for each in listed if type(each) in (int, float)] if isinstance(listed, list) else []
    numbers = [each for each in numbers if -1e300 < each < 1e300]
    expect(
        isinstance(listed, list) and len(numbers) == len(listed) == len(score.test),
        found=f"`scores` in {where} "
        + (f"has {plural(len(numbers), 'number')}" if isinstance(listed, list) else "is no list"),
        expected=f"a list with a number for each of the {plural(len(score.test), 'row')} in `test_rows`",
        next_step="in the cell of `train.ipynb` that writes `out`, write `'scores': scores.tolist()`",
    )
    return numbers


def average_precision_of(score: Score, scores: list[float], frauds: set[int]) -> float:
    """Return the average precision as scikit-learn has it: rows with the same score count together."""
    ranked = sorted(zip(scores, score.test, strict=True), reverse=True)
    found = seen = 0
    total = 0.0
    for _, tied in groupby(ranked, key=lambda pair: pair[0]):
        hits = [row in frauds for _, row in tied]
        found, seen = found + sum(hits), seen + len(hits)
        total += sum(hits) * found / seen
    return total / found if found else 0.0
