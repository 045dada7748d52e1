"""The command line: what bad input gets, and the exit statuses."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from checker.cli import main
from tests.support import COURSE, ROOT, free_port


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLOPS_LABS_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("MLOPS_LABS_COURSE", str(ROOT))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checker(*arguments, **options):
    return CliRunner().invoke(main, arguments, **options)


def test_list_hides_planned_days_unless_asked(place):
    assert "feature-store" not in checker("list").output
    assert "planned" in checker("list", "--all").output
    listed = json.loads(checker("list", "--all", "--format", "json").output)
    assert [each["day"] for each in listed] == list(range(1, 31))


@pytest.mark.parametrize("command", ["start", "grade"])
def test_an_unknown_day_gets_near_names_and_status_2(place, command):
    told = checker(command, "data-versioningg")
    assert told.exit_code == 2
    assert "day03-data-versioning" in told.stderr
    assert "Traceback" not in told.output


def test_grade_without_a_workspace_names_the_command(place):
    told = checker("grade", "3")
    assert (told.exit_code, "run `checker start 3`" in told.stderr) == (2, True)
    assert checker("grade").exit_code == 2
    assert checker("grade", "--all").exit_code == 2
    assert checker("grade", "--all", "3").exit_code == 2


def test_start_twice_changes_nothing_and_reset_asks(place):
    assert checker("start", "3").exit_code == 0
    mine = place / "work/day03-data-versioning/mine.txt"
    mine.write_text("x")
    assert "nothing was changed" in checker("start", "3").output
    assert checker("start", "3", "--reset", input="n\n").exit_code == 1
    assert mine.exists()
    told = checker("start", "3", "--reset", input="y\n")
    assert told.exit_code == 0
    assert not mine.exists()
    assert list((place / "work/.kept").glob("*/mine.txt"))


def test_grade_takes_the_workspace_one_stands_in(place, monkeypatch):
    checker("start", "3")
    monkeypatch.chdir(place / "work/day03-data-versioning/data")
    told = checker("grade")
    assert told.exit_code == 1
    assert "0 of 10 marks" in told.output


def test_several_days_and_all_and_the_formats(place):
    for day in ("3", "1"):
        checker("start", day)
    report = json.loads(checker("grade", "3", "1", "3", "--format", "json").output)
    assert [each["day"] for each in report["results"]] == [3, 1]
    assert [each["day"] for each in json.loads(checker("grade", "--all", "--format", "json").output)["results"]] == [
        1,
        3,
    ]
    assert checker("grade", "3", "--format", "junit").output.startswith("<?xml")
    assert checker("grade", "3", "--output", "report.txt").exit_code == 1
    assert "0 of 10 marks" in (place / "report.txt").read_text()


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:{port}", "ftp://x", "http://[", "file:///etc/passwd"])
def test_mlflow_that_is_not_there_is_an_error_and_status_3(place, monkeypatch, address):
    if address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.format(port=free_port()))
    checker("start", "8")
    told = checker("grade", "8", "--format", "json")
    assert told.exit_code == 3
    result = json.loads(told.stdout)["results"][0]
    assert result["outcome"] == "error"
    assert {check["outcome"] for check in result["checks"]} <= {"error", "blocked"}
    first = next(check for check in result["checks"] if check["outcome"] == "error")
    assert "infra up" in first["messages"][0]["next_step"]


def test_a_damaged_course_is_told(place, monkeypatch):
    (place / "labs").mkdir()
    (place / "course.yaml").write_text("version: 9\nlabs: []\n")
    monkeypatch.setenv("MLOPS_LABS_COURSE", str(place))
    told = checker("list")
    assert told.exit_code == 3
    assert "course.yaml:1: version" in told.stderr


def test_doctor_says_what_to_do(place):
    told = checker("doctor")
    assert told.exit_code == 0
    assert "infra up" in told.output


def test_a_profile_that_is_not_running_skips_the_lab(place, monkeypatch):
    lab = COURSE.find("3").model_copy(update={"profiles": ("kind",)})
    from checker import grading, workspace

    made, _ = workspace.start(COURSE.find("3"), ROOT)
    result = grading.grade(lab, made)
    assert (result.outcome, result.possible) == ("skipped", 0)


def test_ctrl_c_leaves_no_process_and_no_half_workspace(place):
    command = [sys.executable, "-m", "checker", "start", "8"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    work = place / "work"
    deadline = time.monotonic() + 60
    while not (work.is_dir() and list(work.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert "Traceback" not in err
    left = [path.name for path in work.iterdir()]
    # Caught in the middle there is nothing, caught at the very end there is everything.
    # Where Python itself is at work (at its end, in an import), the signal may have its default effect.
    assert child.returncode in (0, 130, -signal.SIGINT)
    assert left in ([], ["day08-experiment-tracking"])
    assert left or child.returncode != 0


def test_a_report_that_cannot_be_written_is_the_environments_turn(place):
    checker("start", "3")
    told = checker("grade", "3", "--output", str(place / "nowhere" / "report.txt"))
    assert told.exit_code == 3
    assert "cannot be written" in told.stderr
    assert "--output" in told.stderr


def test_a_workspace_without_its_marker_is_not_sent_round_in_circles(place):
    checker("start", "3")
    (place / "work/day03-data-versioning/.checker/workspace.json").unlink()
    assert "checker start 3 --reset" in checker("grade", "3").stderr
