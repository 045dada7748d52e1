"""What lies in a cohort's folder, and what becomes of everything that should not lie there."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from checker.discovery import discover
from checker.enrolment import UNENROLLED
from checker.errors import UsageError
from tests.cohorts import make_cohort, small_course
from tests.cohorts.forged import rewrite
from tests.support import COURSE, nested

LAB = "day03-data-versioning"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An archive of a learner called ada0."""
    folder = tmp_path_factory.mktemp("one")
    make_cohort(folder / "cohort", learners=1, mix={"starter": 1}, course=small_course(folder / "course"))
    return next((folder / "cohort" / "submitted").rglob("*.zip"))


def collected(folder, student="ada", lab=LAB, name="a.zip", content=b"x"):
    """Put a file where nbgrader collects it."""
    path = folder / "submitted" / student / lab / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def found(folder):
    return list(discover(folder, COURSE))


def test_what_nbgrader_collected(tmp_path):
    for student in ("bob", "ada"):
        path = collected(tmp_path, student)
        (path.parent / "timestamp.txt").write_text("2026-03-01 12:00:00.000000 UTC")
    collected(tmp_path, "ada", "day01-notebook-to-production", "b.zip")
    (tmp_path / "submitted" / ".hidden").mkdir()
    (tmp_path / "submitted" / "ada" / ".DS_Store").write_text("x")
    rows = found(tmp_path)
    assert [(row.learner, row.lab) for row in rows] == [
        ("ada", "day01-notebook-to-production"), ("ada", LAB), ("bob", LAB),
    ]  # fmt: skip
    assert rows[1].source == f"submitted/ada/{LAB}/a.zip"
    assert rows[1].received == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert not any(row.problem for row in rows)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-99-99", "9" * 1000, "\udcff", "2026-03-01T10:00:00+02:00 x"])
def test_a_time_that_is_none_is_that_of_the_file(tmp_path, text):
    path = collected(tmp_path)
    (path.parent / "timestamp.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert found(tmp_path)[0].received == datetime.fromtimestamp(1_000_000_000, UTC)


def test_a_time_in_a_pipe_is_not_waited_for(tmp_path):
    path = collected(tmp_path)
    os.mkfifo(path.parent / "timestamp.txt")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert found(tmp_path)[0].received == datetime.fromtimestamp(1_000_000_000, UTC)


@pytest.mark.parametrize("depth", [1100, 2500])
def test_folders_without_an_end_are_one_row(tmp_path, depth):
    with nested(collected(tmp_path).parent, depth):
        assert "too deep" in problem(tmp_path).problem


def test_an_archive_in_a_folder_of_its_own_is_found(tmp_path):
    path = collected(tmp_path, name="inside/a.zip")
    (row,) = found(tmp_path)
    assert (row.path, row.problem) == (path, "")


def problem(folder):
    (row,) = found(folder)
    assert row.next_step
    assert row.problem.isprintable()
    return row


def test_a_folder_without_an_archive(tmp_path):
    collected(tmp_path, name="lab.ipynb")
    row = problem(tmp_path)
    assert "no archive" in row.problem
    assert "checker submit 3" in row.next_step


def test_two_archives(tmp_path):
    collected(tmp_path)
    collected(tmp_path, name="b\x1b[31m.zip")
    assert "2 archives" in problem(tmp_path).problem


def test_an_unknown_lab(tmp_path):
    collected(tmp_path, lab="day99-\x1b[31m")
    assert "there is no lab `day99-" in problem(tmp_path).problem


def test_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret.zip"
    secret.write_bytes(b"x")
    path = collected(tmp_path)
    path.unlink()
    path.symlink_to(secret)
    assert "is a link" in problem(tmp_path).problem
    shutil.rmtree(path.parent)
    path.parent.symlink_to(tmp_path)
    assert "no archive" in problem(tmp_path).problem
    shutil.rmtree(path.parent.parent)
    collected(tmp_path, "bob")
    path.parent.parent.symlink_to(tmp_path / "submitted" / "bob")
    assert [row.learner for row in found(tmp_path)] == ["bob"]


def test_a_folder_that_cannot_be_read_is_one_row_and_nobodys_fault(tmp_path, monkeypatch):
    collected(tmp_path, "ada")
    collected(tmp_path, "bob")
    plain = Path.iterdir

    def iterdir(self):
        if self.name == "ada":
            raise PermissionError(13, "Permission denied")
        return plain(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    closed, other = found(tmp_path)
    assert (closed.learner, closed.outcome, other.problem) == ("ada", "error", "")
    assert "Permission denied" in closed.problem


def test_names_are_only_names(tmp_path):
    names = sorted(["<b>", "=1+1", "a b", "a\nb", "\x1b[2J", "'; --"])
    for name in names:
        collected(tmp_path, name)
    (tmp_path / "submitted" / os.fsdecode(b"\xff") / LAB).mkdir(parents=True)
    assert [row.learner for row in found(tmp_path)] == sorted([*names, "\udcff"])


def test_a_folder_of_archives(tmp_path, archive):
    flat = tmp_path / "flat"
    flat.mkdir()
    shutil.copy(archive, flat / "whatever.zip")
    rewrite(archive, flat / "bob.zip", lambda manifest, blobs: manifest["identity"].update(learner="bob"))
    for name in ("carl.x.zip", "dora.zip"):
        rewrite(archive, flat / name, lambda manifest, blobs: manifest["identity"].update(learner=UNENROLLED))
    (flat / "broken.zip").write_bytes(b"x")
    (flat / "notes.txt").write_text("x")
    (flat / ".hidden.zip").write_text("x")
    rows = {row.learner: row for row in found(flat)}
    assert {name for name, row in rows.items() if not row.problem} == {"ada0", "bob", "carl", "dora"}
    assert "cut off" in rows["broken"].problem
    assert (rows["broken"].lab, rows["ada0"].lab) == ("unknown", LAB)


def test_two_of_one_learner_in_a_folder_of_archives(tmp_path, archive):
    for name in ("one.zip", "two.zip"):
        shutil.copy(archive, tmp_path / name)
    rows = found(tmp_path)
    assert len(rows) == 2
    assert all("2 archives say that they are ada0's" in row.problem for row in rows)
    assert len({row.source for row in rows}) == 2


def test_pipes_and_folders_called_like_archives(tmp_path):
    os.mkfifo(tmp_path / "pipe.zip")
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "link.zip").symlink_to("/etc/passwd")
    assert all(row.problem for row in found(tmp_path))
    assert len(found(tmp_path)) == 3


def test_students_beside_the_cohorts_own_files(tmp_path):
    (tmp_path / "ada" / LAB).mkdir(parents=True)
    (tmp_path / "ada" / LAB / "a.zip").write_bytes(b"x")
    (tmp_path / "enrolments").mkdir()
    (tmp_path / "pages").mkdir()
    assert [row.learner for row in found(tmp_path)] == ["ada"]


def test_nothing_to_grade(tmp_path):
    with pytest.raises(UsageError, match="holds no submission"):
        found(tmp_path)
    with pytest.raises(UsageError, match="is no folder"):
        found(tmp_path / "nowhere")
    (tmp_path / "submitted").mkdir()
    with pytest.raises(UsageError, match="holds no submission"):
        found(tmp_path)
