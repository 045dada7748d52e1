"""Day 6: a gate that keeps a contract: bad rows are put aside with a reason, a bad month is stopped as a whole."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from checker.check import check, expect, fail
from checker.evidence import View
from checker.evidence.foreign import ForeignText, mapping, parse_json, sequence
from checker.evidence.proofs import CommandRun
from checker.text import clean, plural
from checker.world.facts import TRANSACTION_COLUMNS as COLUMNS

SCHEMA, SUITE, REPLAYED = "contract/schema.yaml", "contract/suite.json", "out/2025-04/accepted.csv"
INCOMING = "incoming/month.csv"
REASON = "reason"
AT_FAULT = {
    "duplicate": "transaction_id",
    "negative_amount": "amount",
    "timestamp_outside_month": "timestamp",
    "unknown_category": "merchant_category",
    "empty_country": "country",
}
IN_WORDS = {
    "duplicate": "delivered twice",
    "negative_amount": "with a negative amount",
    "timestamp_outside_month": "with a timestamp outside the month",
    "unknown_category": "with a category that does not exist",
    "empty_country": "without a country",
}
GOOD = {"may": "2025-05", "august": "2025-08", "september": "2025-09", "december": "2025-12"}
BAD = {
    "april": ("2025-04 as it was delivered", "amount"),
    "online-in-cents": ("2025-10 with cents in the channel `online`", "amount"),
    "phone-in-cents": ("2025-06 with cents in the channel `phone`", "amount"),
    "many-bad-rows": ("a month in which every fourth row has no country", ""),
    "few-rows": ("a month of 500 rows", ""),
    "column-is-missing": ("a month without the column `channel`", "channel"),
    "no-rows": ("a month with a header and no rows", ""),
}
CENTS = {"april": "online", "online-in-cents": "online", "phone-in-cents": "phone"}
LEAST_MEAN_IN_CENTS = 400
DECISIONS = ("accepted", "stopped")
SHOWN = "may"
"""The one good month that is not held out: of the others, nothing is quoted that stands in a file of the learner's."""
BANNED = "travel"
"""What the schema that is planted refuses among the categories, while it lets any other through."""
MENDED_FROM, MENDED_UNTIL, MENDED_CHANNEL = "2025-04-15", "2025-05-01", "online"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.IGNORECASE)
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.0+)?")
Row = tuple[str, ...]
LONGEST_NUMBER = 40


@check(points=1)
def contract_is_written_down(lab: View) -> None:
    """The contract is data: `contract/schema.yaml` is a Pandera schema, as `to_yaml` writes it, with all ten columns;
    `contract/suite.json` is a suite of Great Expectations, the JSON of its `to_json_dict()`, with expectations, and
    with a `version` and an `owner` in its `meta`.
    """
    step = f"build the schema and write it with `schema.to_yaml('{SCHEMA}')`"
    schema = mapping(lab.files.read_yaml(SCHEMA, step))
    columns = mapping(schema.get("columns"))
    missing = [name for name in COLUMNS if not isinstance(columns.get(name), dict)]
    expect(
        not missing,
        found=f"`{SCHEMA}` says nothing of {', '.join(f'`{name}`' for name in missing)}",
        expected="under `columns`, an entry for each of the ten columns of a month",
        next_step=step,
    )
    step = f"build the suite and write `json.dumps(suite.to_json_dict())` to `{SUITE}`"
    suite = mapping(lab.files.read_json(SUITE, step))
    rules = [mapping(each) for each in sequence(suite.get("expectations"))]
    kinds = [each.get("type") for each in rules]
    expect(
        rules and all(isinstance(kind, str) and kind.startswith("expect_") for kind in kinds),
        found=f"`{SUITE}` has {plural(len(rules), 'expectation')}"
        + ("" if not rules else f", of the types {clean(', '.join(map(str, kinds)), 160)}"),
        expected="`expectations`, each with a `type` such as `expect_table_row_count_to_be_between`",
        next_step=step,
    )
    meta = mapping(suite.get("meta"))
    absent = [name for name in ("version", "owner") if not str(meta.get(name) or "").strip()]
    expect(
        not absent,
        found=f"the `meta` of `{SUITE}` has no {' and no '.join(f'`{name}`' for name in absent)}",
        expected="which version of the contract this is, and who answers for it",
        next_step="give the suite `meta={'version': '1.0.0', 'owner': ...}`, and write it again",
    )


