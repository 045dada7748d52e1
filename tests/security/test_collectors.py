"""Attacks on the collectors, which read git, DVC and notebooks beside the grader: small files that are endless."""

import hashlib
import json
import struct
import time
import tracemalloc
import zlib
from contextlib import contextmanager

import pytest

from checker.collect import dvc as dvc_module
from checker.collect import git as git_module
from checker.collect.dvc import collect_dvc
from checker.collect.files import collect_notebooks
from checker.collect.git import collect_git

EMPTY = b""


class Repository:
    """A git repository made of objects that no git would make."""

    def __init__(self, root):
        self.root = root
        (root / ".git" / "refs" / "heads").mkdir(parents=True)
        (root / ".git" / "objects" / "pack").mkdir(parents=True)
        (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")

    def add(self, kind, content):
        raw = kind + b" %d\0" % len(content) + content
        sha = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
        path = self.root / ".git" / "objects" / sha[:2] / sha[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(raw))
        return sha

    def tree(self, *entries):
        """Entries are (mode, name, sha)."""
        ordered = sorted(entries, key=lambda each: each[1] + (b"/" if each[0] == b"40000" else b""))
        return self.add(b"tree", b"".join(b"%s %s\0%s" % (m, n, bytes.fromhex(s)) for m, n, s in ordered))

    def nested(self, tree, levels=14):
        for _ in range(levels):
            tree = self.tree(*((b"40000", b"%d" % number, tree) for number in range(10)))
        return tree

    def commit(self, tree, *parents, when=1_700_000_000):
        lines = [f"tree {tree}", *(f"parent {each}" for each in parents)]
        lines += [f"{who} a <a> {when} +0000" for who in ("author", "committer")]
        sha = self.add(b"commit", ("\n".join(lines) + "\n\nx\n").encode())
        (self.root / ".git" / "refs" / "heads" / "main").write_text(f"{sha}\n")
        return sha

    def pack(self, sha, entry):
        """A pack of one entry, which says that it is the object `sha`."""
        body = b"PACK" + struct.pack(">LL", 2, 1) + entry
        body += hashlib.sha1(body, usedforsecurity=False).digest()
        counts = b"".join(struct.pack(">L", number >= int(sha[:2], 16)) for number in range(256))
        index = b"\xfftOc" + struct.pack(">L", 2) + counts + bytes.fromhex(sha) + struct.pack(">LL", 0, 12) + body[-20:]
        index += hashlib.sha1(index, usedforsecurity=False).digest()
        for suffix, content in (("pack", body), ("idx", index)):
            (self.root / ".git" / "objects" / "pack" / f"pack-{sha}.{suffix}").write_bytes(content)


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def read(collect, *arguments, seconds=10):
    """What a collector answers; it may take little time."""
    began = time.process_time()
    found = collect(*arguments)
    assert time.process_time() - began < seconds
    return found


@contextmanager
def little_memory(largest=300 << 20):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < largest
    finally:
        tracemalloc.stop()


NAMES = [
    b"..",
    b".",
    b".git",
    b".GIT",
    b"/etc/passwd",
    b"../../../etc/passwd",
    b"a\nb",
    b"A",
    b"a",
    b"C:\\x",
    b"\xff\xfe",
]


def test_hostile_names_in_a_commit_lead_nowhere(repository):
    blob = repository.add(b"blob", b"root\n")
    inner = repository.tree((b"100644", b"passwd", blob), (b"100644", b"config", blob))
    entries = [(b"100644", name, blob) for name in NAMES]
    entries += [(b"40000", b"..x", inner), (b"120000", b"link", blob), (b"160000", b"module", "1" * 40)]
    repository.commit(repository.tree(*entries), when=1 << 62)
    git = read(collect_git, repository.root)
    assert git.problem is None
    assert {each.path for each in git.head} == set(git.modified)
    json.loads(git.model_dump_json())


@pytest.mark.parametrize("leaf", ["nothing", "links", "modules", "files"])
@pytest.mark.parametrize("place", ["last", "earlier", "elsewhere"])
def test_trees_that_hold_themselves_ten_times_each(repository, monkeypatch, leaf, place):
    """A few hundred bytes that are ten to the fourteenth paths: it ends, and says why."""
    monkeypatch.setattr(git_module, "MOST_HASHED", 100 << 20)
    blob = repository.add(b"blob", b"x")
    mode = {"links": b"120000", "modules": b"160000", "files": b"100644"}.get(leaf)
    bomb = repository.nested(repository.tree((mode, b"a", blob)) if mode else repository.tree())
    plain = repository.tree((b"100644", b"a", blob))
    if place == "last":
        repository.commit(bomb)
    elif place == "earlier":
        repository.commit(plain, repository.commit(bomb))
    else:
        other = repository.commit(bomb)
        (repository.root / ".git" / "refs" / "tags").mkdir()
        (repository.root / ".git" / "refs" / "tags" / "t").write_text(other)
        repository.commit(plain)
    assert read(collect_git, repository.root, seconds=30).problem


def test_a_history_that_never_ends(repository, monkeypatch):
    monkeypatch.setattr(git_module, "MOST_COMMITS", 200)
    tree, last = repository.tree(), ()
    for number in range(git_module.MOST_COMMITS + 1):
        last = (repository.commit(tree, *last, when=1_700_000_000 + number),)
    assert "commits" in read(collect_git, repository.root).problem


def test_many_commits_of_one_second_are_no_fault(repository):
    """A script commits faster than the clock of git ticks."""
    last = ()
    for number in range(300):
        blob = repository.add(b"blob", b"%d\n" % number)
        last = (repository.commit(repository.tree((b"100644", b"a", blob)), *last),)
    git = read(collect_git, repository.root)
    assert (git.problem, len(git.commits)) == (None, 300)


def number(value):
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def entry(kind, size):
    head = bytes([kind << 4 | size & 15 | (128 if size >> 4 else 0)])
    return head + (number(size >> 4) if size >> 4 else b"")


SIZE = 600 << 20


def zeros(size):
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)), packer.flush()])


