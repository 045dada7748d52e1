"""The git collector: what it reads of honest repositories, and that hostile ones neither run, hang nor escape."""

import gc
import os
import subprocess
import time
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.collect import git as collector
from checker.collect.git import Ignored, collect_git
from checker.evidence.git import Blob, Git

QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "LC_ALL": "C"}
NAMES = {f"GIT_{who}_{what}": "a@b.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(root, *arguments, when=None):
    dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when} if when else {}
    environment = os.environ | QUIET | NAMES | dates
    done = subprocess.run(["git", *arguments], cwd=root, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "workspace"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    return root


def commit(root, message="more", when=None, **files):
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message, when=when)
    return git(root, "rev-parse", "HEAD")


def test_no_repository_and_no_commit(tmp_path, repository):
    assert not collect_git(tmp_path).present
    read = collect_git(repository)
    assert (read.present, read.branch, read.commits, read.problem) == (True, "main", (), None)


def test_commits_files_and_what_differs(repository):
    first = commit(repository, "one\n\nmore", a_dot_txt="1", data__raw_dot_dvc="outs: []\n")
    second = commit(repository, "two", a_dot_txt="22")
    (repository / "a.txt").unlink()
    third = commit(repository, "three")
    read = collect_git(repository)
    assert [each.sha for each in read.commits] == [third, second, first]
    assert [each.subject for each in read.commits] == ["three", "two", "one"]
    assert read.commits[1].parents == (first,)
    assert [blob.size for blob in read.versions("a.txt")] == [2, 1]
    assert read.commits[0].removed == ("a.txt",)
    assert read.tracked("data/raw.dvc").text == "outs: []\n"
    assert read.ancestors(third) == {first, second}
    assert read.modified == ()
    (repository / "data/raw.dvc").write_text("outs: [1]\n")
    assert collect_git(repository).modified == ("data/raw.dvc",)
    (repository / "data/raw.dvc").write_bytes(b"outs: []\r\n")
    assert collect_git(repository).modified == ()
    (repository / "data/raw.dvc").unlink()
    (repository / "data/raw.dvc").symlink_to("/etc/passwd")
    assert collect_git(repository).modified == ("data/raw.dvc",)


def test_packed_and_detached(repository):
    for number in range(12):
        commit(repository, str(number), a_dot_txt="line\n" * number)
    before = collect_git(repository)
    git(repository, "gc", "--quiet", "--prune=now")
    git(repository, "checkout", "--quiet", "--detach")
    after = collect_git(repository)
    assert (after.commits, after.head) == (before.commits, before.head)
    assert (before.branch, after.branch) == ("main", None)


def test_order_does_not_trust_dates(repository):
    shas = [commit(repository, when=f"@{when} +0000", a_dot_txt=when) for when in ("3000000000", "1000000000", "0")]
    assert [each.sha for each in collect_git(repository).commits] == shas[::-1]


def test_merges_other_branches_and_tags(repository):
    first = commit(repository, a_dot_txt="1")
    git(repository, "switch", "--quiet", "--create", "side")
    side = commit(repository, b_dot_txt="2")
    git(repository, "switch", "--quiet", "main")
    commit(repository, c_dot_txt="3")
    git(repository, "merge", "--quiet", "--no-ff", "--no-edit", "side")
    git(repository, "switch", "--quiet", "--create", "left")
    left = commit(repository, big_dot_bin=b"x" * 5000)
    git(repository, "tag", "--annotate", "--message", "t", "inner")
    git(repository, "tag", "--annotate", "--message", "t", "outer", "inner")
    git(repository, "tag", "blob", git(repository, "rev-parse", "HEAD:a.txt"))
    git(repository, "switch", "--quiet", "main")
    git(repository, "branch", "--quiet", "-D", "left")
    read = collect_git(repository)
    assert [blob.path for blob in read.commits[0].changed] == ["b.txt"]
    assert {first, side} <= read.ancestors(read.commits[0].sha)
    assert [each.sha for each in read.elsewhere] == [left]
    assert max(blob.size for _, blob in read.everything()) == 5000


def test_nothing_that_a_config_names_is_run_or_read(repository, tmp_path):
    commit(repository, a_dot_txt="1")
    marker = tmp_path / "marker"
    command = tmp_path / "command.sh"
    command.write_text(f"#!/bin/sh\ntouch {marker}\n")
    command.chmod(0o755)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    hooks = repository / ".git" / "hooks"
    for name in ("post-checkout", "reference-transaction", "fsmonitor-watchman", "post-index-change"):
        (hooks / name).write_text(command.read_text())
        (hooks / name).chmod(0o755)
    with (repository / ".git" / "config").open("a") as file:
        file.write(
            f"[core]\n fsmonitor = {command}\n hooksPath = {tmp_path}\n sshCommand = {command}\n pager = {command}\n"
            f" worktree = /etc\n attributesFile = {pipe}\n excludesFile = {pipe}\n"
            f'[filter "x"]\n clean = {command}\n smudge = {command}\n process = {command}\n required = true\n'
            f"[include]\n path = {pipe}\n[diff]\n external = {command}\n[alias]\n status = !{command}\n"
        )
    (repository / ".gitattributes").write_text("* filter=x diff=x\n")
    (repository / ".git" / "info" / "attributes").write_text("* filter=x\n")
    read = collect_git(repository)
    assert read.problem is None
    assert len(read.commits) == 1
    assert read.modified == ()
    assert not marker.exists()


