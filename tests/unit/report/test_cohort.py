"""`checker report`, from the command line."""

import contextlib
import sqlite3
import subprocess
import sys

import pytest
from click.testing import CliRunner

from checker.cli import main
from tests.support import ROOT
from tests.unit.report.synthetic import check, filled, row


@pytest.fixture
def report(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_LABS_COURSE", str(ROOT))
    filled(tmp_path / "results.db", [row("ada", 3, check("a", points=10.0))]).close()
    return lambda *arguments: CliRunner().invoke(main, ["report", str(tmp_path), *arguments])


def test_pages_and_a_table_are_written(report, tmp_path):
    done = report("--html", str(tmp_path / "out"), "--csv", "plain", "-o", str(tmp_path / "marks.csv"))
    assert done.exit_code == 0, done.output
    assert str(tmp_path / "out" / "index.html") in done.output
    assert (tmp_path / "out" / "index.html").is_file()
    assert "ada,3,day03-data-versioning,graded,10,10" in (tmp_path / "marks.csv").read_text()


def test_a_table_without_a_file_is_printed(report):
    assert report("--csv", "moodle").stdout_bytes == b"Username,day03-data-versioning\r\nada,10\r\n"


@pytest.mark.parametrize("arguments", [(), ("-o", "x.csv"), ("--csv", "excel")])
def test_wrong_usage_is_told(report, arguments):
    assert report(*arguments).exit_code == 2


def test_a_folder_without_results_is_told(report, tmp_path):
    (tmp_path / "results.db").unlink()
    done = report("--csv", "plain")
    assert done.exit_code == 2
    assert "checker grade --cohort" in done.output


def test_settings_that_are_wrong_are_told(report, tmp_path):
    (tmp_path / "cohort.json").write_text('{"name": "c", "starts": "soon"}')
    done = report("--csv", "plain")
    assert done.exit_code == 3
    assert "cohort.json" in done.output


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(report, tmp_path):
    done = report("--csv", "plain", "-o", str(tmp_path / "no" / "marks.csv"))
    assert done.exit_code == 3
    assert "cannot be written" in done.output


def test_a_report_changes_nothing_in_the_results(report, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "results.db")) as db:
        before = list(db.iterdump())
        report("--html", str(tmp_path / "out"))
        assert list(db.iterdump()) == before


def test_a_reader_that_hangs_up_gets_no_traceback(report, tmp_path):
    many = [row(f"learner{number:05}", 3) for number in range(50)]
    filled(tmp_path / "results.db", many).close()
    command = f"{sys.executable} -m checker report {tmp_path} --csv plain | head -1"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