@check(points=1, needs=contract_is_written_down)
def good_months_pass(lab: View, _: None) -> dict[str, Outcome]:
    """`python -m gate MONTH INCOMING OUT` ends with status 0 for months that are as they shall be, with
    `"decision": "accepted"` in `OUT/report.json`. Four months that you never saw are tried, of spring, summer and
    winter, and one of them twice, with the same result.
    """
    outcomes = {}
    for case, month in GOOD.items():
        run = lab.proofs.command("gate", case)
        outcome = outcomes[case] = _outcome(run)
        if run.status == 0 and outcome.decision == "accepted":
            continue
        blamed = [kind for kind in _kinds(lab) if any(kind in reason for reason in outcome.reasons)]
        fail(
            found=f"for {month}, a good month, the gate ends with status {run.status}, and {outcome.said}"
            + (f"; the reasons name {clean(', '.join(blamed), 250)}" if blamed else "")
            + ("" if outcome.decision else f"; the end of what it printed: {_last_line(run)}"),
            expected='status 0 and `"decision": "accepted"`: honest months differ, since people and fraudsters change',
            next_step="widen the rule to what the table under End state says of good months, and try "
            "`python -m gate 2025-07 incoming/2025-07.csv out/2025-07`"
            if outcome.decision
            else "try `python -m gate 2025-03 incoming/2025-03.csv out/2025-03`",
        )
    again = _outcome(lab.proofs.command("gate", "may-again"))
    expect(
        (again.bag_accepted, again.bag_quarantined, again.decision)
        == (outcomes["may"].bag_accepted, outcomes["may"].bag_quarantined, "accepted"),
        found="the same month, given twice, is parted in two ways",
        expected="the same rows in the same files each time",
        next_step="look for what depends on the time or on chance",
    )
    return outcomes


