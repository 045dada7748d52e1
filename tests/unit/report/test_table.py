"""CSV as Canvas and Moodle import it, and safe in a spreadsheet."""

import csv
import io
import tempfile
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.report.table import write_table
from tests.unit.report.synthetic import NOON, SETTINGS, check, filled, ledger, row

DAYS = {1: "day01-notebook-to-production", 3: "day03-data-versioning"}
OPEN = check("b", "error")


@pytest.fixture
def written(tmp_path):
    def write(rows, layout, settings=SETTINGS, roster=()):
        with filled(tmp_path / "results.db", rows) as store:
            file = io.StringIO(newline="")
            write_table(ledger(store, settings, roster=roster), layout, file)
        return file.getvalue()

    return write


def test_canvas_has_its_columns_and_the_points_possible(written):
    rows = [row("ada", 1), row("ada", 3, check("a"), check("b", "failed", 3.0, 0.5)), row("bob", 3, status="refused")]
    assert written(rows, "canvas") == (
        f"Student,ID,SIS User ID,SIS Login ID,Section,{DAYS[1]},{DAYS[3]}\r\n"
        "    Points Possible,,,,,4,5\r\n"
        "ada,,,ada,,4,2.5\r\n"
        "bob,,,bob,,,\r\n"
    )
    number = SETTINGS.model_copy(update={"learners_are": "number"})
    assert "ada,,ada,,,4,2.5\r\n" in written([], "canvas", number)


def test_who_handed_nothing_in_has_a_row_too(written):
    rows = [row("bob", 1), row("bob", 3), row("zoë", 3)]
    text = written(rows, "moodle", roster=("zoë", "ada", "bob", "mia"))
    body = [line.split(",") for line in text.splitlines()[1:]]
    assert body == [["ada", "-", "-"], ["bob", "4", "4"], ["mia", "-", "-"], ["zoë", "-", "4"]]


def test_nobody_is_taken_for_the_row_of_points(written):
    assert "Points Possible,,,Points" not in written([row("Points Possible", 3)], "canvas")
    assert "points possible,,,Points Possible,,4" in written([], "canvas")


@pytest.mark.parametrize(
    ("learners_are", "header"), [("login", "Username"), ("email", "Email address"), ("number", "ID number")]
)
def test_moodle_has_one_column_that_identifies_and_a_dash_for_no_grade(written, learners_are, header):
    rows = [row("ada@example.org", 1), row("ada@example.org", 3, status="error"), row("", 3)]
    text = written(rows, "moodle", SETTINGS.model_copy(update={"learners_are": learners_are}))
    assert text == f"{header},{DAYS[1]},{DAYS[3]}\r\nada@example.org,4,-\r\n"


def test_what_is_open_is_no_grade_and_late_marks_are_less(written):
    late = row("bob", 3, received=NOON + timedelta(days=3))
    rows = [row("ada", 3, check("a"), OPEN), late]
    assert [line[-1] for line in csv.reader(io.StringIO(written(rows, "moodle")))] == [DAYS[3], "-", "3.6"]
    plain = list(csv.DictReader(io.StringIO(written([], "plain"))))
    assert [(line["status"], line["marks"], line["raw"], line["lost"]) for line in plain] == [
        ("open", "2", "2", "0"),
        ("graded", "3.6", "4", "0.1"),
    ]


@settings(deadline=None, max_examples=80)
@given(
    st.sets(st.text(st.characters(), min_size=1, max_size=20) | st.sampled_from(
        ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", 'a"b', "a,b", "a\r\nb", "\u202e=1"]  # noqa: RUF001
    ), min_size=1, max_size=6),
    st.sampled_from(["canvas", "moodle", "plain"]),
)  # fmt: skip
def test_any_name_stays_in_its_cell_and_is_no_formula(names, layout):
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(name, 3, status="refused", reason=name) for name in names]
        with filled(Path(folder) / "results.db", rows) as store:
            file = io.StringIO(newline="")
            write_table(ledger(store, now=datetime(2026, 1, 1, tzinfo=UTC)), layout, file)
    text = file.getvalue()
    assert {each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs")} <= set("\r\n")
    table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len({len(line) for line in table}) == 1
    heads = 2 if layout == "canvas" else 1
    shown = len({name for name in names if name.strip()}) if layout == "moodle" else len(names)
    assert len(table) <= heads + len(names) and len(table) >= heads + min(1, shown) - 1
    for line in table[heads:]:
        for cell in line:
            assert not cell.strip().startswith(("=", "+", "@", "＝")) and (cell == "-" or not cell.startswith("-"))  # noqa: RUF001