def _linked(root, elsewhere):
    (root / ".git").rename(elsewhere / "real")
    (root / ".git").symlink_to(elsewhere / "real")


def _gitfile(root, elsewhere):
    (root / ".git").rename(elsewhere / "real")
    (root / ".git").write_text(f"gitdir: {elsewhere / 'real'}\n")


def _alternates(root, elsewhere):
    (root / ".git/objects/info/alternates").write_text(f"{elsewhere}\n")


def _commondir(root, elsewhere):
    (root / ".git/commondir").write_text(f"{elsewhere}\n")


def _linked_objects(root, elsewhere):
    (root / ".git/objects").rename(elsewhere / "objects")
    (root / ".git/objects").symlink_to(elsewhere / "objects")


def _pipe_for_a_head(root, elsewhere):
    (root / ".git/HEAD").unlink()
    os.mkfifo(root / ".git/HEAD")


def _pipe_for_a_pack(root, elsewhere):
    (root / ".git/objects/pack").mkdir(exist_ok=True)
    os.mkfifo(root / ".git/objects/pack/pack-0.idx")


def _endless_reference(root, elsewhere):
    (root / ".git/HEAD").write_text("ref: refs/heads/a\n")
    (root / ".git/refs/heads/a").write_text("ref: refs/heads/a\n")


def _huge_reference(root, elsewhere):
    with (root / ".git/packed-refs").open("wb") as file:
        file.truncate(1 << 30)


def _no_objects(root, elsewhere):
    for path in sorted((root / ".git/objects").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()


def _broken_pack(root, elsewhere):
    git(root, "gc", "--quiet")
    pack = next((root / ".git/objects/pack").glob("*.pack"))
    pack.chmod(0o644)
    content = bytearray(pack.read_bytes())
    content[12:60] = b"\xff" * 48
    pack.write_bytes(content)


def _forged_object(root, elsewhere):
    sha = git(root, "rev-parse", "HEAD:a.txt")
    path = root / ".git/objects" / sha[:2] / sha[2:]
    path.chmod(0o644)
    path.write_bytes(zlib.compress(b"blob 5\0other"))


def _bomb(root, elsewhere):
    sha = git(root, "rev-parse", "HEAD:a.txt")
    path = root / ".git/objects" / sha[:2] / sha[2:]
    path.chmod(0o644)
    path.write_bytes(zlib.compress(b"blob 1\0" + bytes(300 << 20), 1))


def _commit_that_is_a_file(root, elsewhere):
    (root / ".git/refs/heads/main").write_text(git(root, "rev-parse", "HEAD:a.txt") + "\n")


HOSTILE = [
    _linked, _gitfile, _alternates, _commondir, _linked_objects, _pipe_for_a_head, _pipe_for_a_pack, _endless_reference,
    _huge_reference, _no_objects, _broken_pack, _forged_object, _bomb, _commit_that_is_a_file,
]  # fmt: skip


@pytest.mark.timeout(20)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # dulwich leaves a pack open that it cannot read
@pytest.mark.parametrize("spoil", HOSTILE)
def test_a_hostile_repository_is_a_problem_in_words(repository, tmp_path, spoil):
    commit(repository, a_dot_txt="1")
    spoil(repository, tmp_path)
    read = collect_git(repository)
    gc.collect()
    assert read.present
    assert read.problem or not read.commits
    assert read.problem is None or read.problem.isprintable()


def test_a_worktree_and_a_shallow_clone_are_refused(repository, tmp_path):
    commit(repository, a_dot_txt="1")
    commit(repository, a_dot_txt="2")
    git(repository, "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    assert "worktree" in collect_git(tmp_path / "tree").problem
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "shallow")
    assert "shallow" in collect_git(tmp_path / "shallow").problem


def _raw(root, kind, content):
    environment = os.environ | QUIET
    command = ["git", "hash-object", "-w", "--stdin", "--literally", "-t", kind]
    return subprocess.run(command, cwd=root, env=environment, input=content, capture_output=True, check=True).stdout[
        :40
    ]


@pytest.mark.parametrize("name", [b"..", b"/etc", b".git", b"a/../../b", b"\xff\xfe", b"a\nb", b"x" * 5000, b"\x1b[2J"])
def test_names_that_climb_are_only_names(repository, tmp_path, name):
    (tmp_path / "b").write_text("secret")
    blob = _raw(repository, "blob", b"secret")
    tree = _raw(repository, "tree", b"100644 " + name + b"\0" + bytes.fromhex(blob.decode()))
    head = _raw(repository, "commit", b"tree " + tree + b"\nauthor a <b> 0 +0000\ncommitter a <b> 0 +0000\n\nm\n")
    (repository / ".git/refs/heads/main").write_bytes(head + b"\n")
    read = collect_git(repository)
    assert read.problem or len(read.modified) == 1


@pytest.mark.timeout(60)
def test_a_long_history_is_cut_with_a_reason(repository, monkeypatch):
    lines = []
    for number in range(3000):
        lines.append(f"commit refs/heads/main\ncommitter a <b> {number} +0000\ndata 1\nm\n")
        lines.append(f"M 644 inline f{number % 50}\ndata {len(str(number))}\n{number}\n")
    environment = os.environ | QUIET
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=repository, env=environment, input="".join(lines), text=True, check=True
    )
    started = time.process_time()
    assert "2000 commits" in collect_git(repository).problem
    monkeypatch.setattr(collector, "MOST_COMMITS", 5000)
    assert len(collect_git(repository).commits) == 3000
    assert time.process_time() - started < 15


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bytes_raise(repository, data):
    if not (repository / "a").exists():
        commit(repository, a="1")
    files = sorted(each for each in (repository / ".git").rglob("*") if each.is_file() and "hooks" not in each.parts)
    victim = data.draw(st.sampled_from(files))
    before = victim.read_bytes()
    victim.chmod(0o644)
    victim.write_bytes(data.draw(st.binary(max_size=80) | st.binary(max_size=80).map(lambda end: before[:60] + end)))
    try:
        read = collect_git(repository)
        assert read.model_validate_json(read.model_dump_json()) == read
    finally:
        gc.collect()
        victim.write_bytes(before)


