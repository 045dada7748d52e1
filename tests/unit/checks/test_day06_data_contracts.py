"""The checks of day 6 over what a perfect gate would have written, and over what others write."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.checks import day06_data_contracts as day06
from checker.evidence import Evidence, Identity
from checker.evidence.files import FileRecord, Files
from checker.evidence.proofs import CommandRun, Proofs
from checker.planted.day06_data_contracts import PLANTS
from checker.recipes import find_dirt, make_table
from checker.runner import load_checks, run_checks
from tests.support import COURSE

LAB = COURSE.find("6")
PROOF = LAB.proofs.commands[0]
KEY = b"k" * 32
STARTED = datetime(2026, 9, 1, 12, tzinfo=UTC)
INCOMING = "incoming/month.csv"
SCHEMA = "columns:\n" + "".join(f"  {name}: {{dtype: str}}\n" for name in day06.COLUMNS)
SUITE = {
    "name": "s",
    "meta": {"version": "1", "owner": "somebody"},
    "expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1000}}],
}


def written(header, rows):
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def answered(text, spoilt, decision, reasons=(), warnings=()):
    """What a perfect gate writes."""
    header, *rows = list(csv.reader(io.StringIO(text)))
    kinds = {number: kind for kind, numbers in spoilt.items() for number in numbers}
    why = {number: f"{day06.AT_FAULT.get(kind, 'amount')}: wrong" for number, kind in kinds.items()}
    if decision == "stopped":
        why = dict.fromkeys(range(len(rows)), "month stopped")
    bad = [[*row, why[number]] for number, row in enumerate(rows) if number in why]
    good = [row for number, row in enumerate(rows) if number not in why]
    report = {"decision": decision, "accepted": len(good), "quarantined": len(bad)}
    report |= {"reasons": list(reasons), "warnings": list(warnings)}
    return {
        "out/accepted.csv": written(header, good),
        "out/quarantine.csv": written([*header, "reason"], bad),
        "out/report.json": json.dumps(report),
    }


def perfect(case, text, spoilt):
    if case in day06.BAD:
        return CommandRun(
            command="gate", case=case, status=1, inputs={INCOMING: text} if text else {}, spoilt={INCOMING: spoilt},
            outputs=answered(text or "a\n", spoilt, "stopped", [f"amount of channel online: {case}"]),
        )  # fmt: skip
    if case == "impossible-rule":
        outputs, status = answered(text, {}, "stopped", ["rows"]), 1
    elif case == "other-contract":
        rows = list(csv.DictReader(io.StringIO(text)))
        banned = tuple(number for number, row in enumerate(rows) if row["merchant_category"] == day06.BANNED)
        outputs, status = answered(text, {"unknown_category": banned}, "accepted", (), ["rows"]), 0
    else:
        outputs, status = answered(text, spoilt, "accepted"), 0
    return CommandRun(
        command="gate", case=case, status=status, inputs={INCOMING: text}, spoilt={INCOMING: spoilt}, outputs=outputs
    )


@pytest.fixture(scope="module")
def world():
    """Case -> (what came in, what is wrong with it)."""
    found = {}
    for name, case in PROOF.cases.items():
        recipe = case.data.get(INCOMING)
        if recipe is None:
            found[name] = ("", {})
        else:
            found[name] = (make_table(recipe, 7, KEY).to_csv().decode(), find_dirt(recipe, 7, KEY))
    return found


def replayed(text, spoilt):
    header, *rows = list(csv.reader(io.StringIO(text)))
    bad = {number for kind, numbers in spoilt.items() if kind != "cents" for number in numbers}
    for number in spoilt["cents"]:
        rows[number][8] = str(float(rows[number][8]) / 100)
    return written(header, [row for number, row in enumerate(rows) if number not in bad])


@pytest.fixture(scope="module")
def runs(world):
    """Case -> what a perfect gate does there."""
    return {case: perfect(case, *world[case]) for case in PROOF.cases}


@pytest.fixture
def judged(world, runs):
    """Change a perfect gate's runs by case, or its files by path, and return check -> result."""

    def judge(changed=(), files=(), **changes):
        texts = {
            "contract/schema.yaml": SCHEMA,
            "contract/suite.json": json.dumps(SUITE),
            "out/2025-04/accepted.csv": replayed(*world["april"]),
        } | dict(files)
        made = dict(runs)
        for case, change in {**dict(changed), **changes}.items():
            made[case] = made[case].model_copy(update=change)
        evidence = Evidence(
            workspace=Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=STARTED),
            files=Files(
                records=tuple(
                    FileRecord(path=path, size=1, text=text) for path, text in texts.items() if text is not None
                )
            ),
            proofs=Proofs(commands=tuple(made.values())),
        )
        result = run_checks(LAB, load_checks(LAB), evidence)
        assert not [check for check in result.checks if check.outcome == "error"], result
        return {check.name: check for check in result.checks}

    return judge


def failed(found):
    return {name for name, check in found.items() if check.outcome == "failed"}