def test_objects_in_a_pack_that_grow_a_thousand_times(repository):
    sha = "12" * 20
    repository.pack(sha, entry(3, SIZE) + zeros(SIZE))
    repository.commit(repository.tree((b"100644", b"a", sha)))
    with little_memory():
        assert "MiB" in read(collect_git, repository.root).problem


def test_differences_in_a_pack_that_grow_a_million_times(repository):
    """A delta says `copy these 16 MB` as often as it likes, in seven bytes."""
    base, sha = repository.add(b"blob", bytes(1 << 24)), "12" * 20
    copies = 64
    delta = number(1 << 24) + number(((1 << 24) - 1) * copies) + (b"\xf0\xff\xff\xff") * copies
    repository.pack(sha, entry(7, len(delta)) + bytes.fromhex(base) + zlib.compress(delta))
    repository.commit(repository.tree((b"100644", b"a", sha)))
    assert read(collect_git, repository.root).problem


def test_a_difference_from_itself(repository):
    sha, delta = "12" * 20, number(1) + number(1) + b"\x01x"
    repository.pack(sha, entry(7, len(delta)) + bytes.fromhex(sha) + zlib.compress(delta))
    repository.commit(repository.tree((b"100644", b"a", sha)))
    assert read(collect_git, repository.root).problem


@pytest.fixture
def tracked(tmp_path):
    (tmp_path / ".dvc" / "cache" / "files" / "md5").mkdir(parents=True)
    (tmp_path / ".dvc" / "config").write_text("")
    return tmp_path


def test_pointers_in_the_history_that_are_long_to_read(tracked, monkeypatch):
    monkeypatch.setattr(dvc_module, "LONGEST_HISTORY", 200_000)
    repository, last = Repository(tracked), ()
    for commit in range(20):
        blob = repository.add(b"blob", b"x: [" + b"{}," * 21_000 + b"] #%d" % commit)
        tree = repository.tree(*((b"100644", b"%d.dvc" % each, blob) for each in range(30)))
        last = (repository.commit(tree, *last),)
    git = collect_git(tracked)
    assert len(git.commits) == 20
    assert read(collect_dvc, tracked, git).problem is None


def test_listings_of_directories_that_are_endless_together(tracked, monkeypatch):
    monkeypatch.setattr(dvc_module, "MOST_ENTRIES", 20_000)
    for which in range(12):
        entries = ",".join(f'{{"md5":"{each + which * 10**7:032x}","relpath":"{each}"}}' for each in range(15_000))
        content = f"[{entries}]".encode()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        place = tracked / ".dvc" / "cache" / "files" / "md5" / md5[:2] / f"{md5[2:]}.dir"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
        (tracked / f"d{which}.dvc").write_text(f"outs:\n- path: d{which}\n  md5: {md5}.dir\n")
    with little_memory(60 << 20):
        assert sum(len(each.entries) for each in read(collect_dvc, tracked).outputs) <= 20_000


# Two blocks of Wang and Yu that share an MD5 sum.
ONE = (
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a"
    "085125e8f7cdc99fd91dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0"
    "e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70"
)
OTHER = (
    "d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f8955ad340609f4b30283e4888325f1415a"
    "085125e8f7cdc99fd91dbd7280373c5bd8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0"
    "e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70"
)


def test_two_files_with_one_md5_sum_are_two_files(tracked):
    """What a store holds is known by the SHA-256 of its own bytes, whatever MD5 says of them."""
    one, other = bytes.fromhex(ONE), bytes.fromhex(OTHER)
    md5 = hashlib.md5(one, usedforsecurity=False).hexdigest()
    assert one != other
    assert hashlib.md5(other, usedforsecurity=False).hexdigest() == md5
    place = tracked / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    place.parent.mkdir()
    (tracked / "a.bin.dvc").write_text(f"outs:\n- path: a.bin\n  md5: {md5}\n")
    for content in (one, other):
        place.write_bytes(content)
        dvc = collect_dvc(tracked)
        assert dvc.sums() == {hashlib.sha256(content).hexdigest(): md5}


def test_notebooks_of_a_million_cells(tmp_path):
    (tmp_path / "runs").mkdir()
    for each in range(4):
        (tmp_path / "runs" / f"{each}.ipynb").write_text('{"cells":[' + "{}," * 300_000 + "{}]}")
    with little_memory():
        found = read(collect_notebooks, tmp_path, ("runs/*.ipynb",), seconds=30)
    assert all(each.problem for each in found.records)