FILES = (
    "a", "b.csv", "raw/x.csv", "data/a.csv", "data/raw/2025-03.csv", "data/raw/deep/2025-03.csv", "data/raw/A.CSV",
    "data/raw/a b", "data/raw/a ", "data/rawer/a.csv", "data/raw/[x].csv", "x/data/raw/a.csv", "#x", "!x", "a b/c",
)  # fmt: skip
PATTERNS = [
    {".gitignore": "**/raw/*.csv"},
    {".gitignore": "data/*.csv"},
    {".gitignore": "/data"},
    {".gitignore": "data/"},
    {".gitignore": "a/"},
    {".gitignore": "data/raw"},
    {".gitignore": "data/raw/"},
    {".gitignore": "data/raw/*"},
    {".gitignore": "raw"},
    {".gitignore": "/raw"},
    {".gitignore": "**/raw"},
    {".gitignore": "data/**"},
    {".gitignore": "data/**/2025-03.csv"},
    {".gitignore": "data/**/a.csv\n**/deep/"},
    {".gitignore": "*.csv\n!2025-*.csv"},
    {".gitignore": "!*.csv\n*.csv"},
    {".gitignore": "data/\n!data/raw/2025-03.csv"},
    {".gitignore": "data/*\n!data/raw/"},
    {".gitignore": "data/raw/*\n!data/raw/2025-03.csv"},
    {".gitignore": "# *.csv\n\n   \n\\#x\n\\!x"},
    {".gitignore": "*.csv   \r\nraw/  \r\n"},
    {".gitignore": "a\\ \n"},
    {".gitignore": "a \\ "},
    {".gitignore": " *.csv"},
    {".gitignore": "*.csv\t"},
    {".gitignore": "\ufeffdata\n"},
    {".gitignore": "2025-0[1-9].csv\n[!a]"},
    {".gitignore": "[^0-9]*.csv\n[[:upper:]].CSV"},
    {".gitignore": "\\[x\\].csv\n[\n[]"},
    {".gitignore": "da?a/r*w/*.c?v"},
    {".gitignore": "*/*.csv"},
    {".gitignore": "data\n!/***"},
    {".gitignore": "/****/raw\n!***/deep"},
    {".gitignore": "d***\n!***/***/raw/***"},
    {".gitignore": "!\n/\n//\n"},
    {".gitignore": "*.CSV\nRAW"},
    {".gitignore": "*", "data/raw/.gitignore": "!*"},
    {".gitignore": "*.csv", "data/raw/.gitignore": "!/2025-03.csv"},
    {".gitignore": "!*.csv", "data/.gitignore": "*.csv", "data/raw/.gitignore": "!deep/*"},
    {"data/.gitignore": "/raw"},
    {"data/.gitignore": "data/raw"},
    {"data/raw/.gitignore": "/2025-03.csv"},
    {"data/raw/.gitignore": "../a.csv\n./2025-03.csv"},
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    git(root, "init", "--quiet")
    for name in FILES:
        if name != "a b/c":
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("")
    return root


def left_out(root, texts):
    """What `git check-ignore` says of FILES."""
    for path in root.rglob(".gitignore"):
        path.unlink()
    for path, text in texts.items():
        (root / path).write_bytes(text.encode())
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=root, env=os.environ | QUIET, input="\0".join(FILES).encode(), capture_output=True, check=False,
    )  # fmt: skip
    assert not done.stderr
    return set(done.stdout.decode().split("\0")) - {""}