@check(points=1, needs=good_months_pass)
def nothing_is_lost(lab: View, outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    """For each month, accepted or stopped, `OUT/accepted.csv` and `OUT/quarantine.csv` together hold every row that
    came in as often as it came in, with the values that it had (a number may be written otherwise, `12.5` for
    `12.50`). `accepted.csv` has the columns of the input and no other, `quarantine.csv` has these and `reason`, and
    `report.json` has the numbers of rows in both, as `accepted` and `quarantined`. Of a month that is stopped, all
    rows are in quarantine.
    """
    bad = {case: _outcome(lab.proofs.find_command("gate", case)) for case in BAD}
    for case, outcome in (outcomes | bad).items():
        if not outcome.decision:
            continue  # a gate that broke down is another check's business
        month = GOOD[case] if case in GOOD else BAD[case][0]
        _right_columns(outcome, month)
        came, left = Counter(outcome.came), Counter(outcome.accepted) + Counter(outcome.quarantined)
        lost, new = (came - left).total(), (left - came).total()
        expect(
            not lost and not new,
            found=f"of {month}, {plural(len(outcome.came), 'row')} came in; in `accepted.csv` and `quarantine.csv` "
            f"together, {lost} of them are missing, and there are {new} that did not come in",
            expected="each row in one of the two, as often as it came; of a month that is stopped, all in quarantine",
            next_step="write every row that is not accepted to `quarantine.csv`, with the values that came in: read "
            "with `dtype=str, keep_default_na=False`, and nothing is converted on its way",
        )
        counts = (len(outcome.accepted), len(outcome.quarantined))
        expect(
            outcome.counts == counts,
            found=f"of {month}, `report.json` has other numbers for `accepted` and `quarantined` than the files, which "
            f"have {counts[0]} and {counts[1]} rows",
            expected="the numbers of rows in the two files",
            next_step="write the numbers after the files, from the same tables",
        )
    return bad


@check(points=2, needs=(good_months_pass, nothing_is_lost))
def bad_rows_are_quarantined(lab: View, outcomes: dict[str, Outcome], _: dict[str, Outcome]) -> None:
    """In good months, each row that breaks a rule of the End state's table is in `OUT/quarantine.csv`, and every other
    row in `OUT/accepted.csv`. Of a record that was delivered twice, one copy is accepted.
    """
    for case, outcome in outcomes.items():
        accepted, came = Counter(outcome.accepted), Counter(outcome.came)
        for kind, numbers in outcome.spoilt.items():
            rows = Counter(outcome.came[number] for number in numbers)
            # A copy is one of a sound record: it may be accepted as often as it came, less the copies.
            allowed = {row: came[row] - rows[row] if kind == "duplicate" else 0 for row in rows}
            through = sum(max(0, accepted[row] - allowed[row]) for row in rows)
            expect(
                not through,
                found=f"of {GOOD[case]}, {through} of {len(numbers)} rows {IN_WORDS.get(kind, kind)} are accepted",
                expected="all of them in quarantine"
                + (": a month goes from its first to its last second" if kind == "timestamp_outside_month" else ""),
                next_step=f"give the schema a rule for `{AT_FAULT.get(kind, 'amount')}`"
                + (", and add what depends on the month in the gate" if kind == "timestamp_outside_month" else "")
                + (" (`unique`, and `report_duplicates`)" if kind == "duplicate" else ""),
            )
        sound = len(outcome.came) - sum(map(len, outcome.spoilt.values()))
        wrongly = sound - len(outcome.accepted)
        expect(
            not wrongly,
            found=f"of {GOOD[case]}, {wrongly} of {sound} sound rows are in quarantine",
            expected="sound rows in `accepted.csv`, and of a record that was delivered twice one copy",
            next_step="look at the reasons that the gate gives for 2025-07, and loosen the rule; for copies, "
            "`report_duplicates='exclude_first'` leaves the first one in peace",
        )


@check(points=1, needs=(good_months_pass, bad_rows_are_quarantined))
def reasons_name_the_column(lab: View, outcomes: dict[str, Outcome], _: None) -> None:
    """In good months, the `reason` of each row in quarantine names the column that is at fault, and no other column:
    `transaction_id` for a record that was delivered twice.
    """
    for case, outcome in outcomes.items():
        kinds = {outcome.came[number]: kind for kind, numbers in outcome.spoilt.items() for number in numbers}
        for row, reason in zip(outcome.quarantined, outcome.why, strict=True):
            column = AT_FAULT.get(kinds.get(row, ""), "")
            named = [name for name in COLUMNS if _names(reason, name)]
            expect(
                named == [column],
                found=f"of {GOOD[case]}, a row {IN_WORDS.get(kinds.get(row, ''), '')} has a reason that names "
                f"{', '.join(f'`{name}`' for name in named) or 'no column'}"
                + (f": {clean(repr(reason), 120)}" if case == SHOWN else ""),
                expected=f"a text with the name `{column}` and no other column's, such as "
                f"`{column}: {'delivered twice' if column == 'transaction_id' else 'what is wrong with it'}`",
                next_step="make the reason of the columns `column` and `check` of Pandera's `failure_cases`",
            )


@check(points=2, needs=nothing_is_lost)
def bad_months_are_stopped(lab: View, outcomes: dict[str, Outcome]) -> None:
    """A month that breaks a rule for the whole is stopped: the gate ends with status 1, nothing is accepted, and
    `OUT/report.json` has `"decision": "stopped"` and `reasons`, a list of texts. Where one channel's amounts are in
    cents from some day on, a reason names `amount`; where a column is missing, one names that column.
    """
    for case, (month, word) in BAD.items():
        run = lab.proofs.find_command("gate", case)
        outcome = outcomes[case]
        if case in CENTS and _mean(outcome, CENTS[case]) < LEAST_MEAN_IN_CENTS:
            continue  # in this world, such a month may still be taken for a dear one
        if run.status == 0 and outcome.decision != "stopped":
            fail(
                found=f"{month} ends with status 0; {outcome.said}, and {plural(len(outcome.accepted), 'row')} of it "
                "are accepted",
                expected="status 1, and no row accepted: which rows are right cannot be told one by one",
                next_step="let the suite look at each channel on its own (`row_condition`), at the number of rows, and "
                "at the share of rows that have a reason",
            )
        if not outcome.decision:
            fail(
                found=f"for {month}, the gate breaks down: status {run.status}, and {outcome.said}"
                + (f"; {run.problem}" if run.problem else f"; the end of what it printed: {_last_line(run)}"),
                expected='status 1 and a report with `"decision": "stopped"`: what is wrong is told, not crashed over',
                next_step="take a file from `incoming/`, spoil it in this way, and run the gate on it",
            )
        expect(
            run.status == 1 and outcome.decision == "stopped" and not outcome.accepted,
            found=f"{month} ends with status {run.status}; {outcome.said}, and {plural(len(outcome.accepted), 'row')} "
            "of it are accepted",
            expected='status 1, `"decision": "stopped"`, and no row accepted',
            next_step="decide for the whole month before anything is written, and end with `sys.exit(1)` where it is "
            "stopped: the status is all that the next job looks at",
        )
        expect(
            any(not word or _names(each, word) for each in outcome.reasons),
            found=f"for {month}, `reasons` in the report has {plural(len(outcome.reasons), 'text')}"
            + (f", none of which names `{word}`" if word else ""),
            expected=f"a text that names `{word}`" if word else "a text that says why",
            next_step="take type and arguments of each expectation that failed into `reasons`, and what Pandera says "
            "of the table as a whole",
        )


@check(points=1, needs=(bad_rows_are_quarantined, bad_months_are_stopped))
def contract_decides(lab: View, *_: None) -> None:
    """What decides is in the two files: with another rule for `merchant_category` in the schema, other rows go to
    quarantine, and with other expectations in the suite, other months are stopped. An expectation of severity
    `critical` stops a month. One of severity `warning` does not; when it fails, it is told in the list `warnings` of
    the report.
    """
    run = lab.proofs.command("gate", "impossible-rule")
    outcome = _outcome(run)
    expect(
        run.status == 1 and outcome.decision == "stopped",
        found=f"with one more expectation in `{SUITE}`, which no month meets (at most 10 rows), a good month ends with "
        f"status {run.status}, and {outcome.said}",
        expected="status 1: the gate reads the suite from the file each time, and uses all that it finds there",
        next_step=f"load it with `gx.ExpectationSuite(**json.loads(...))` from `{SUITE}`, and keep no rule in the code",
    )
    run = lab.proofs.command("gate", "other-contract")
    outcome = _outcome(run)
    expect(
        run.status == 0 and outcome.decision == "accepted",
        found=f"with a suite in `{SUITE}` that has one critical expectation (at least one row) and one with severity "
        f"`warning` (at most 10 rows), a month ends with status {run.status}, and {outcome.said}",
        expected="status 0: whether a month is stopped is for the critical expectations of the suite to say",
        next_step="take limits out of the code, and look at `expectation_config.severity` of the results that failed",
    )
    expect(
        outcome.warnings,
        found="an expectation with severity `warning` failed, and the report has no `warnings`",
        expected="`warnings` in `report.json`: a list with a text for each of them",
        next_step="collect what failed in two lists, by its severity",
    )
    cents = {outcome.came[number] for number in outcome.spoilt.get("cents", ())}
    where = {name: at for at, name in enumerate(outcome.columns)}
    banned = Counter(row for row in outcome.came if row[where["merchant_category"]] == BANNED)
    unknown = Counter(outcome.came[number] for number in outcome.spoilt.get("unknown_category", ()))
    accepted = Counter(outcome.accepted)
    through = (banned & accepted).total()
    held = sum(count - accepted[row] for row, count in unknown.items() if row not in cents)
    expect(
        not through and not held,
        found=f"with a schema in `{SCHEMA}` that refuses the category `{BANNED}` and no other, {through} of "
        f"{banned.total()} rows of this category are accepted, and {held} of {unknown.total()} rows with an unknown "
        "category are in quarantine",
        expected="all of the first in quarantine, and all of the others accepted",
        next_step=f"load the schema with `pa.DataFrameSchema.from_yaml('{SCHEMA}')`, and keep no rule for the category "
        "in the code or the suite",
    )


@check(points=1, needs=contract_is_written_down)
def april_is_replayed(lab: View, _: None) -> None:
    """April is mended and taken in: `out/2025-04/accepted.csv` holds each sound row of `incoming/2025-04.csv` once, and
    the `online` amounts since 15 April in euros.
    """
    step = "mend a copy of `incoming/2025-04.csv`, and run `python -m gate 2025-04 COPY out/2025-04`"
    # The grader's own April is what the learner was given; a gate that breaks down does not matter here.
    run = lab.proofs.find_command("gate", "april")
    columns, came = _table(run.inputs.get(INCOMING, ""))
    expect(
        came,
        found=f"the gate could not be tried: {run.problem}",
        expected="a gate and a contract that can be run",
        next_step="do task 4",
    )
    where = {name: at for at, name in enumerate(columns)}
    spoilt = {number for kind, numbers in _dirt(run).items() if kind != "cents" for number in numbers}
    sound = [row for number, row in enumerate(_rows(columns, came, columns)) if number not in spoilt]
    right = Counter(_mended(row, where) for row in sound)
    lab.files.get(REPLAYED, step)
    header, rows = _table(lab.files.read_text(REPLAYED, step))
    missing = [name for name in columns if name not in header]
    expect(
        not missing,
        found=f"`{REPLAYED}` has {'no column ' + ', '.join(f'`{name}`' for name in missing) if rows else 'no rows'}",
        expected="the rows of April that were accepted after mending",
        next_step=step,
    )
    found = Counter(_rows(header, rows, columns))
    lacking, wrong = (right - found).total(), (found - right).total()
    expect(
        not lacking and not wrong,
        found=f"`{REPLAYED}` lacks {lacking} of {right.total()} rows as they should be, and has {wrong} others",
        expected=f"each sound row once, with its values; amounts of `{MENDED_CHANNEL}` from {MENDED_FROM}T00:00:00 on "
        "divided by 100, and no other amount",
        next_step=step + "; compare means by channel and half of the month",
    )


@dataclass(frozen=True)
class Outcome:
    """What came of one run of the gate: the rows that came in and where they went, and what the report says.

    `decision` is empty, and `said` tells why, where there is no report that could be read.
    """

    columns: tuple[str, ...]
    came: list[Row]
    spoilt: Mapping[str, tuple[int, ...]]
    decision: str
    said: str
    counts: tuple[Any, Any]
    reasons: list[str]
    warnings: list[str]
    headers: tuple[list[str], list[str]]
    accepted: list[Row]
    quarantined: list[Row]
    why: list[str]

    @property
    def bag_accepted(self) -> Counter[Row]:
        """The accepted rows, in whatever order."""
        return Counter(self.accepted)

    @property
    def bag_quarantined(self) -> Counter[tuple[Row, str]]:
        """The rows in quarantine with their reasons, in whatever order."""
        return Counter(zip(self.quarantined, self.why, strict=True))


def _outcome(run: CommandRun) -> Outcome:
    columns, came = _table(run.inputs.get(INCOMING, ""))
    columns = columns or list(COLUMNS)
    accepted, quarantined = (_table(run.outputs.get(f"out/{name}.csv", "")) for name in ("accepted", "quarantine"))
    report, said = _report(run)
    decision = report.get("decision")
    return Outcome(
        columns=tuple(columns),
        came=_rows(columns, came, columns),
        spoilt=_dirt(run),
        decision=decision if isinstance(decision, str) and decision in DECISIONS else "",
        said=said,
        counts=(report.get("accepted"), report.get("quarantined")),
        reasons=_texts(report.get("reasons")),
        warnings=_texts(report.get("warnings")),
        headers=(accepted[0], quarantined[0]),
        accepted=_rows(*accepted, columns),
        quarantined=_rows(*quarantined, columns),
        why=[reason for (reason,) in _rows(*quarantined, (REASON,))],
    )


def _dirt(run: CommandRun) -> dict[str, tuple[int, ...]]:
    return dict(run.spoilt.get(INCOMING, {}))


def _report(run: CommandRun) -> tuple[dict[str, Any], str]:
    text = run.outputs.get("out/report.json")
    if text is None:
        return {}, "there is no `report.json`"
    try:
        report = mapping(parse_json(text.removeprefix("\ufeff")))
    except ForeignText as error:
        return {}, f"`report.json` is {error}"
    # What else stands there may quote rows that nobody is to see.
    decision = next((each for each in DECISIONS if each == report.get("decision")), "")
    return report, f"`decision` in the report is {f'`{decision}`' if decision else 'neither `accepted` nor `stopped`'}"


def _texts(value: Any) -> list[str]:
    return [each for each in sequence(value) if isinstance(each, str) and each.strip()]


def _right_columns(outcome: Outcome, month: str) -> None:
    """The check fails where the files have other columns than they should."""
    accepted, quarantined = outcome.headers
    wanted = {"accepted.csv": outcome.columns, "quarantine.csv": (*outcome.columns, REASON)}
    for file, header, rows in (
        ("accepted.csv", accepted, outcome.accepted),
        ("quarantine.csv", quarantined, outcome.quarantined),
    ):
        missing = [name for name in wanted[file] if name not in header]
        more = len(header) + len(missing) - len(wanted[file]) if file == "accepted.csv" else 0
        expect(
            not rows or not (missing or more),
            found=f"of {month}, `{file}` has "
            + (
                f"no column {', '.join(f'`{name}`' for name in missing)}"
                if missing
                else plural(more, "column") + " more"
            ),
            expected="the columns that came in" + (f", and `{REASON}`" if file != "accepted.csv" else ", and no other"),
            next_step="write it with `to_csv(..., index=False)`, from the rows as they came",
        )


def _names(text: str, word: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9_]){word}(?![A-Za-z0-9_])", text) is not None


