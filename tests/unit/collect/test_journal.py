"""The journal of a deployment is a file that may say anything: read once, bounded, without an exception."""

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.collect.endpoints import LARGEST_RECORD, read_journal
from checker.evidence.services import MOST_CHANGES, Change, Endpoint

LINE = {
    "at": "2026-11-21T14:00:24.597+00:00",
    "event": "rollback",
    "release": None,
    "weights": {"1": 100},
    "shadow": None,
    "before": {"weights": {"2": 100}, "shadow": None},
}


def written(tmp_path, *lines):
    path = tmp_path / "journal.jsonl"
    path.write_text("".join(each if isinstance(each, str) else json.dumps(each) + "\n" for each in lines))
    return read_journal(path)


def test_a_line_is_read_as_the_platform_writes_it(tmp_path):
    [change] = written(tmp_path, LINE)
    assert change == Change(
        at=datetime(2026, 11, 21, 14, 0, 24, 597000, tzinfo=UTC),
        event="rollback",
        weights={"1": 100},
        before={"2": 100},
    )
    endpoint = Endpoint(name="fraud", journal=(change,))
    assert Endpoint.model_validate_json(endpoint.model_dump_json()) == endpoint


@pytest.mark.parametrize(
    "line",
    [
        "no json\n",
        "[1, 2]\n",
        "[" * 5000 + "\n",
        '{"at": "' + "9" * 20000 + '"}\n',
        '{"event": "\\ud800"}\n',
        {"at": "2026-11-21", "event": 5, "release": True, "weights": [1], "before": "x"},
        {"at": "9999-12-31T23:59:59-23:59", "release": 2**80, "weights": {"1": 1e300}},
        {"at": 5, "weights": {"1": -5, "2": 700}, "before": {"weights": {"x" * 5000: 3}}},
    ],
)
def test_a_line_that_says_something_else_is_an_empty_change(tmp_path, line):
    [change] = written(tmp_path, line)
    assert change.at is None and change.release is None and change.weights == {}
    assert len(change.event) <= 100


def test_there_may_be_none(tmp_path):
    assert read_journal(tmp_path / "nothing") == ()
    os.mkfifo(tmp_path / "pipe")
    assert read_journal(tmp_path / "pipe") == ()
    (tmp_path / "link").symlink_to(tmp_path / "journal.jsonl")
    written(tmp_path, LINE)
    assert read_journal(tmp_path / "link") == ()


def test_of_a_long_one_the_end_is_read(tmp_path):
    many = [LINE | {"release": number} for number in range(20_000)]
    found = written(tmp_path, *many)
    assert (tmp_path / "journal.jsonl").stat().st_size > LARGEST_RECORD
    assert [each.release for each in found] == list(range(20_000 - MOST_CHANGES, 20_000))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_raise(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.jsonl")
        path.write_bytes(content)
        for change in read_journal(path):
            assert Change.model_validate_json(change.model_dump_json()) == change
