"""Attacks on the reader of submissions: each one is really built, and each ends as a refusal with nothing written."""

import hashlib
import io
import json
import os
import stat
import struct
import subprocess
import sys
import time
import tracemalloc
import unicodedata
import zipfile

import pytest

from checker import archive
from checker.archive import MANIFEST, MLFLOW, MODE, Refused
from checker.collect import collect
from checker.submission import thaw
from tests.support import COURSE, ROOT

LAB = "day01-notebook-to-production"
IDENTITY = {
    "lab": LAB,
    "learner": "mallory",
    "workspace_id": "0" * 32,
    "seed": 7,
    "started": "2026-01-01T00:00:00Z",
}
EVERY_DAY = [lab.name for lab in COURSE.ready]


def sha(content):
    return hashlib.sha256(content).hexdigest()


def piece(content):
    return {"sha256": sha(content), "size": len(content)}


def manifest(files=None, **changes):
    """A manifest as an honest one, with `files` (path -> bytes) in the workspace."""
    told = {
        "format": 1,
        "lab": LAB,
        "identity": dict(IDENTITY),
        "made": "2026-01-01T00:00:00Z",
        "checker": "0.1.0",
        "workspace": {path: piece(content) for path, content in (files or {}).items()},
    }
    return told | changes


def member(name, content, **changes):
    """A member as the writer writes it, with `changes` in its header."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system, info.external_attr, info.compress_type = 3, MODE, zipfile.ZIP_DEFLATED
    for field, value in changes.items():
        setattr(info, field, value)
    return info, content


def members(files=None, told=None):
    """The members of an archive that holds `files`."""
    files = files or {}
    told = manifest(files) if told is None else told
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    contents = {sha(content): content for content in files.values()}
    return [member(MANIFEST, text), *(member(f"blobs/{name}", contents[name]) for name in sorted(contents))]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "home"))
    (tmp_path / "prison").mkdir()
    return tmp_path


def build(place, parts):
    path = place / "hostile.zip"
    with zipfile.ZipFile(path, "w") as made:
        for info, content in parts:
            made.writestr(info, content)
    return path


def refused(place, path, words=None):
    """The refusal of `path`; fails unless nothing at all was written."""
    before = sorted(place.rglob("*"))
    with pytest.raises(Refused, match=words) as caught:
        thaw(path, place / "prison" / "into", COURSE.find)
    assert sorted(place.rglob("*")) == before
    assert caught.value.found.isprintable()
    assert len(caught.value.found) < 600
    assert caught.value.next_step
    return caught.value


def test_the_honest_one_is_taken(place):
    thawed = thaw(build(place, members({"audit.csv": b"a,b\n"})), place / "into", COURSE.find)
    assert (thawed.path / "audit.csv").read_bytes() == b"a,b\n"
    assert thawed.identity.learner == "mallory"


NAMES = [
    "../evil",
    "../../../../tmp/evil",
    "/etc/cron.d/evil",
    "C:/evil",
    "c:evil",
    "a\\..\\..\\evil",
    "\\\\host\\share",
    "a/../../evil",
    "./a",
    "a//b",
    "a/",
    "",
    ".",
    "..",
    "a\0b",
    "a\nb",
    "a\x1b[2Jb",
    "a\u202eb",
    "a\u200bb",
    "\ud800",
    "x" * 300,
    "/".join("abcdefghij" * 10),
    "x/" * 300 + "y",
]


@pytest.mark.parametrize("name", NAMES)
def test_paths_in_the_manifest_that_climb_or_hide(place, name):
    refused(place, build(place, members({"audit.csv": b"x"}, manifest({name: b"x"}))))
    for tree in ({"remote": {name: piece(b"x")}}, {"models": {name: {"a": piece(b"x")}}}):
        refused(place, build(place, members({"audit.csv": b"x"}, manifest({"audit.csv": b"x"}, **tree))))


@pytest.mark.parametrize("name", [*NAMES[:11], "evil.py", "blobs/../evil", "blobs/", f"BLOBS/{'0' * 64}", "blobs/x"])
def test_members_with_names_of_their_own(place, name):
    refused(place, build(place, [*members(), member(name, b"x")]), "member")


TOOLS = [
    ".git/hooks/post-checkout",
    ".git/config",
    ".git/info/attributes",
    ".git/info/grafts",
    ".git/objects/info/alternates",
    ".git/objects/info/http-alternates",
    ".git/commondir",
    ".git/config.worktree",
    ".git/index",
    ".git/modules/x/config",
    ".git/HEAD/../config",
    ".git",
    ".GIT/config",
    ".Git/hooks/x",
    "sub/.git/config",
    ".git/refs/heads/.git/config",
    ".dvc/tmp/x",
    ".dvc/plugins/x.py",
    ".dvc/cache/x.py",
    ".DVC/config",
    ".dvc",
    "sub/.dvc/config",
    ".checker/workspace.json",
    ".checker/attempts.jsonl/x",
]


@pytest.mark.parametrize("name", TOOLS)
def test_what_a_tool_would_obey_never_arrives(place, name):
    refused(place, build(place, members({name: b"x"})), "belongs to a tool|leaves its folder")


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Audit.csv", "audit.csv"),
        ("a/B.csv", "A/b.csv"),
        (unicodedata.normalize("NFC", "é.csv"), unicodedata.normalize("NFD", "é.csv")),
        ("straße", "strasse"),
        ("a", "a/b"),
        ("A", "a/b"),
    ],
)
def test_names_that_some_file_system_takes_for_one(place, one, two):
    refused(place, build(place, members({one: b"1", two: b"2"})), "called|at once")


def test_a_path_named_twice_in_the_manifest_is_one_file(place):
    text = json.dumps(manifest({"a": b"x"})).replace(
        '"workspace": {', f'"workspace": {{"a": {json.dumps(piece(b"other"))}, '
    )
    thawed = thaw(build(place, members({"a": b"x"}, text.encode())), place / "into", COURSE.find)
    assert (thawed.path / "a").read_bytes() == b"x"


KINDS = [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR]


@pytest.mark.parametrize("mode", [*(kind | 0o777 for kind in KINDS), 0o104755, 0o100700, 0o777, 0])
def test_links_devices_folders_and_programs(place, mode):
    content = b"/etc/passwd"
    told = manifest({"audit.csv": content})
    parts = [members(told=told)[0], member(f"blobs/{sha(content)}", content, external_attr=mode << 16)]
    refused(place, build(place, parts), "no plain file")


@pytest.mark.parametrize("change", [{"extra": b"\x01\x00\x02\x00ab"}, {"comment": b"hidden"}, {"internal_attr": 1}])
def test_extras_and_comments(place, change):
    refused(place, build(place, [*members(), member(f"blobs/{'0' * 64}", b"", **change)]), "plain|two things")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(place, method):
    content = b"x" * 500
    parts = [members(told=manifest({"a": content}))[0], member(f"blobs/{sha(content)}", content, compress_type=method)]
    refused(place, build(place, parts))


def patched(place, offset, new, parts=None):
    """An archive with other bytes in the headers of its first member, in both places."""
    path = build(place, parts or members({"a": b"x" * 100}))
    content = bytearray(path.read_bytes())
    for mark, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        at = content.index(mark) + offset + shift
        content[at : at + len(new)] = new
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("flag", [1, 1 << 3, 1 << 6, 1 << 11, 1 << 13])
def test_encryption_and_other_flags(place, flag):
    refused(place, patched(place, 6, struct.pack("<H", flag)))


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 99, 65535])
def test_unknown_methods(place, method):
    refused(place, patched(place, 8, struct.pack("<H", method)))


@pytest.mark.parametrize("size", [0, 1, 10_000, (1 << 32) - 1])
def test_sizes_that_lie(place, size):
    refused(place, patched(place, 22, struct.pack("<L", size)))
    refused(place, patched(place, 18, struct.pack("<L", size)))


def test_headers_that_say_two_things(place):
    path = build(place, members({"a": b"x" * 100}))
    content = path.read_bytes()
    for offset in (6, 8, 14, 18, 22, 26, 28, 30):
        changed = bytearray(content)
        changed[offset] ^= 1
        path.write_bytes(changed)
        refused(place, path)


def test_something_before_behind_and_between(place):
    content = build(place, members({"a": b"x"})).read_bytes()
    other = content.replace(b"PK\x03\x04", b"\x7fELF")
    for hostile in (b"#!/bin/sh\n" + content, content + b"x", content + content, other + content, content + b"\0" * 22):
        path = place / "hostile.zip"
        path.write_bytes(hostile)
        refused(place, path)
    with zipfile.ZipFile(place / "hostile.zip", "w") as made:
        for info, text in members({"a": b"x"}):
            made.writestr(info, text)
        made.comment = b"hidden"
    refused(place, place / "hostile.zip")


def test_two_directories(place):
    """A second directory behind the first, each telling of another archive: readers disagree which one counts."""
    one, two = (build(place, members({"a": text})).read_bytes() for text in (b"honest", b"hostile"))
    (place / "hostile.zip").write_bytes(one + two)
    refused(place, place / "hostile.zip")


def test_zip64_beside_the_end(place):
    content = build(place, members({"a": b"x"})).read_bytes()
    end = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    (place / "hostile.zip").write_bytes(content[:-22] + end + content[-22:])
    refused(place, place / "hostile.zip")


def test_members_that_overlap(place):
    """Many members of the directory share one stretch of packed bytes: small on disk, endless when unpacked."""
    path = build(place, members({"a": b"x" * 100_000}))
    content = path.read_bytes()
    with zipfile.ZipFile(path) as opened:
        start, last = opened.start_dir, opened.infolist()[-1]
    directory, end = content[start:-22], bytearray(content[-22:])
    entry = directory[directory.rindex(b"PK\x01\x02") :]
    copies = [entry.replace(last.filename.encode(), f"blobs/{number:064x}".encode()) for number in range(500)]
    whole = directory + b"".join(copies)
    end[8:12] = struct.pack("<HH", 502, 502)
    end[12:16] = struct.pack("<L", len(whole))
    path.write_bytes(content[:start] + whole + bytes(end))
    refused(place, path)


def test_repeated_members(place):
    for repeated in (0, 1):
        with pytest.warns(UserWarning, match="Duplicate"):
            path = build(place, [*members({"a": b"x"}), members({"a": b"x"})[repeated]])
        refused(place, path, "twice")


def test_members_that_the_manifest_does_not_name(place):
    refused(place, build(place, [*members({"a": b"x"}), member(f"blobs/{sha(b'y')}", b"y")]), "not in the manifest")
    refused(place, build(place, [*members({"a": b"x"}), member(MLFLOW, b"{}")]), "MLflow")


def test_contents_that_are_others_or_missing(place):
    parts = members({"a": b"x"})
    refused(place, build(place, [parts[0], member(f"blobs/{sha(b'x')}", b"y")]), "other bytes")
    refused(place, build(place, [parts[0]]), "lacks the content")
    refused(place, build(place, [parts[1]]), "no manifest")
    refused(place, build(place, []))


@pytest.mark.parametrize("size", [30 << 20, 300 << 20])
def test_bombs(place, size):
    """Thirty and three hundred megabytes of nothing in some kilobytes: neither memory, disk nor time is spent."""
    name = "0" * 64
    told = manifest()
    told["workspace"]["a"] = {"sha256": name, "size": min(size, 256 << 20)}
    path = place / "hostile.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(*members(told=told)[0])
        with made.open(member(f"blobs/{name}", b"")[0], "w", force_zip64=False) as file:
            for _ in range(size >> 20):
                file.write(bytes(1 << 20))
    assert path.stat().st_size < 400_000
    tracemalloc.start()
    started = time.process_time()
    refused(place, path)
    assert time.process_time() - started < 1
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_a_bomb_that_stays_below_every_limit_is_streamed(place):
    """The largest honest-looking blob costs time, and never memory."""
    content = os.urandom(1 << 20)
    parts = members(told=manifest({"a": content * 40}))
    block = io.BytesIO()
    for _ in range(40):
        block.write(content)
    path = build(place, [parts[0], member(f"blobs/{sha(block.getvalue())}", block.getvalue())])
    del block
    tracemalloc.start()
    thaw(path, place / "prison" / "into", COURSE.find)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_one_blob_under_ten_thousand_names_fills_no_disk(place):
    content = os.urandom(200_000)
    said = piece(content)
    for count in (10_000, 4_000):
        told = manifest(workspace={f"f{number}": said for number in range(count)})
        path = build(place, members({"f": content}, told))
        if count == 10_000:
            refused(place, path, "unpacks to")
    thaw(path, place / "into", COURSE.find)
    used = sum({each.stat().st_ino: each.stat().st_blocks for each in (place / "into").rglob("f*")}.values()) * 512
    assert used < 1 << 20


def test_too_many_files_and_members(place):
    refused(place, build(place, members({f"f{number}": b"" for number in range(20_001)})), "20001 files")
    many = [member(f"blobs/{number:064x}", b"") for number in range(20_010)]
    refused(place, build(place, [*members(), *many]), "members")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"format": 1, "x": ' + b"[" * 90_000 + b"]" * 90_000 + b"}",
        b"[" + b"{}," * 200_000 + b"{}]",
        b'{"format": ' + b"9" * 10_000 + b"}",
        b'{"format": 1e999}',
        b'{"format": NaN}',
        b'{"format": 1}',
        b'{"format": true}',
        b'"' + b"x" * (9 << 20) + b'"',
        b'{"format": 1, "lab": "\\ud800"}',
    ],
)
def test_json_bombs_and_texts_that_are_none(place, text):
    tracemalloc.start()
    started = time.process_time()
    refused(place, build(place, members(told=text)))
    assert time.process_time() - started < 5
    assert tracemalloc.get_traced_memory()[1] < 150 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("version", [0, 2, -1, 1.5, "1", None, True, [1], {"a": 1}, 10**30])
def test_unknown_formats(place, version):
    assert "newest version" in refused(place, build(place, members(told=manifest(format=version))), "format").next_step


PLANNED = next((lab.name for lab in COURSE.labs if lab.status == "planned"), "day31-none")
LABS = ["", "1", "day01", PLANNED, "no-such", "../day01", "x" * 100_000, LAB + "\n"]


@pytest.mark.parametrize("lab", LABS)
def test_other_labs(place, lab):
    identity = IDENTITY | {"lab": lab}
    refused(place, build(place, members(told=manifest(lab=lab, identity=identity))))
    refused(place, build(place, members(told=manifest(identity=identity))))


@pytest.mark.parametrize(
    "change",
    [
        {"learner": ""},
        {"learner": "   "},
        {"learner": "a\x1b]0;owned\x07"},
        {"learner": "a\nb"},
        {"learner": "a\0"},
        {"learner": "\u202eevil"},
        {"learner": "x" * 201},
        {"learner": "x" * (5 << 20)},
        {"learner": None},
        {"learner": {"a": 1}},
        {"workspace_id": "../../x"},
        {"workspace_id": ""},
        {"workspace_id": "0" * 31 + "\n"},
        {"seed": -1},
        {"seed": 1 << 49},
        {"seed": 10**1000},
        {"seed": 1.5},
        {"seed": "x"},
        {"started": "yesterday"},
        {"started": "2026-01-01T00:00:00"},
        {"started": 1e300},
        {"fixtures": {"x": "0" * 64}},
        {"more": 1},
    ],
    ids=lambda change: "-".join(f"{key}={str(value)[:20]!r}" for key, value in change.items()),
)
def test_hostile_identities(place, change):
    refused(place, build(place, members(told=manifest(identity=IDENTITY | change))))


@pytest.mark.parametrize("checker", ["x" * 1000, "1\x1b[31m", None, 1])
def test_hostile_versions(place, checker):
    refused(place, build(place, members(told=manifest(checker=checker))))


def test_one_content_with_two_sizes(place):
    told = manifest({"a": b"x", "b": b"x"})
    told["workspace"]["b"]["size"] = 2
    refused(place, build(place, members({"a": b"x"}, told)), "two sizes")


TRACKED = "day08-experiment-tracking"


def tracked(records, models=None, files=None):
    """The members of a submission of day 8 with `records` of MLflow."""
    text = records if isinstance(records, bytes) else json.dumps(records).encode()
    told = manifest(lab=TRACKED, identity=IDENTITY | {"lab": TRACKED}, mlflow=piece(text), models=models or {})
    return [*members(files, told), member(MLFLOW, text)]


def experiment(**changes):
    return {"experiments": [{"name": "day08-baseline", "present": True, "models": []} | changes]}


@pytest.mark.parametrize(
    "records",
    [
        b"",
        b"null",
        b"[" * 50_000,
        b"{" * 150_000,
        b"{}",
        experiment(name="another"),
        experiment(more=1),
        experiment(models=[{"model_id": "../../../etc"}]),
        experiment(models=[{"model_id": ""}]),
        experiment(models=[{"model_id": "a/b"}]),
        experiment(models=[{"model_id": "m" * 200}]),
        experiment(runs=[{"run_id": "\ud800"}]),
        experiment(runs=[{"run_id": "r"}] * 200_000),
    ],
)
def test_hostile_records_of_mlflow(place, records):
    refused(place, build(place, tracked(records)))


def test_models_that_the_records_do_not_name(place):
    parts = tracked(experiment(), {"m-1": {"a": piece(b"x")}}, {"a": b"x"})
    refused(place, build(place, parts), "different models")


def test_the_address_of_a_submission_is_never_asked(place, monkeypatch):
    import socket

    def called(*arguments, **named):
        raise AssertionError("somebody called out")

    monkeypatch.setattr(socket.socket, "connect", called)
    path = build(place, tracked(experiment() | {"address": "http://169.254.169.254/latest"}))
    thawed = thaw(path, place / "into", COURSE.find)
    assert "169.254" not in thawed.carried.mlflow.address
    assert not collect(COURSE.find(TRACKED), thawed).gaps


def test_the_archive_itself_is_a_link_a_pipe_a_folder_or_a_device(place):
    real = build(place, members())
    (place / "link.zip").symlink_to(real)
    os.mkfifo(place / "pipe.zip")
    (place / "folder.zip").mkdir()
    for name in ("link.zip", "pipe.zip", "folder.zip"):
        refused(place, place / name)
    with pytest.raises(Refused):
        thaw(place.__class__("/dev/zero"), place / "prison" / "into", COURSE.find)


def test_a_hostile_configuration_is_not_an_oracle(place):
    """Whether a path of the grader's machine exists changes nothing in what is read of a submission."""
    lab = COURSE.find("3")
    seen = []
    for target in ("/etc", "/no/such/folder", str(place / "home"), "../../../prison", "~root", "~"):
        config = f"[cache]\n    dir = {target}\n[core]\n    remote = r\n['remote \"r\"']\n    url = {target}\n"
        told = manifest({".dvc/config": config.encode()}, lab=lab.name, identity=IDENTITY | {"lab": lab.name})
        into = place / f"into-{len(seen)}"
        thawed = thaw(build(place, members({".dvc/config": config.encode()}, told)), into, COURSE.find)
        (remote,) = collect(lab, thawed).dvc.remotes
        assert remote.directory.startswith(str(into))
        seen.append((remote.exists, remote.shares_cache))
    assert set(seen) == {(False, False)}


