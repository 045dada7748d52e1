"""Drift as it was reported: what Evidently's JSON says, of which data it shall speak, and which thresholds hold."""

from __future__ import annotations

from checker.errors import Failed
from checker.evidence.base import Record
from checker.text import clean

P_VALUES = frozenset({"ks", "chisquare", "z", "t_test", "mannw"})
"""Methods by which less means more drift."""
_SHOWN = {
    "wasserstein": "Wasserstein distance (normed)",
    "ed": "Energy-distance",
    "jensenshannon": "Jensen-Shannon distance",
    "psi": "PSI",
    "kl_div": "Kullback-Leibler divergence",
    "hellinger": "Hellinger distance",
    "ks": "K-S p_value",
    "chisquare": "chi-square p_value",
    "z": "Z-test p_value",
    "t_test": "t_test",
    "mannw": "Mann-Whitney U-rank test",
}
"""Evidently's name of a method, by which one asks for it -> how a report shows it that was not asked for one."""
RECOMPUTED = tuple(_SHOWN)
_NAMES = {shown.lower(): name for name, shown in _SHOWN.items()} | {name: name for name in _SHOWN}


def method_name(text: str) -> str:
    """Return Evidently's name of a method, however a report shows it; an unknown one as it is written."""
    return _NAMES.get(text.strip().lower(), clean(text.strip(), 60))


def alarms(method: str, value: float, threshold: float) -> bool:
    """Return whether a value means drift: a distance that reaches the threshold, or a p-value below it."""
    return value < threshold if method in P_VALUES else value >= threshold


class Limit(Record):
    """From where on a column counts as drifted, as `thresholds.yaml` says. `threshold` is None if it is no number."""

    column: str
    method: str = ""
    threshold: float | None = None
    reason: str = ""


class ColumnDrift(Record):
    """One drift metric of a report. `passed` is what Evidently's own test says, if the report has one."""

    column: str
    method: str
    threshold: float | None = None
    value: float | None = None
    passed: bool | None = None


class DriftReport(Record):
    """A report of Evidently in JSON. `problem` completes `the file ...`, where it is none."""

    name: str
    path: str
    sha256: str = ""
    columns: tuple[ColumnDrift, ...] = ()
    problem: str | None = None


class Spoken(Record):
    """Of which data a report is said to speak: SHA-256 sums, in lower case, as far as they are some."""

    name: str
    report: str = ""
    reference: tuple[str, ...] = ()
    current: tuple[str, ...] = ()


class Drift(Record):
    """Reports, what they are said to speak of, and the thresholds. Each problem says why there are none."""

    reports: tuple[DriftReport, ...] = ()
    manifest: str = ""
    spoken: tuple[Spoken, ...] = ()
    spoken_problem: str | None = None
    thresholds: str = ""
    limits: tuple[Limit, ...] = ()
    limits_problem: str | None = None

    def report(self, name: str) -> DriftReport:
        """Return the report on `name`; the check fails when there is none that can be read."""
        found = next((each for each in self.reports if each.name == name), None)
        if found is None:
            raise LookupError(f"no report {name!r} is declared")
        if found.problem:
            raise Failed(
                f"`{found.path}` {found.problem}",
                expected="a report of Evidently as `save_json` writes it; an HTML page is for people to look at",
                next_step=f'call `save_json("{found.path}")` on what `Report(...).run(current, reference)` returns',
            )
        return found

    def speaks_of(self, name: str) -> Spoken:
        """Return what the report on `name` is said to speak of; the check fails when the manifest does not say it."""
        step = f"write `{self.manifest}` with the SHA-256 sums of the report and of the files that it speaks of"
        if self.spoken_problem:
            raise Failed(
                f"`{self.manifest}` {self.spoken_problem}",
                expected="a YAML or JSON mapping: for each report `report`, `reference` and `current`",
                next_step=step,
            )
        found = next((each for each in self.spoken if each.name == name), None)
        if found is None:
            raise Failed(
                f"`{self.manifest}` says nothing of `{name}`",
                expected=f"an entry `{name}` with `report`, `reference` and `current`",
                next_step=step,
            )
        return found

    def limit(self, column: str) -> Limit | None:
        """Return the threshold of a column, or None."""
        return next((each for each in self.limits if each.column == column), None)