def test_a_perfect_gate_earns_everything(judged):
    found = judged()
    assert not failed(found)
    assert sum(check.earned for check in found.values()) == 10


@pytest.mark.parametrize(
    "schema",
    [
        None,
        "",
        "columns: []\n",
        "columns: {amount: {dtype: float}}\n",
        "a: &x 1\nb: *x\n",
        "columns: {amount: 3}\n",
        "- 1",
    ],
)
def test_a_schema_that_is_none(judged, schema):
    assert "contract_is_written_down" in failed(judged(files={"contract/schema.yaml": schema}))


@pytest.mark.parametrize(
    "suite",
    [
        None,
        "",
        "[]",
        "{}",
        json.dumps(SUITE | {"expectations": []}),
        json.dumps(SUITE | {"expectations": [1, None]}),
        json.dumps(SUITE | {"expectations": [{"type": 7}]}),
        json.dumps(SUITE | {"meta": None}),
        json.dumps(SUITE | {"meta": {"version": " ", "owner": "x"}}),
    ],
)
def test_a_suite_that_is_none(judged, suite):
    assert "contract_is_written_down" in failed(judged(files={"contract/suite.json": suite}))


def test_values_may_be_written_otherwise(judged, world, runs):
    header, *rows = list(csv.reader(io.StringIO(world["september"][0])))
    spoilt = {number for numbers in world["september"][1].values() for number in numbers}
    good = [row for number, row in enumerate(rows) if number not in spoilt]
    other = [
        [*reversed([*row[:1], row[1].replace("T", " "), *row[2:8], f"{float(row[8]):.1e}", row[9]])] for row in good
    ]
    exact = [[*reversed([*row[:8], str(float(row[8])), f"{row[9]}.0"])] for row in good]
    outputs = runs["september"].outputs
    turned = {"out/accepted.csv": "\ufeff" + written(header[::-1], sorted(exact))}
    assert not failed(judged(september={"outputs": outputs | turned}))
    rounded = {"out/accepted.csv": written(header[::-1], other)}
    assert failed(judged(september={"outputs": outputs | rounded})) == {"nothing_is_lost"}


def without(outputs, path, line=1):
    lines = outputs[path].split("\r\n")
    return outputs | {path: "\r\n".join([*lines[:line], *lines[line + 1 :]])}


@pytest.mark.parametrize("case", ["may", "december", "september", "april", "phone-in-cents"])
def test_a_row_is_lost(judged, runs, case):
    path = "out/quarantine.csv" if case in day06.BAD else "out/accepted.csv"
    outputs = without(runs[case].outputs, path)
    changed = {case: {"outputs": outputs}} | ({"may-again": {"outputs": outputs}} if case == "may" else {})
    assert failed(judged(changed)) == {"nothing_is_lost"}


def test_each_kind_of_dirt_must_be_found_in_each_month(judged, world):
    for case in ("august", "september"):
        text, spoilt = world[case]
        assert set(spoilt) == set(day06.AT_FAULT)
        for kind in spoilt:
            outputs = answered(text, {**spoilt, kind: spoilt[kind][1:]}, "accepted")
            found = judged({case: {"outputs": outputs}})
            assert failed(found) == {"bad_rows_are_quarantined"}, kind
            [message] = found["bad_rows_are_quarantined"].messages
            assert day06.IN_WORDS[kind] in message.found


def test_a_sound_row_in_quarantine(judged, world):
    text, _ = world["december"]
    outputs = answered(text, {"empty_country": (17,)}, "accepted")
    found = judged(december={"outputs": outputs})
    assert failed(found) == {"bad_rows_are_quarantined"}
    assert "1 of 1200 sound rows" in found["bad_rows_are_quarantined"].messages[0].found


def test_the_first_copy_may_be_the_one_in_quarantine(judged, world):
    text, spoilt = world["september"]
    rows = text.splitlines()[1:]
    first = tuple(rows.index(rows[number]) for number in spoilt["duplicate"])
    assert first != spoilt["duplicate"]
    assert not failed(judged(september={"outputs": answered(text, {**spoilt, "duplicate": first}, "accepted")}))


@pytest.mark.parametrize("reason", ["", "bad", "amount timestamp", "amounts", "merchant_id", ", ".join(day06.COLUMNS)])
def test_reasons_that_say_nothing(judged, runs, reason):
    outputs = runs["august"].outputs
    text = outputs["out/quarantine.csv"].replace("amount: wrong", f'"{reason}"')
    found = judged(august={"outputs": outputs | {"out/quarantine.csv": text}})
    assert failed(found) == {"reasons_name_the_column"}
    assert "bad" not in found["reasons_name_the_column"].messages[0].found


@pytest.mark.parametrize("case", day06.BAD)
@pytest.mark.parametrize(
    "change",
    [
        {"status": 0},
        {"status": 2},
        {"status": 1, "outputs": {}},
        {"status": 1, "outputs": {"out/report.json": "[]"}},
        {"status": 1, "outputs": {"out/report.json": '{"decision": ["stopped"]}'}},
        {"status": None, "problem": "it did not answer within 60 seconds"},
    ],
)
def test_a_bad_month_that_is_not_stopped(judged, case, change):
    assert failed(judged({case: change})) == {"bad_months_are_stopped"}


