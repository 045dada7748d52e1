"""Recompute drift: of the months that a learner reported on, and of months that learners have not seen.

The tables are made again from the seed, so nothing depends on the files in the workspace. Of a learner's work only
names of columns and methods are taken here; profiles are read in the jail.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from checker.collect.reading import Unreadable, read_plain
from checker.course import Lab
from checker.declarations import DriftCase, DriftProof, Scorecard
from checker.errors import Unavailable
from checker.evidence import Evidence
from checker.evidence.drift import Drift
from checker.evidence.foreign import mapping, sequence
from checker.evidence.proofs import DriftFigure, ProfileRead, Summary
from checker.jail import PATIENCE, Jail, Limits
from checker.prove.distances import Kind, Sample, measure
from checker.recipes import make_table
from checker.text import clean
from checker.workspace import Workspace

if TYPE_CHECKING:
    from checker.world import Table

SCORE = "score"
LARGEST_PROFILE = 4 << 20
MEMORY = 4 << 30
PRELOADED = ("whylogs.core",)
_CENTS = 100
_FIGURES = ("least", "most", "mean", "distinct")
Columns = Mapping[str, Sample]


def recompute(
    lab: Lab, workspace: Workspace, evidence: Evidence, key: bytes, jail: Jail
) -> tuple[list[DriftFigure], list[ProfileRead]]:
    """Return the grader's own figures for what reports and thresholds name, and the profiles beside the truth."""
    proof = lab.proofs.drift
    assert proof is not None
    tables = Tables(lab, proof, workspace.identity.seed, key)
    figures = [] if evidence.drift is None else [*_of_reports(proof, evidence.drift, tables)]
    figures += [] if evidence.drift is None else [*of_cases(proof, evidence.drift, tables)]
    return figures, _profiles(proof, workspace, tables, jail)


@dataclass(frozen=True)
class Pair:
    """Two tables that are compared; `of` as in DriftFigure."""

    of: Literal["asked", "swapped", "replaced", "other", "case"]
    reference: Columns
    current: Columns

    def figure(self, name: str, kind: Kind, column: str, method: str) -> DriftFigure:
        """Return what `method` says of a column; numbers may have been declared as categories."""
        kinds: tuple[Kind, ...] = (kind,) if kind == "categorical" else (kind, "categorical")
        values = measure(method, self.reference[column], self.current[column], kinds)
        return DriftFigure(of=self.of, name=name, column=column, method=method, values=values)


class Tables:
    """The columns of a proof in the tables of one world; each table is made once, when it is asked for."""

    def __init__(self, lab: Lab, proof: DriftProof, seed: int, key: bytes) -> None:
        self._proof, self._seed, self._key = proof, seed, key
        self._fixtures = {fixture.path: fixture for fixture in lab.fixtures}
        self._files: dict[str, Columns] = {}
        self._codes: dict[str, dict[str, int]] = {}

    def file(self, path: str) -> Columns:
        """Return the columns of the fixture at `path`."""
        if path not in self._files:
            self._files[path] = self._columns(make_table(self._fixtures[path], self._seed))
        return self._files[path]

    @cached_property
    def reference(self) -> Columns:
        """The columns of the reference."""
        return self.together(self._proof.reference)

    def together(self, paths: Iterable[str]) -> Columns:
        """Return the columns of some fixtures, one after the other."""
        parts = [self.file(path) for path in paths]
        return {name: np.concatenate([part[name] for part in parts]) for name in self._proof.columns}

    def case(self, case: DriftCase) -> Columns:
        """Return the columns of a month that learners have not seen."""
        return self._columns(make_table(case.data, self._seed, self._key), case)

    def _columns(self, table: Table, case: DriftCase | None = None) -> Columns:
        columns = {name: _changed(name, table[name], case) for name in table.columns}
        columns[SCORE] = _changed(SCORE, scores(self._proof.scorecard, columns), case)
        return {name: self._numbers(name, columns[name]) for name in self._proof.columns}

    def _numbers(self, name: str, column: Sample) -> Sample:
        """Return a column of texts as numbers, the same text always as the same number."""
        if column.dtype.kind != "U":
            return column
        codes = self._codes.setdefault(name, {})
        texts = column.tolist()
        for text in sorted(set(texts) - codes.keys()):
            codes[text] = len(codes)
        return np.array([codes[text] for text in texts], dtype=np.int64)


def scores(card: Scorecard, columns: Mapping[str, Sample]) -> Sample:
    """Return the score of each payment."""
    hours = np.array([int(moment[11:13]) for moment in columns["timestamp"].tolist()])
    total = _points(card.amount, columns["amount"]) + _points(card.hour, hours)
    total += _points(card.transactions_24h, columns["transactions_24h"])
    for name, points in (("channel", card.channel), ("country", card.country)):
        other = points.get("other", 0)
        total += np.array([points.get(text, other) for text in columns[name].tolist()], dtype=np.int64)
    return total


def _points(steps: Sequence[tuple[float, int]], values: Sample) -> Sample:
    points = np.array([0, *(each for _, each in steps)], dtype=np.int64)
    return np.asarray(points[np.searchsorted([least for least, _ in steps], values, "right")])