def _kinds(lab: View) -> list[str]:
    """Return the types of the expectations in the learner's suite."""
    rules = sequence(mapping(lab.files.read_json(SUITE)).get("expectations"))
    return [kind for kind in dict.fromkeys(mapping(each).get("type") for each in rules) if isinstance(kind, str)]


def _table(text: str) -> tuple[list[str], list[list[str]]]:
    """Return header and lines of a CSV."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        lines = [line for line in reader if line]
    except csv.Error:
        return [], []
    return ([name.strip() for name in lines[0]], lines[1:]) if lines else ([], [])


def _rows(header: list[str], rows: list[list[str]], columns: Iterable[str]) -> list[Row]:
    """Return what the cells of these columns mean; what a line lacks is empty."""
    places = [header.index(name) if name in header else len(header) for name in columns]
    return [tuple([_value(row[at]) if at < len(row) else "" for at in places]) for row in rows]


@lru_cache(maxsize=1 << 16)  # what came in stands in what came out as well
def _value(text: str) -> str:
    """Return what a cell means, however it is written."""
    text = text.strip()
    if len(text) < LONGEST_NUMBER and NUMBER.fullmatch(text):
        number = float(text)
        return f"{number:.6f}" if math.isfinite(number) else text
    if found := MOMENT.fullmatch(text):
        return f"{found[1]}T{found[2]}"
    return "" if text.lower() in ("nan", "none", "null", "<na>") else text


def _mended(row: Row, where: Mapping[str, int]) -> Row:
    if row[where["channel"]] != MENDED_CHANNEL or not MENDED_FROM <= row[where["timestamp"]] < MENDED_UNTIL:
        return row
    at = where["amount"]
    return (*row[:at], f"{float(row[at]) / 100:.6f}", *row[at + 1 :])


def _mean(outcome: Outcome, channel: str) -> float:
    where = {name: at for at, name in enumerate(outcome.columns)}
    amounts = [float(row[where["amount"]]) for row in outcome.came if row[where["channel"]] == channel]
    return sum(amounts) / len(amounts) if amounts else 0.0


def _last_line(run: CommandRun) -> str:
    lines: Iterator[str] = (line.strip() for line in reversed(run.printed.splitlines()))
    return clean(next((line for line in lines if line), "nothing was printed"), 200)
