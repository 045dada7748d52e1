"""Day 23: drift reported for the month that drifted and not for the one that did not, by thresholds that hold."""

from __future__ import annotations

import math

from checker.check import check, expect, fail, suspect
from checker.checks.drift_figures import agrees, alarmed, contradicts, wrong_figure
from checker.evidence import View
from checker.evidence.drift import P_VALUES, ColumnDrift, DriftReport, Limit, Spoken, alarms
from checker.evidence.proofs import DriftFigure, ProfileRead
from checker.text import clean, plural

NUMBERS = ("amount", "transactions_24h", "score")
COLUMNS = ("amount", "transactions_24h", "age_band", "merchant_category", "channel", "country", "score")
FOR_NUMBERS = ("wasserstein", "ed", "jensenshannon", "psi", "kl_div", "hellinger", "ks", "t_test", "mannw")
FOR_CATEGORIES = ("jensenshannon", "psi", "kl_div", "hellinger", "chisquare")
REPORTS = {"2025-06": "data/2025-06-corrected.csv", "2025-09": "data/2025-09.csv"}
REFERENCE = ("data/2025-01.csv", "data/2025-02.csv", "data/2025-03.csv")
FIRST = "data/2025-06.csv"
QUIET = {
    "quiet-february": "in which nothing had changed",
    "quiet-april": "in which nothing had changed",
    "quiet-may": "in which nothing had changed",
    "quiet-june": "in which nothing had changed",
    "trifles": "in which amounts were 2% higher, and one payment in a hundred had moved to another value",
}
MOVED = ("amount", "channel", "score")
AFTER = ("august", "october", "december")
SHIFTED = dict.fromkeys(COLUMNS[:-1], "all-shifted") | {"score": "scores-shifted"}
SHIFTS = {
    "amount": "amounts are 30% higher",
    "transactions_24h": "one payment in five has another count",
    "age_band": "one payment in ten has another age band",
    "merchant_category": "one payment in ten has another category",
    "channel": "one payment in ten has another channel",
    "country": "one payment in ten has another country",
    "score": "scores are 25% higher",
}
FEWEST_WORDS = 20
MONTHLY = tuple(f"profiles/2025-{month}.bin" for month in ("01", "02", "03", "06", "09"))
MERGED = "profiles/reference.bin"
Figures = dict[tuple[str, str, str], DriftFigure]
"""What the grader computed for a report: `of`, column and method -> the figure."""


@check(points=1)
def thresholds_are_written(lab: View) -> dict[str, Limit]:
    """`thresholds.yaml` has, for each of the seven columns and for no other, a `method` (a name that Evidently knows,
    and the checker recomputes), a `threshold` above 0, and a `reason` of 20 characters or more.
    """
    drift = lab.drift
    if drift.limits_problem:
        fail(
            found=f"`{drift.thresholds}` {drift.limits_problem}",
            expected="a YAML or JSON mapping: for each column `method`, `threshold` and `reason`",
            next_step="do task 3",
        )
    limits = {limit.column: limit for limit in drift.limits}
    for column in COLUMNS:
        _expect_limit(limits.get(column), column)
    extra = [column for column in limits if column not in COLUMNS]
    expect(
        not extra,
        found=f"a threshold for {_named(extra)}",
        expected=f"thresholds for {', '.join(COLUMNS)}, and no others: an identifier is new in each month, and drifts "
        "whatever happens",
        next_step=f"take {_named(extra)} out of `{drift.thresholds}`",
    )
    return limits


def _expect_limit(limit: Limit | None, column: str) -> None:
    step = f"mend the entry `{column}` in `thresholds.yaml`"
    if limit is None:
        fail(found=f"no threshold for `{column}`", expected="one for each of the seven columns", next_step=step)
    _expect_method(limit.method, column, f"for `{column}`", step)
    expect(
        limit.threshold is not None and limit.threshold > 0,
        found=f"for `{column}` "
        + ("a `threshold` that is missing or no number" if limit.threshold is None else f"{limit.threshold:g}"),
        expected="a number above 0",
        next_step=step,
    )
    expect(
        len(limit.reason) >= FEWEST_WORDS,
        found=f"for `{column}` a `reason` of {plural(len(limit.reason), 'character')}",
        expected=f"{FEWEST_WORDS} characters or more: why this number, and no larger or smaller one",
        next_step=step,
    )


def _expect_method(method: str, column: str, where: str, step: str) -> None:
    suited = FOR_NUMBERS if column in NUMBERS else FOR_CATEGORIES
    expect(
        method in suited,
        found=f"{where} the method {f'`{clean(method, 60)}`' if method else 'is missing'}",
        expected=f"for a column of {'numbers' if column in NUMBERS else 'categories'} one of {', '.join(suited)}, "
        "which the checker recomputes",
        next_step=step,
    )