def _changed(name: str, column: Sample, case: DriftCase | None) -> Sample:
    """Return a column with the change that a case wants, which is always the same one."""
    if case is not None and (factor := case.scaled.get(name)):
        column = np.round(column * factor * _CENTS) / _CENTS
    if case is not None and (share := case.moved.get(name)):
        values, counts = np.unique(column, return_counts=True)
        second, first = values[np.argsort(counts, kind="stable")[-2:]]
        rows = np.flatnonzero(column == first)
        column = column.copy()
        column[rows[np.linspace(0, len(rows) - 1, round(share * len(column))).astype(np.int64)]] = second
    return column


def _of_reports(proof: DriftProof, drift: Drift, tables: Tables) -> Iterator[DriftFigure]:
    """Yield what the methods that a report names say of its month, and of others that it may have been made of."""
    for report in drift.reports:
        if report.name not in proof.current:
            continue
        asked = tables.file(proof.current[report.name])
        pairs = [Pair("asked", tables.reference, asked), Pair("swapped", asked, tables.reference)]
        if report.name in proof.replaced:
            pairs.append(Pair("replaced", tables.reference, tables.file(proof.replaced[report.name])))
        others = (tables.file(path) for name, path in proof.current.items() if name != report.name)
        pairs += [Pair("other", tables.reference, other) for other in others]
        wanted = dict.fromkeys((each.column, each.method) for each in report.columns if each.column in proof.columns)
        for pair in pairs:
            for column, method in wanted:
                yield pair.figure(report.name, proof.columns[column], column, method)


def of_cases(proof: DriftProof, drift: Drift, tables: Tables) -> Iterator[DriftFigure]:
    """Yield what the methods of the thresholds say of months that learners have not seen."""
    wanted = [(limit.column, limit.method) for limit in drift.limits if limit.column in proof.columns]
    for name, case in proof.cases.items() if wanted else ():
        pair = Pair("case", tables.reference, tables.case(case))
        for column, method in wanted:
            yield pair.figure(name, proof.columns[column], column, method)


def _profiles(proof: DriftProof, workspace: Workspace, tables: Tables, jail: Jail) -> list[ProfileRead]:
    """Return what the learner's profiles say, read apart from this process, beside what is true."""
    problems: dict[str, str] = {}
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="checker-profiles-") as scratch:
        folder = Path(scratch, "profiles")
        folder.mkdir()
        names = {}
        for number, path in enumerate(proof.profiles):
            try:
                content = read_plain(workspace.path / path, workspace.path, LARGEST_PROFILE)
            except FileNotFoundError:
                problems[path] = "is not there"
            except (Unreadable, OSError) as error:
                problems[path] = str(error) if isinstance(error, Unreadable) else "cannot be read"
            else:
                names[path] = f"{number}.bin"
                (folder / names[path]).write_bytes(content)
        if names:
            _expect_whylogs()
            request = {"profiles": names, "columns": list(proof.columns), "seconds": PATIENCE * proof.seconds}
            seconds = PATIENCE * proof.seconds * len(names)
            answer = jail.run("profiles", request, Path(scratch), Limits(seconds, proof.seconds, MEMORY), PRELOADED)
            told = mapping(answer.value)
            problems |= dict.fromkeys(names, f"could not be read: {answer.problem}") if answer.problem else {}
    return [
        _profile(path, mapping(told.get(path)), problems.get(path), _true(proof, tables.together(files)))
        for path, files in proof.profiles.items()
    ]


def _expect_whylogs() -> None:
    if find_spec("whylogs") is None:
        raise Unavailable(
            "whylogs is not installed, so that no profile can be read",
            expected="the course's environment on a Python for which whylogs has a wheel: 3.11 or 3.12",
            next_step="make the environment anew with Python 3.12; it costs you no marks",
        )


def _profile(path: str, told: dict[str, Any], problem: str | None, true: tuple[Summary, ...]) -> ProfileRead:
    if problem is None and not isinstance(told.get("columns"), list):
        said = told.get("problem")
        problem = f"could not be read: {said}" if isinstance(said, str) else "could not be read"
    if problem is not None:
        return ProfileRead(path=path, problem=clean(problem, 300), true=true)
    found = tuple(filter(None, (_told(mapping(each)) for each in sequence(told["columns"])[: 2 * len(true)])))
    return ProfileRead(path=path, found=found, true=true)


def _told(said: dict[str, Any]) -> Summary | None:
    """Return what a cell said of a column, which may be anything."""
    column, rows, missing = said.get("column"), said.get("rows"), said.get("missing")
    if not isinstance(column, str) or type(rows) is not int or type(missing) is not int:
        return None
    figures = {
        name: float(value)
        for name in _FIGURES
        if isinstance(value := said.get(name), int | float) and not isinstance(value, bool) and abs(value) < 1e300
    }
    return Summary(column=clean(column, 100), rows=rows, missing=missing, **figures)


def _true(proof: DriftProof, columns: Columns) -> tuple[Summary, ...]:
    found = []
    for name, kind in proof.columns.items():
        column = columns[name]
        summary = Summary(column=name, rows=len(column), distinct=len(np.unique(column)))
        if kind == "numerical":
            numbers = {"least": float(column.min()), "most": float(column.max()), "mean": float(column.mean())}
            summary = summary.model_copy(update=numbers)
        found.append(summary)
    return tuple(found)
