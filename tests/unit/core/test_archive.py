"""The container: what the writer writes the reader reads, and broken bytes are told and never followed."""

import hashlib
import io
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker import archive
from checker.archive import MANIFEST, MLFLOW, Refused, open_archive, write_archive
from checker.errors import Unavailable


def sha(content):
    return hashlib.sha256(content).hexdigest()


def write(path, *contents, **texts):
    named = {MANIFEST: b"{}"} | texts
    write_archive(path, named, {sha(each): lambda each=each: io.BytesIO(each) for each in contents})
    return path


def read(path):
    with open_archive(path) as opened:
        return {name: b"".join(opened.read(name)) for name in opened.blobs}


def test_what_is_written_is_read(tmp_path):
    contents = [b"", b"x", os.urandom(3 << 20), b"text " * 1000]
    path = write(tmp_path / "new" / "a.zip", *contents, **{MLFLOW: b"records"})
    assert read(path) == {sha(each): each for each in contents}
    with open_archive(path) as opened:
        assert (opened.text(MANIFEST), opened.text(MLFLOW)) == (b"{}", b"records")
        assert opened.blobs == {sha(each): len(each) for each in contents}
    with open_archive(write(tmp_path / "b.zip")) as opened:
        assert opened.text(MLFLOW) is None


def test_the_same_content_makes_the_same_bytes(tmp_path):
    one, two = write(tmp_path / "1", b"a", b"b"), write(tmp_path / "2", b"b", b"a")
    assert one.read_bytes() == two.read_bytes()


def test_a_file_of_zeros_is_no_bomb_when_the_writer_wrote_it(tmp_path):
    for size in (1 << 20, (1 << 20) + 1, 5 << 20):
        content = bytes(size)
        assert read(write(tmp_path / str(size), content)) == {sha(content): content}


def test_a_file_that_changes_while_it_is_packed_stops_it_and_leaves_nothing(tmp_path):
    with pytest.raises(Refused, match="changed"):
        write_archive(tmp_path / "a.zip", {}, {sha(b"one"): lambda: io.BytesIO(b"two")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interruption_leaves_the_old_archive_and_no_half_one(tmp_path, error):
    path = write(tmp_path / "a.zip", b"old")

    def interrupted():
        raise error

    with pytest.raises((KeyboardInterrupt, Unavailable)):
        write_archive(path, {}, {sha(b"new"): interrupted})
    assert list(tmp_path.iterdir()) == [path]
    assert read(path) == {sha(b"old"): b"old"}


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written") as caught:
        write(tmp_path / "file" / "a.zip")
    assert "--to" in caught.value.next_step


def test_an_archive_that_is_not_there_is_nobodys_cheating(tmp_path):
    with pytest.raises(Unavailable), open_archive(tmp_path / "none.zip"):
        pass


def test_faults_of_the_reader_of_an_archive_stay_faults(tmp_path):
    for error in (ValueError, OSError, RuntimeError):
        with pytest.raises(error), open_archive(write(tmp_path / "a.zip")):
            raise error


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    contents = [b"abc" * 50, os.urandom(300), b""]
    return write(tmp_path_factory.mktemp("good") / "a.zip", *contents, **{MLFLOW: b"{}"}).read_bytes()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_changed_bytes_are_refused_or_change_nothing_that_counts(tmp_path, good, data):
    changed = bytearray(good)
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "double", "overwrite"]))
    place = data.draw(st.integers(0, len(good) - 1))
    if kind == "flip":
        changed[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "cut":
        del changed[place : place + data.draw(st.integers(1, len(good)))]
    elif kind == "insert":
        changed[place:place] = data.draw(st.binary(min_size=1, max_size=64))
    elif kind == "double":
        changed[place:place] = changed[place : place + 40]
    else:
        new = data.draw(st.binary(min_size=1, max_size=30))
        changed[place : place + len(new)] = new
    path = tmp_path / "changed.zip"
    path.write_bytes(changed)
    try:
        found = read(path)
    except Refused as error:
        assert error.found
        assert error.next_step
    else:
        assert all(sha(content) == name for name, content in found.items())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_are_refused(tmp_path, content):
    path = tmp_path / "any.zip"
    path.write_bytes(content)
    with pytest.raises(Refused), open_archive(path):
        pass


def test_a_huge_file_is_refused_by_its_size_alone(tmp_path):
    path = tmp_path / "huge.zip"
    with path.open("wb") as file:
        file.truncate(archive.LARGEST_ARCHIVE + 1)
    with pytest.raises(Refused, match="bytes"), open_archive(path):
        pass