@check(points=1.5, needs=thresholds_are_written)
def quiet_months_stay_quiet(lab: View, limits: dict[str, Limit]) -> None:
    """By these thresholds, no column alarms in five months that you have not seen, in which nothing changed or next to
    nothing.
    """
    for name, what in QUIET.items():
        loud = [column for column in COLUMNS if _alarms(lab, name, limits[column])]
        by_p = [column for column in loud if limits[column].method in P_VALUES]
        expect(
            not loud,
            found=f"by your thresholds, {_named(loud)} alarms in a month {what}",
            expected="no alarm in such a month: whoever is woken for nothing does not look the next time",
            next_step="take a distance in the place of a p-value, or a far lower limit: with thousands of payments, "
            "p-values flag trifles"
            if by_p
            else f"measure `{loud[0] if loud else ''}` in the months 04 and 05, and put the threshold well above it",
        )


@check(points=1.5, needs=thresholds_are_written)
def drift_is_not_hidden(lab: View, limits: dict[str, Limit]) -> None:
    """By these thresholds, `amount`, `channel` and `score` alarm in three later months that you have not seen, and each
    of the seven columns alarms in a month in which it shifted by as much as the End state's table says.
    """
    for name in AFTER:
        hidden = [column for column in MOVED if not _alarms(lab, name, limits[column])]
        expect(
            not hidden,
            found=f"your thresholds hide the drift of {_named(hidden)} in a month after customers had changed",
            expected="an alarm in each of " + _named(MOVED),
            next_step=_lower(limits, hidden),
        )
    hidden = [column for column in COLUMNS if not _alarms(lab, SHIFTED[column], limits[column])]
    expect(
        not hidden,
        found=f"your thresholds hide drift: {_named(hidden)} does not alarm in a month in which "
        + (SHIFTS[hidden[0]] if hidden else ""),
        expected="an alarm: the End state says what size of drift is worth one",
        next_step=_lower(limits, hidden),
    )


@check(points=1.5)
def reports_name_their_data(lab: View) -> dict[str, DriftReport]:
    """`reports/2025-06.json` and `reports/2025-09.json` are Evidently's reports on the seven columns and no other, and
    `reports/sources.yaml` says for each of the two, by SHA-256 sums, which file the `report` is, that its `reference`
    is January to March, and that its `current` month is `data/2025-06-corrected.csv` or `data/2025-09.csv`.
    """
    reports = {}
    for name, current in REPORTS.items():
        report = reports[name] = lab.drift.report(name)
        _expect_columns(report)
        _expect_spoken(lab, report, lab.drift.speaks_of(name), current)
    return reports


def _expect_columns(report: DriftReport) -> None:
    columns = [each.column for each in report.columns]
    missing = [column for column in COLUMNS if column not in columns]
    expect(
        not missing,
        found=f"`{report.path}` says nothing of {_named(missing)}",
        expected=f"`ValueDrift` for each of {', '.join(COLUMNS)}",
        next_step="name all seven in the `DataDefinition`, or in the preset's `columns`, and run the report again",
    )
    extra = [column for column in dict.fromkeys(columns) if column not in COLUMNS]
    expect(
        not extra,
        found=f"`{report.path}` counts {_named(extra)} as well",
        expected="the seven columns: identifiers and times are new in each month, and drift whatever happens",
        next_step="name only the seven in the `DataDefinition`, or in the preset's `columns`, and run the report again",
    )


def _expect_spoken(lab: View, report: DriftReport, spoken: Spoken, current: str) -> None:
    known = {digest: path for path, digest in lab.fixtures.items()}
    again = f"run `sha256sum data/*.csv reports/*.json`, and mend `{report.name}` in `{lab.drift.manifest}`"
    expect(
        spoken.report == report.sha256,
        found=f"`{lab.drift.manifest}` has another SHA-256 sum for the report on {report.name} than the report",
        expected="the sum of the report as it is now: it was made again, or changed, after the manifest was written",
        next_step=again if spoken.report else f"add `report` to `{report.name}` in `{lab.drift.manifest}`",
    )
    wanted = {lab.fixtures[path] for path in REFERENCE}
    said = _files(spoken.reference, known)
    swapped = set(spoken.current) == wanted and set(spoken.reference) == {lab.fixtures[current]}
    expect(
        not swapped,
        found=f"`{report.name}`: reference and current data have changed places",
        expected="January to March as the reference, and the month as the current data",
        next_step="call `Report(...).run(current, reference)` in this order, and mend the manifest",
    )
    expect(
        set(spoken.reference) == wanted,
        found=f"`{report.name}`: the reference is {said}",
        expected="the sums of " + _named(REFERENCE),
        next_step=again,
    )
    first = current != FIRST and report.name == FIRST[5:12] and set(spoken.current) == {lab.fixtures[FIRST]}
    expect(
        not first,
        found=f"`{report.name}`: an old report, on the first delivery `{FIRST}`",
        expected=f"a report on `{current}`, which has taken its place",
        next_step=f"run the report on `{current}`, and write its sum into `{lab.drift.manifest}`",
    )
    expect(
        set(spoken.current) == {lab.fixtures[current]},
        found=f"`{report.name}`: a report on other data: current is {_files(spoken.current, known)}",
        expected=f"the sum of `{current}` as it was given to you",
        next_step=again,
    )