def test_nothing_of_a_thawed_repository_runs(place):
    """Git itself, turned loose on the thawed folder by somebody careless, finds no hook and no configuration."""
    lab = COURSE.find("3")
    content = b"ref: refs/heads/main\n"
    told = manifest({".git/HEAD": content}, lab=lab.name, identity=IDENTITY | {"lab": lab.name})
    thawed = thaw(build(place, members({".git/HEAD": content}, told)), place / "into", COURSE.find)
    assert {path.name for path in (thawed.path / ".git").iterdir()} == {"HEAD"}
    assert all(not os.access(path, os.X_OK) for path in thawed.path.rglob("*") if path.is_file())


@pytest.mark.parametrize("lab", EVERY_DAY)
def test_an_empty_submission_is_graded_as_nothing_and_harms_nothing(place, lab):
    told = manifest(lab=lab, identity=IDENTITY | {"lab": lab})
    evidence = collect(COURSE.find(lab), thaw(build(place, members(told=told)), place / "into", COURSE.find))
    assert set(evidence.gaps) <= {"mlflow", "endpoints"}


def test_the_process_that_thaws_needs_little_memory(place):
    """A whole process under a limit: a bomb does not end it, and nothing heavy was loaded."""
    told = manifest()
    told["workspace"] = {f"f{number}": {"sha256": f"{number:064x}", "size": 0} for number in range(19_000)}
    path = build(place, members(told=told))
    code = (
        "from pathlib import Path\nfrom checker.submission import thaw\n"
        "from checker.archive import Refused\nfrom checker.course import load_course\n"
        f"course = load_course(Path({str(ROOT)!r}))\n"
        f"try: thaw(Path({str(path)!r}), Path({str(place / 'prison' / 'into')!r}), course.find)\n"
        "except Refused as error: print('refused', error)\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "refused" in done.stdout
    assert int(done.stdout.split()[-1]) < 200 << 10


def test_limits_are_those_of_the_design():
    assert archive.LARGEST_TOTAL == 256 << 20
    assert archive.MOST_FILES == 20_000