def committed(texts):
    blobs = (Blob(path=path, sha="", size=0, text=text) for path, text in texts.items())
    return Ignored(Git(present=True, head=tuple(blobs)))


@pytest.mark.parametrize("texts", PATTERNS)
def test_what_is_left_out_is_what_git_leaves_out(tree, texts):
    assert {path for path in FILES if committed(texts)(path)} == left_out(tree, texts)


PART = st.lists(
    st.sampled_from(["*", "?", "a", "x", "raw", "2025-03", ".csv", "[0-9]", "[!a]", "[", "\\*"]), max_size=3
)
PATTERN = st.builds(
    lambda before, parts, after: before + "/".join(parts) + after,
    st.sampled_from(["", "", "!", "/", "!/", "#", "\\#", " ", "**/"]),
    st.lists(
        st.sampled_from(["data", "raw", "deep", "**", "*"]) | PART.map("".join).filter(bool), min_size=1, max_size=3
    ),
    st.sampled_from(["", "", "/", "/*", "/**", " ", "\\ ", "\r"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.dictionaries(
        st.sampled_from([".gitignore", "data/.gitignore", "data/raw/.gitignore"]),
        st.lists(PATTERN, min_size=1, max_size=4).map("\n".join),
        min_size=1,
    )
)
def test_any_patterns_are_read_as_git_reads_them(tree, texts):
    assert {path for path in FILES if committed(texts)(path)} == left_out(tree, texts)


def test_the_committed_gitignore_counts_and_not_that_of_the_workspace(repository):
    commit(repository, _dot_gitignore="*.csv\n", data___dot_gitignore="!a.csv\n")
    (repository / ".gitignore").write_text("*\n")
    (repository / "data" / ".gitignore").unlink()
    (repository / ".git" / "info" / "exclude").write_text("*\n")
    ignored = Ignored(collect_git(repository))
    assert [path for path in ("b.csv", "data/a.csv", "data/b.csv", "b.txt") if ignored(path)] == ["b.csv", "data/b.csv"]


@pytest.mark.timeout(20)
def test_patterns_that_would_take_for_ever_are_not_read(monkeypatch):
    hostile = {
        "*a" * 20 + "b", "*a*a*b", "**/a/" * 20 + "b", "**/a/**/a/**/b", "*/" + "a*" * 200, "*a*a/" * 20 + "b",
        "*a*a*a/*a*a*a/b", "*" * 50_000 + "b", "a" * 50_000,
    }  # fmt: skip
    ignored = committed({".gitignore": "\n".join(hostile)})
    for path in ("a" * 250, "a/" * 400 + "a", "x/" * 400 + "a" * 100, ("a" * 100 + "/") * 9 + "a", "a" * 40 + "/a"):
        started = time.process_time()
        assert not ignored(path)
        assert time.process_time() - started < 3
    many = committed({".gitignore": "a\n" * 20_000 + "b\n"})
    assert not many("b")
    monkeypatch.setattr(collector, "MOST_STEPS", 10)
    few = committed({".gitignore": "b\n"})
    assert [few(f"{number}/b") for number in range(10)] == [True] * 5 + [False] * 5


@pytest.mark.timeout(60)
def test_fifty_thousand_files_and_a_usual_gitignore():
    usual = [f"{name}/\n*.{name}\n/{name}*.tmp" for name in "abcdefghijklmnopqrst"]
    ignored = committed({".gitignore": "\n".join([*usual, "**/raw/*.csv"]), "data/.gitignore": "*.txt"})
    started = time.process_time()
    assert all(ignored(f"data/raw/transactions-{number}.csv") for number in range(50_000))
    assert not any(ignored(f"data/raw/transactions-{number}.md") for number in range(2_000))
    assert time.process_time() - started < 20


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=30), path=st.text(max_size=12) | st.sampled_from(["a\0", "\ud800", "//", "..", "/a/"]))
def test_no_pattern_and_no_path_raises(text, path):
    assert committed({".gitignore": text})(path) in (True, False)