def test_a_stop_without_reasons(judged, world):
    outputs = answered(world["april"][0], {}, "stopped", ["something", 7, None, ""])
    assert failed(judged(april={"outputs": outputs})) == {"bad_months_are_stopped"}


def test_a_month_that_is_dear_and_no_more_need_not_be_stopped(judged, world):
    header, *rows = list(csv.reader(io.StringIO(world["phone-in-cents"][0])))
    for row in rows:
        row[8] = "300.00"
    text = written(header, rows)
    run = perfect("december", text, {}).model_copy(update={"case": "phone-in-cents"})
    assert not failed(judged({"phone-in-cents": dict(run)}))


@pytest.mark.parametrize("case", day06.GOOD)
def test_a_good_month_that_is_stopped(judged, world, case):
    outputs = answered(world[case][0], {}, "stopped", ["expect_table_row_count_to_be_between: " + "x" * 900])
    found = judged({case: {"status": 1, "outputs": outputs}})
    assert failed(found) == {"good_months_pass"}
    assert "expect_table_row_count_to_be_between" in found["good_months_pass"].messages[0].found
    assert "xx" not in str(found["good_months_pass"].messages)


def test_what_differs_from_run_to_run(judged, runs):
    outputs = without(runs["may"].outputs, "out/quarantine.csv")
    assert failed(judged({"may-again": {"outputs": outputs}})) == {"good_months_pass"}


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("impossible-rule", {"status": 0}),
        ("other-contract", {"status": 1}),
        ("other-contract", {"outputs": {"out/report.json": '{"decision": "accepted", "warnings": []}'}}),
        ("other-contract", {"outputs": {"out/report.json": '{"decision": "accepted", "warnings": ["x"]}'}}),
    ],
)
def test_a_gate_that_does_not_read_the_contract(judged, case, change):
    assert failed(judged({case: change})) == {"contract_decides"}


@pytest.mark.parametrize("text", [None, "", "a,b\n1,2\n", "x" * 9, '"' * 1001])
def test_april_that_was_not_replayed(judged, text):
    assert failed(judged(files={"out/2025-04/accepted.csv": text})) == {"april_is_replayed"}


def test_april_without_a_gate_that_can_be_tried(judged):
    """Where nothing was run, the grader has no April to compare with: an empty file is no answer then."""
    nothing = {case: {"problem": "the files are too large", "inputs": {}, "spoilt": {}} for case in PROOF.cases}
    found = judged(nothing, files={"out/2025-04/accepted.csv": ""})
    assert failed(found) == {"good_months_pass", "april_is_replayed"}


def test_april_as_it_was_delivered(judged, world):
    assert failed(judged(files={"out/2025-04/accepted.csv": world["april"][0]})) == {"april_is_replayed"}


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=200),
    st.text(max_size=200),
    st.recursive(st.none() | st.floats() | st.text(), st.lists, max_leaves=5),
)
def test_no_output_raises(accepted, quarantine, value):
    keys = ("decision", "accepted", "quarantined", "reasons", "warnings")
    for report in (json.dumps(dict.fromkeys(keys, value)), json.dumps(value), accepted):
        outputs = {"out/accepted.csv": accepted, "out/quarantine.csv": quarantine, "out/report.json": report}
        outcome = day06._outcome(CommandRun(command="gate", case="may", status=0, outputs=outputs))
        assert outcome.decision in ("", *day06.DECISIONS)
        assert all(isinstance(each, str) for each in outcome.reasons + outcome.why)


EDITS = [edit for plant in PLANTS.values() for edit in plant.edits.values()]


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=300) | st.sampled_from(["{}", "[]", "columns: 7", "columns: {merchant_category: [1]}", "a: !!x 1"])
)
def test_no_contract_breaks_what_is_planted(text):
    assert all(isinstance(edit(text), str) for edit in EDITS)


def test_what_is_planted_leaves_the_rest_as_it_was():
    import yaml

    edits = PLANTS["other-contract"].edits
    schema = "columns:\n  amount: {dtype: float64, greater_than: 0}\n"
    schema += "  merchant_category: {dtype: str, nullable: false, isin: [a], checks: {isin: [a]}}\ncoerce: true\n"
    assert yaml.safe_load(edits["contract/schema.yaml"](schema)) == {
        "columns": {
            "amount": {"dtype": "float64", "greater_than": 0},
            "merchant_category": {"dtype": "str", "nullable": False, "notin": ["travel"]},
        },
        "coerce": True,
    }
    suite = json.loads(edits["contract/suite.json"](json.dumps(SUITE)))
    assert (suite["name"], suite["meta"], len(suite["expectations"])) == ("s", SUITE["meta"], 2)
    suite = json.loads(PLANTS["impossible-rule"].edits["contract/suite.json"](json.dumps(SUITE)))
    assert suite["expectations"][0] == SUITE["expectations"][0]
    assert len(suite["expectations"]) == 2
