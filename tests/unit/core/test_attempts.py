"""The record of attempts: a chain that shows what was changed, and never stands in a learner's way."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from checker import attempts
from checker.evidence import Identity
from checker.result import CheckResult, LabResult
from checker.workspace import Workspace


def identity(workspace_id="a" * 32):
    return Identity(lab="day01-x", learner="me", workspace_id=workspace_id, seed=1, started=datetime.now(UTC))


def result(earned=1.0, outcome="failed"):
    check = CheckResult(name="one", description="d", outcome=outcome, points=2, earned=earned)
    return LabResult(day=1, lab="day01-x", title="t", graded=datetime.now(UTC), checks=(check,))


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / ".checker").mkdir()
    return Workspace(tmp_path, identity())


def lines(workspace):
    return (workspace.path / attempts.ATTEMPTS).read_text().splitlines()


def test_attempts_are_read_as_they_were_made(workspace):
    assert attempts.read(workspace) == ()
    attempts.record(workspace, result(0.5))
    attempts.record(workspace, result(2, "passed"))
    first, second = attempts.read(workspace)
    assert (first.number, first.earned, first.possible, first.outcomes) == (1, 0.5, 2, {"one": "failed"})
    assert (second.number, second.outcomes) == (2, {"one": "passed"})


@pytest.mark.parametrize("change", ["edit", "delete", "swap", "repeat"])
def test_from_a_changed_line_on_nothing_is_believed(workspace, change):
    for earned in (0, 1, 2):
        attempts.record(workspace, result(earned))
    told = lines(workspace)
    if change == "edit":
        told[1] = told[1].replace('"earned":1.0', '"earned":2.0')
    elif change == "delete":
        del told[1]
    elif change == "swap":
        told[1], told[2] = told[2], told[1]
    else:
        told.insert(1, told[0])
    (workspace.path / attempts.ATTEMPTS).write_text("\n".join(told) + "\n")
    assert len(attempts.read(workspace)) == (2 if change == "edit" else 1)
    attempts.record(workspace, result())
    assert [past.number for past in attempts.read(workspace)][-1] == len(lines(workspace))


def test_a_line_cut_off_by_a_power_cut_is_dropped_and_the_chain_goes_on(workspace):
    attempts.record(workspace, result())
    with (workspace.path / attempts.ATTEMPTS).open("a") as file:
        file.write('{"number": 2, "gra')
    assert len(attempts.read(workspace)) == 1
    attempts.record(workspace, result())
    assert [past.number for past in attempts.read(workspace)] == [1, 2]


def test_another_workspaces_attempts_do_not_fit(workspace):
    attempts.record(workspace, result())
    assert attempts.read(Workspace(workspace.path, identity("b" * 32))) == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"[]\n", b"null\n", b'{"previous": 1}\n', b"\xff\n", b"[" * 9000 + b"\n", b"x" * (5 << 20), b"{}\n"],
)
def test_foreign_content_is_no_error_and_no_attempt(workspace, content):
    (workspace.path / attempts.ATTEMPTS).write_bytes(content)
    assert attempts.read(workspace) == ()
    attempts.record(workspace, result())
    assert len(attempts.read(workspace)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"earned": 3},
        {"earned": -1},
        {"earned": float("nan")},
        {"possible": 1e9},
        {"number": 7},
        {"graded": "2026-01-01T00:00:00"},
        {"outcomes": {"one": "great"}},
        {"outcomes": {"<b>": "passed"}},
        {"more": 1},
    ],
)
def test_what_no_grade_can_have_been_is_dropped(workspace, wrong):
    attempts.record(workspace, result())
    (line,) = lines(workspace)
    (workspace.path / attempts.ATTEMPTS).write_text(json.dumps(json.loads(line) | wrong) + "\n")
    assert attempts.read(workspace) == ()


def test_the_record_is_bounded(workspace, monkeypatch):
    monkeypatch.setattr(attempts, "MOST_LINES", 3)
    for _ in range(5):
        attempts.record(workspace, result())
    assert len(attempts.read(workspace)) == len(lines(workspace)) == 3


@pytest.mark.parametrize("obstacle", ["no folder", "a folder", "a pipe", "a link", "a linked folder"])
def test_what_cannot_be_written_is_no_error(tmp_path, workspace, obstacle):
    path = workspace.path / attempts.ATTEMPTS
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if obstacle in ("no folder", "a linked folder"):
        path.parent.rmdir()
    if obstacle == "a folder":
        path.mkdir()
    elif obstacle == "a pipe":
        os.mkfifo(path)
    elif obstacle == "a link":
        path.symlink_to(elsewhere / "target")
    elif obstacle == "a linked folder":
        path.parent.symlink_to(elsewhere)
    attempts.record(workspace, result())
    assert attempts.read(workspace) == ()
    assert list(elsewhere.iterdir()) == []


def test_grading_at_the_same_time_loses_no_attempt(workspace):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: attempts.record(workspace, result()), range(24)))
    assert [past.number for past in attempts.read(workspace)] == list(range(1, 25))