@check(points=2, needs=reports_name_their_data)
def reports_are_true(lab: View, reports: dict[str, DriftReport]) -> dict[str, DriftReport]:
    """Each drift value in both reports is the one that the checker computes itself, by the method that stands beside
    it, from all rows of the files that the report names, with the scores of `scorecard.json`.
    """
    for report in reports.values():
        figures: Figures = {
            (each.of, each.column, each.method): each for each in lab.proofs.drift if each.name == report.name
        }
        for each in report.columns:
            _expect_method(
                each.method,
                each.column,
                f"`{report.path}` has for `{each.column}`",
                "take the method of `thresholds.yaml`, and run the report again",
            )
        wrong = [each for each in report.columns if not agrees(each, figures.get(("asked", each.column, each.method)))]
        if wrong:
            _refuse(report, wrong, figures)
        lying = [each for each in report.columns if contradicts(each)]
        if lying:
            suspect(f"{report.path}: the test of {lying[0].column} says the opposite of its value")
            fail(
                found=f"`{report.path}`: the test of `{lying[0].column}` says the opposite of its value and threshold",
                expected="a report as Evidently wrote it",
                next_step="run the report again, and leave it as it is",
            )
    return reports


def _refuse(report: DriftReport, wrong: list[ColumnDrift], figures: Figures) -> None:
    """Say of the values that are not those of the right data of which they are, as far as that can be told."""

    def fits(of: str) -> bool:
        return all(agrees(each, figures.get((of, each.column, each.method))) for each in report.columns)

    again = f"run the report again on all rows of `{REPORTS[report.name]}`, save it, and renew the manifest"
    shown = _named([each.column for each in wrong])
    if fits("replaced"):
        fail(
            found=f"`{report.path}` is an old report: its values are those of the first delivery, `{FIRST}`",
            expected=f"the values of `{REPORTS[report.name]}`, which the manifest names",
            next_step=again,
        )
    if fits("other"):
        fail(
            found=f"`{report.path}` is a report on other data: its values are those of another month",
            expected=f"the values of `{REPORTS[report.name]}`, which the manifest names",
            next_step=again,
        )
    if fits("swapped"):
        fail(
            found=f"`{report.path}`: reference and current data have changed places ({shown})",
            expected="January to March as the reference, and the month as the current data",
            next_step="call `Report(...).run(current, reference)` in this order, and save the report again",
        )
    if [each.column for each in wrong] == ["score"]:
        fail(
            found=f"`{report.path}`: the drift of `score` is not that of the scores that `scorecard.json` gives",
            expected="for each payment, the sum of the points of its five fields",
            next_step="compare your scores with the example in task 1, and run the report again",
        )
    if len(wrong) < len(COLUMNS) / 2:
        suspect(f"{report.path}: the values of {shown} are not those of the data, all others are")
    fail(
        found=f"`{report.path}`: the drift of {shown} is not what the checker computes from the files that it names",
        expected="the values that Evidently computes: no sample of the rows, and no edited number",
        next_step=again,
    )


@check(points=1, needs=(drift_is_not_hidden, quiet_months_stay_quiet, thresholds_are_written, reports_are_true))
def september_alarms_and_june_does_not(
    lab: View, _: None, __: None, limits: dict[str, Limit], reports: dict[str, DriftReport]
) -> None:
    """Both reports use the methods and thresholds of `thresholds.yaml`; by them, `amount`, `channel` and `score`
    drifted in September, and no column did in June.
    """
    for report in reports.values():
        for each in report.columns:
            limit = limits[each.column]
            same = each.threshold is not None and math.isclose(each.threshold, limit.threshold or 0, rel_tol=1e-6)
            expect(
                each.method == limit.method and same,
                found=f"`{report.path}` judges `{each.column}` by {_shown(each.method, each.threshold)}, and "
                f"`thresholds.yaml` has {_shown(limit.method, limit.threshold)}",
                expected="the same method and threshold in both",
                next_step="hand the thresholds to Evidently (`method` and `threshold` of `ValueDrift`, or "
                "`per_column_method` and `per_column_threshold` of the preset), and run the report again",
            )
    loud = {name: {each.column for each in report.columns if alarmed(each)} for name, report in reports.items()}
    still = [column for column in MOVED if column not in loud["2025-09"]]
    expect(
        not still,
        found=f"by your thresholds, {_named(still)} did not drift in September",
        expected="drift in " + _named(MOVED),
        next_step=_lower(limits, still),
    )
    woken = [column for column in COLUMNS if column in loud["2025-06"]]
    expect(
        not woken,
        found=f"by your thresholds, {_named(woken)} drifted in June",
        expected="no drift in June, once its amounts are in euros",
        next_step="put these thresholds higher, above what quiet months show, and run both reports again",
    )


