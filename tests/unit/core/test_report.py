"""The same verdict for a terminal, a program and continuous integration."""

import io
import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.magic import Verdict
from checker.report import render, terminal
from checker.report.junit import to_junit
from checker.result import CheckResult, Doubt, LabResult, Message, Report, json_schema
from tests.support import ROOT

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PASSED = CheckResult(name="a", description="A.", outcome="passed", points=2, earned=2)
FAILED = CheckResult(
    name="b", description="B.", outcome="failed", points=3, earned=1,
    messages=(Message(found="<b>x</b>", expected="y & z", next_step="do [bold]it[/bold]"),),
)  # fmt: skip
BLOCKED = CheckResult(name="c", description="C.", outcome="blocked", points=1, blocked_by="b")
ERROR = CheckResult(
    name="d", description="D.", outcome="error", points=1, messages=(Message(found="down", next_step="up"),)
)


def lab(*checks, **more):
    return LabResult(day=3, lab="day03-x", title="Title", graded=NOW, checks=checks, **more)


def report(*results):
    return Report(results=results)


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([lab(PASSED)], 0),
        ([lab(PASSED, FAILED)], 1),
        ([lab(PASSED, ERROR)], 3),
        ([lab(FAILED), lab(ERROR)], 3),
        ([lab(skipped="needs kind")], 0),
        ([lab(PASSED), lab(skipped="needs kind"), lab(FAILED)], 1),
    ],
)
def test_exit_status(results, status):
    assert report(*results).exit_status == status


def test_an_error_is_never_a_zero_nor_full_marks():
    result = lab(PASSED, ERROR)
    assert (result.outcome, result.earned, result.possible) == ("error", 2, 3)
    assert "not yours" in terminal.to_text(report(result))


def test_json_follows_its_schema_and_comes_back():
    made = report(lab(PASSED, FAILED, BLOCKED, ERROR, doubts=(Doubt(level="suspect", check="a", reason="r"),)))
    data = json.loads(made.model_dump_json())
    jsonschema.validate(data, json_schema())
    assert data["schema_version"] == 1
    assert data["results"][0]["integrity"] == "suspect"
    assert json.loads((ROOT / "checker/report/report.schema.json").read_text()) == json_schema()


def test_text_has_all_three_parts_and_no_markup_is_obeyed():
    text = terminal.to_text(report(lab(PASSED, FAILED, BLOCKED, ERROR)))
    for words in ("<b>x</b>", "y & z", "do [bold]it[/bold]", "waits for: b", "passed", "failed", "blocked", "error"):
        assert words in text
    assert "\x1b" not in text


@pytest.mark.parametrize("variable", ["NO_COLOR", "TERM"])
def test_no_colour_is_honoured(monkeypatch, variable):
    monkeypatch.setenv("NO_COLOR", "1")
    out = terminal.console(io.StringIO())
    assert out.no_color


def test_junit_counts():
    suite = ET.fromstring(to_junit(report(lab(PASSED, FAILED, BLOCKED, ERROR)))).find("testsuite")
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "1"]
    assert suite.find("testcase[@name='b']/failure").get("message") == "<b>x</b>"


@given(st.text(max_size=200))
def test_any_text_makes_well_formed_reports(text):
    from checker.text import clean

    message = Message(found=clean(text), expected=clean(text), next_step=clean(text))
    made = report(
        lab(
            FAILED.model_copy(update={"messages": (message,)}),
            doubts=(Doubt(level="tampered", check="b", reason=clean(text)),),
        )
    )
    ET.fromstring(to_junit(made))
    json.loads(made.model_dump_json())
    terminal.to_text(made)
    html = Verdict(json.loads(made.model_dump_json())["results"])._repr_html_()
    assert "<script" not in html.lower()


def test_the_notebooks_table_escapes_and_tells():
    html = Verdict(json.loads(report(lab(PASSED, FAILED, BLOCKED)).model_dump_json())["results"])._repr_html_()
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "<b>next:</b> do [bold]it[/bold]" in html
    assert "3 of 6 marks" in html
    coded = lab(PASSED.model_copy(update={"description": "`a < b` and ` alone."}))
    html = Verdict(json.loads(report(coded).model_dump_json())["results"])._repr_html_()
    assert "<code>a &lt; b</code> and ` alone." in html
    assert repr(Verdict([], "no workspace")) == "no workspace"


def test_a_report_is_written_whole(tmp_path):
    target = tmp_path / "out.json"
    render(report(lab(PASSED)), "json", target)
    assert json.loads(target.read_text())["results"][0]["outcome"] == "passed"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
