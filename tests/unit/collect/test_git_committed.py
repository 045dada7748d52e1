"""The files of the last commit, out of repositories of which some want to do harm."""

import os
import subprocess
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.collect.git import committed
from checker.collect.reading import Unreadable

LARGEST = 1 << 20
EVERYTHING = ("**",)


def git(folder, *words):
    environment = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    who = ("-c", "user.name=me", "-c", "user.email=me@example.invalid")
    return subprocess.run(
        ["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True, env=environment
    ).stdout


@pytest.fixture
def root(tmp_path):
    git(tmp_path, "init", "--quiet")
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_bytes(b"first\r\n")
    (tmp_path / "sub" / "b.py").write_bytes(b"b = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    return tmp_path


def test_what_was_committed_counts_and_not_what_lies_there(root):
    (root / "a.txt").write_bytes(b"changed")
    (root / "new.txt").write_bytes(b"not committed")
    (root / "sub" / "b.py").unlink()
    assert committed(root, EVERYTHING, LARGEST) == {"a.txt": b"first\r\n", "sub/b.py": b"b = 1\n"}
    assert committed(root, ("*.py", "sub/*"), LARGEST) == {"sub/b.py": b"b = 1\n"}


def test_packed_objects_are_read(root):
    git(root, "gc", "--quiet")
    assert committed(root, EVERYTHING, LARGEST).keys() == {"a.txt", "sub/b.py"}


def test_without_a_repository_or_a_commit_there_is_nothing(tmp_path):
    assert committed(tmp_path, EVERYTHING, LARGEST) == {}
    git(tmp_path, "init", "--quiet")
    assert committed(tmp_path, EVERYTHING, LARGEST) == {}


def test_links_are_left_out(root):
    (root / "link").symlink_to("/etc/passwd")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "two")
    assert committed(root, EVERYTHING, LARGEST).keys() == {"a.txt", "sub/b.py"}


def test_too_much_is_refused(root):
    with pytest.raises(Unreadable, match="more than"):
        committed(root, EVERYTHING, 8)


def test_neither_filters_nor_hooks_nor_alternates_are_heard(root, tmp_path):
    (root / ".gitattributes").write_text("* filter=bad\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "two")
    (root / ".git" / "config").write_text('[filter "bad"]\n  smudge = touch ran\n[core]\n  fsmonitor = touch ran\n')
    assert "a.txt" in committed(root, EVERYTHING, LARGEST)
    assert not list(root.rglob("ran"))
    (root / ".git" / "objects" / "info").mkdir(exist_ok=True)
    (root / ".git" / "objects" / "info" / "alternates").write_text("/somewhere/else\n")
    with pytest.raises(Unreadable, match="borrows"):
        committed(root, EVERYTHING, LARGEST)


def test_an_object_that_lies_is_refused(root):
    name = git(root, "rev-parse", "HEAD:a.txt").strip()
    path = root / ".git" / "objects" / name[:2] / name[2:]
    path.chmod(0o600)
    path.write_bytes(zlib.compress(b"blob 6\0second"))
    with pytest.raises(Unreadable, match="cannot be read"):
        committed(root, EVERYTHING, LARGEST)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 200), at=st.integers(0, 200), noise=st.binary(max_size=40))
def test_no_bytes_raise_anything_else(root, which, at, noise):
    files = sorted(path for path in (root / ".git").rglob("*") if path.is_file() and "hooks" not in path.parts)
    path = files[which % len(files)]
    before, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(before[:at] + noise + before[at + len(noise) :])
    try:
        assert all(isinstance(each, bytes) for each in committed(root, EVERYTHING, LARGEST).values())
    except Unreadable as error:
        assert str(error)
    finally:
        path.write_bytes(before)
        path.chmod(mode)