@check(points=1)
def months_are_profiled(lab: View) -> None:
    """`profiles/2025-01.bin`, `2025-02.bin`, `2025-03.bin`, `2025-06.bin` (of the corrected delivery) and `2025-09.bin`
    are whylogs profiles of all rows of these months, with the seven columns: numbers of rows and of missing values,
    smallest and largest value, mean and number of different values are right.
    """
    for path in MONTHLY:
        _expect_profile(lab, path)


@check(points=0.5, needs=months_are_profiled)
def reference_is_merged(lab: View, _: None) -> None:
    """`profiles/reference.bin` is one profile of January, February and March together."""
    _expect_profile(lab, MERGED)


def _expect_profile(lab: View, path: str) -> None:
    profile = next((each for each in lab.proofs.profiles if each.path == path), None)
    if profile is None:
        raise LookupError(f"no proof of the profile {path!r}")
    merging = path == MERGED
    again = "merge the profiles of the three months, and write the result" if merging else "do task 2"
    expect(
        profile.problem is None,
        found=f"`{path}` {profile.problem}",
        expected="a profile as whylogs writes it",
        next_step=again if profile.problem == "is not there" else f"write `{path}` again: {again}",
    )
    found = {each.column: each for each in profile.found}
    missing = [column for column in COLUMNS if column not in found]
    expect(
        not missing,
        found=f"`{path}` says nothing of {_named(missing)}",
        expected="all seven columns, `score` among them",
        next_step=f"profile the table with its scores, then write `{path}` again",
    )
    rows = {each.rows for each in profile.true}
    counted = {found[column].rows for column in COLUMNS}
    expect(
        counted == rows,
        found=f"`{path}` has seen {' or '.join(str(each) for each in sorted(counted)[:3])} rows",
        expected=f"{max(rows)}: every row once, and no sample",
        next_step=again if merging else f"profile the whole file, then write `{path}` again",
    )
    for true in profile.true:
        if wrong := wrong_figure(found[true.column], true):
            fail(
                found=f"`{path}`: {wrong} of `{true.column}` is not that of the file",
                expected=_what(profile),
                next_step="profile the valid file, with the scores of `scorecard.json`, then write it again",
            )


def _what(profile: ProfileRead) -> str:
    month = profile.path.removeprefix("profiles/").removesuffix(".bin")
    file = REPORTS.get(month, f"data/{month}.csv")
    return "the figures of the three months together" if profile.path == MERGED else f"the figures of `{file}`"


def _alarms(lab: View, case: str, limit: Limit) -> bool:
    """Return whether the grader's own figure of a month alarms; nothing can where the method does not suit."""
    figure = next(
        (each for each in lab.proofs.drift if (each.of, each.name, each.column) == ("case", case, limit.column)), None
    )
    if figure is None or limit.threshold is None:
        raise LookupError(f"no figure of {limit.column!r} in {case!r}")
    return bool(figure.values) and alarms(limit.method, figure.values[0], limit.threshold)


def _lower(limits: dict[str, Limit], columns: list[str]) -> str:
    if any(limits[column].method == "mannw" for column in columns):
        return "take another method: Evidently asks `mannw` only whether values became larger"
    return (
        "make the change of the End state in a quiet month, measure the column, and put the threshold well below that"
    )


def _files(digests: tuple[str, ...], known: dict[str, str]) -> str:
    """Return which files these sums are of, in words."""
    names = [f"`{known[each]}`" if each in known else "a file that was not given to you" for each in digests]
    return ", ".join(dict.fromkeys(names)) if names else "not given as SHA-256 sums"


def _shown(method: str, threshold: float | None) -> str:
    return f"`{clean(method, 60)}` with {'no threshold' if threshold is None else f'{threshold:g}'}"


def _named(names: list[str] | tuple[str, ...]) -> str:
    return clean(", ".join(f"`{each}`" for each in names), 200)
