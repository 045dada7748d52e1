"""What a learner may put into their folder, and what the grader gets of it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.archive import write_archive
from checker.course import load_course
from checker.discovery import discover
from infra.cohort import collect as module
from infra.cohort.collect import SEEN, Collection
from infra.trouble import Trouble
from tests.support import ROOT

LAB = "day03-data-versioning"
NOON = datetime(2027, 1, 20, 12, tzinfo=UTC)
SHORTLY = timedelta(minutes=5)


@pytest.fixture
def place(tmp_path, monkeypatch):
    drop, cohort = tmp_path / "drop", tmp_path / "cohort"
    drop.mkdir()
    cohort.mkdir()
    said = []
    # Which lab an archive is of stands in its manifest; here in its content.
    monkeypatch.setattr(module, "_lab", lambda path: path.read_text(errors="replace").split()[0])
    collection = Collection(drop, cohort, ("alice", "Björn Ö"), frozenset({LAB}), said.append)
    collection.collect(NOON - SHORTLY)
    return collection, drop / "alice", cohort, said


def taken(cohort, learner="alice"):
    folder = cohort / "submitted" / learner / LAB
    return (folder / "submission.zip").read_text(), (folder / "timestamp.txt").read_text().strip()


def test_an_archive_is_taken_with_the_time_of_the_taking(place):
    collection, own, cohort, said = place
    (own / "a.zip").write_text(f"{LAB} first")
    os.utime(own / "a.zip", (0, 0))
    assert collection.collect(NOON) == 1
    assert taken(cohort) == (f"{LAB} first", "2027-01-20 12:00:00.000000 UTC")
    assert said == [f"alice: took {LAB}"]
    (found,) = discover(cohort, load_course(ROOT))
    assert (found.learner, found.lab, found.received, found.problem) == ("alice", LAB, NOON, "")


def test_what_did_not_change_keeps_its_time(place):
    collection, own, cohort, _ = place
    (own / "a.zip").write_text(f"{LAB} first")
    collection.collect(NOON)
    assert collection.collect(NOON + SHORTLY) == 0
    assert taken(cohort)[1].startswith("2027-01-20 12:00")
    (own / "a.zip").write_text(f"{LAB} second")
    assert collection.collect(NOON + SHORTLY) == 1
    assert taken(cohort) == (f"{LAB} second", "2027-01-20 12:05:00.000000 UTC")


def test_a_timestamp_of_the_learners_own_counts_nothing(place):
    collection, own, cohort, _ = place
    (own / "timestamp.txt").write_text("2020-01-01 00:00:00.0 UTC")
    (own / LAB).mkdir()
    (own / LAB / "timestamp.txt").write_text("2020-01-01 00:00:00.0 UTC")
    (own / "a.zip").write_text(LAB)
    collection.collect(NOON)
    assert taken(cohort)[1].startswith("2027")


def test_of_two_of_one_lab_the_newer_stays(place):
    collection, own, cohort, _ = place
    for name, age in (("a.zip", 10), ("b.zip", 20)):
        (own / name).write_text(f"{LAB} {name}")
        os.utime(own / name, (1e9 - age, 1e9 - age))
    collection.collect(NOON)
    assert taken(cohort)[0] == f"{LAB} a.zip"


def test_links_pipes_folders_and_strangers_are_left_and_named(place, tmp_path):
    collection, own, cohort, said = place
    secret = tmp_path / "cohort.key"
    secret.write_text(LAB)
    (own / "link.zip").symlink_to(secret)
    (own / "up.zip").symlink_to("../../cohort/submitted")
    os.mkfifo(own / "pipe.zip")
    (own / "folder.zip").mkdir()
    (own / "other.zip").write_text("day99-nothing")
    (own / "ja \x1b[31m.zip").write_text("nonsense")
    assert collection.collect(NOON) == 0
    assert len(said) == 6
    assert not any("\x1b" in line for line in said)
    assert not (cohort / "submitted" / "alice").exists()
    # Named once, not each five minutes.
    collection.collect(NOON + SHORTLY)
    assert len(said) == 6


def test_a_learner_who_shuts_their_folder_stops_nobody_else(place, monkeypatch):
    collection, own, cohort, said = place
    other = next(each for each in own.parent.iterdir() if each != own)
    (other / "a.zip").write_text(LAB)
    scandir = os.scandir

    def shut(folder):
        # As for a grader who is not root: the test may be.
        if folder == own:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", shut)
    assert collection.collect(NOON) == 1
    assert said[0] == "alice: the folder cannot be read: Permission denied"
    assert taken(cohort, "Björn Ö")[0] == LAB


def test_one_that_is_too_large_is_not_copied(place, monkeypatch):
    collection, own, cohort, said = place
    monkeypatch.setattr(module, "LARGEST_ARCHIVE", 100)
    (own / "a.zip").write_text(LAB + " " * 200)
    assert collection.collect(NOON) == 0
    assert "no plain file" in said[0]
    assert not list((cohort / "submitted").glob(".taking-*"))


def test_thousands_of_files_are_not_all_looked_at(place, monkeypatch):
    collection, own, _, said = place
    monkeypatch.setattr(module, "MOST", 5)
    for number in range(20):
        (own / f"{number}.zip").write_text("nonsense")
    collection.collect(NOON)
    assert len(said) <= 1 + 6


def test_each_learner_gets_a_folder_and_a_place_on_the_graders_list(place):
    _, own, cohort, _ = place
    assert own.is_dir()
    assert len(list(own.parent.iterdir())) == 2
    assert {path.stem for path in (cohort / "enrolments").iterdir()} == {"alice", "Björn Ö"}


def test_a_damaged_list_is_no_reason_to_date_everything_anew(place):
    collection, own, cohort, _ = place
    (own / "a.zip").write_text(LAB)
    collection.collect(NOON)
    (cohort / "submitted" / SEEN).write_text("{")
    with pytest.raises(Trouble, match="damaged"):
        collection.collect(NOON + SHORTLY)
    assert taken(cohort)[1].startswith("2027-01-20 12:00")


def test_a_full_or_missing_disk_ends_in_words(place):
    collection, _, cohort, _ = place
    for path in sorted((cohort / "submitted").rglob("*"), reverse=True):
        path.unlink()
    (cohort / "submitted").rmdir()
    (cohort / "submitted").write_text("in the way")
    with pytest.raises(Trouble) as caught:
        collection.collect(NOON)
    assert "volumes" in caught.value.next_step


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_foreign_bytes_are_no_lab(tmp_path, content):
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    assert module._lab(path) == ""


def test_a_manifest_that_says_nothing_names_no_lab(tmp_path):
    write_archive(tmp_path / "a.zip", {"manifest.json": json.dumps({"format": 1}).encode()}, {})
    assert module._lab(tmp_path / "a.zip") == ""
