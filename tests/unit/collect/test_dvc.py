"""The DVC collector: that it agrees with DVC itself, and that hostile files neither run, hang nor escape."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.collect.dvc import collect_dvc
from checker.collect.git import collect_git
from checker.evidence.git import Blob, Git

TOOLS = str(Path(sys.executable).parent)


def run(root, *command):
    environment = os.environ | {
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(root.parent / "global"),
        "DVC_SITE_CACHE_DIR": str(root.parent / "site"),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def md5(content):
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def workspace(tmp_path):
    root = tmp_path / "workspace"
    (root / ".dvc").mkdir(parents=True)
    return root


def store(folder, content, name=None):
    name = name or md5(content)
    path = folder / "files" / "md5" / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


def listing(**files):
    entries = [{"md5": md5(content), "relpath": path.replace("_", ".")} for path, content in files.items()]
    return json.dumps(entries, sort_keys=True).encode()


def track(root, path, sum_, source=None, **more):
    file = root / (source or f"{path}.dvc")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({"outs": [{"md5": sum_, "hash": "md5", "path": Path(path).name, **more}]}))


def remote(root, url, more=""):
    (root / ".dvc" / "config").write_text(f"[core]\n    remote = r\n['remote \"r\"']\n    url = {url}\n{more}")


def test_it_agrees_with_dvc_itself(tmp_path):
    """One repository made by the real commands: directory, file, names, remote, cache elsewhere, old versions."""
    root = tmp_path / "workspace"
    (root / "raw" / "deep er" / ".hidden").mkdir(parents=True)
    (root / "raw" / "b.csv").write_text("1\r\n2\n")
    (root / "raw" / "a-b").write_text("")
    (root / "raw" / "a").mkdir()
    (root / "raw" / "a" / "ü.csv").write_text("ü")
    (root / "raw" / "deep er" / ".hidden" / "x").write_text("x")
    (root / "single.bin").write_bytes(bytes(range(256)) * 5000)
    run(root, "git", "init", "--quiet")
    run(root, "git", "config", "user.name", "a")
    run(root, "git", "config", "user.email", "a@b.invalid")
    run(root, "dvc", "init", "--quiet")
    run(root, "dvc", "cache", "dir", "../cache of dvc")
    run(root, "dvc", "remote", "add", "--default", "store", "../remote, with a comma # and more")
    run(root, "dvc", "add", "raw", "single.bin")
    run(root, "git", "add", ".")
    run(root, "git", "commit", "--quiet", "--message", "one")
    run(root, "dvc", "push")
    (root / "raw" / "b.csv").write_text("changed")
    before = collect_dvc(root, collect_git(root))
    changed = next(output for output in before.outputs if output.path == "raw")
    assert not changed.current
    assert changed.cache.whole
    assert changed.remote.whole
    run(root, "dvc", "add", "raw")
    run(root, "git", "commit", "--quiet", "--all", "--message", "two")
    assert not collect_dvc(root).covering("raw").remote.present
    run(root, "dvc", "push")
    read = collect_dvc(root, collect_git(root))
    assert (read.problem, read.broken) == (None, ())
    assert not any(output.exposed for output in read.outputs)
    assert {output.path for output in read.outputs} == {"raw", "single.bin"}
    assert all(output.current and output.cache.whole and output.remote.whole for output in read.outputs)
    assert [version.path for version in read.versions] == ["raw", "raw", "single.bin"]
    assert all(version.remote.whole for version in read.versions)
    assert read.covering("raw/a/ü.csv").md5_of("raw/a/ü.csv") == md5("ü".encode())
    assert read.sums()[hashlib.sha256(b"1\r\n2\n").hexdigest()] == md5(b"1\r\n2\n")
    default = read.default_remote
    assert (default.exists, default.committable, default.shares_cache) == (True, True, False)
    assert Path(default.directory) == tmp_path / "remote, with a comma # and more"
    status = json.loads(run(root, "dvc", "status", "--json"))
    assert status == {}


def test_no_repository(tmp_path, workspace):
    assert not collect_dvc(tmp_path).present
    assert collect_dvc(workspace).present
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / ".dvc").symlink_to(workspace / ".dvc")
    assert "link" in collect_dvc(tmp_path / "linked").problem


@pytest.mark.parametrize(
    ("url", "local", "shares"),
    [
        ("../remote", True, False),
        ("/nowhere/at/all", True, False),
        ("../../../../../../../../etc", True, False),
        ("cache", True, True),
        ("../.dvc/cache/", True, True),
        ("../.dvc", True, True),
        ("cache/inner", True, True),
        ("'cache'", True, True),
        ("~", True, None),
        ("~nobody-of-that-name/x", None, False),
        ("../loop/x", None, False),
        ("../link", True, True),
        ("ssh://evil.invalid/x", False, False),
        ("s3://bucket", False, False),
        ("file:///etc", False, False),
        ("remote://r/x", False, False),
        ("a\0b", False, False),
        ("x" * 5000, False, False),
    ],
)
def test_where_a_remote_is(workspace, url, local, shares):
    (workspace / "loop").symlink_to("loop")
    (workspace / "link").symlink_to(".dvc/cache")
    (workspace / ".dvc" / "cache").mkdir()
    remote(workspace, url)
    read = collect_dvc(workspace).default_remote
    if local is not None:
        assert (read.directory is not None) == local
    if shares is not None:
        assert read.shares_cache == shares


def test_a_local_setting_is_no_committed_one(workspace):
    remote(workspace, "../remote")
    (workspace / ".dvc" / "config").rename(workspace / ".dvc" / "config.local")
    assert not collect_dvc(workspace).default_remote.committable
    remote(workspace, "../elsewhere")
    read = collect_dvc(workspace).default_remote
    assert read.committable
    assert read.directory == str(workspace / "remote")


@pytest.mark.parametrize(
    "config",
    [
        b"\xff\xfe",
        b"no section\n",
        b"[core\n",
        b"[core]\nremote",
        b"[\0]\nremote = r\n",
        b"['remote \"r\"']\nurl = %(home)s ${x}\n[core]\nremote = r\n[core]\nremote = q\n",
        b"[DEFAULT]\nremote = r\n",
        b"[a]\n" * 100_000,
    ],
)
def test_a_broken_config_is_told(workspace, config):
    (workspace / ".dvc" / "config").write_bytes(config)
    read = collect_dvc(workspace)
    assert read.present
    assert read.default_remote is None or not read.default_remote.exists


def test_plugins_and_pipes_in_the_config_do_nothing(workspace, tmp_path):
    os.mkfifo(workspace / ".dvc" / "config.local")
    (workspace / ".dvc" / "plugins").mkdir()
    (workspace / ".dvc" / "plugins" / "evil.py").write_text("raise SystemExit")
    remote(workspace, "../remote", f"    type = !!python/object/apply:os.system ['touch {tmp_path}/marker']\n")
    read = collect_dvc(workspace)
    assert [each.source for each in read.broken] == [".dvc/config.local"]
    assert "config.local" in read.broken[0].problem
    assert read.broken_for("data/raw/a.csv") is None
    assert not (tmp_path / "marker").exists()


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["data.dvc", "dvc.lock"])
@pytest.mark.parametrize(
    "content",
    [
        BOMB.encode(),
        b"outs: !!python/object/apply:os.system ['touch marker']\n",
        b"[" * 100_000,
        b"\xff\xff",
        b"outs: [{md5: 1, path: x}]\nstages: {a: {outs: [{md5: 1, path: x}]}}\n",
        b"outs: [{path: x}]\nstages: {a: {outs: [{path: x}]}}\n",
        b"x" * (2 << 20),
        b'outs: [{md5: d41d8cd98f00b204e9800998ecf8427e, path: "a\\0b"}]\n'
        b'stages: {a: {outs: [{md5: d41d8cd98f00b204e9800998ecf8427e, path: "a\\0b"}]}}\n',
    ],
)
def test_a_hostile_text_is_told(workspace, name, content):
    (workspace / name).write_bytes(content)
    read = collect_dvc(workspace)
    assert read.problem is None
    assert [each.source for each in read.broken] == [name]
    assert name in read.broken[0].problem
    assert read.outputs == ()
    assert not (workspace / "marker").exists()


def test_what_is_broken_hides_nothing_else(workspace):
    good = {"md5": md5(b"1"), "path": "good"}
    (workspace / "a.dvc").write_text(yaml.safe_dump({"outs": [{"path": "no sum"}, good]}))
    (workspace / "old").mkdir()
    (workspace / "old" / "raw.dvc").write_text("<<<<<<< HEAD\n")
    with open(os.fsencode(workspace) + b"/\xff.dvc", "w") as file:  # noqa: PTH123
        file.write("outs: []\n")
    track(workspace, "raw", md5(b"2"))
    read = collect_dvc(workspace)
    assert [output.path for output in read.outputs] == ["good", "raw"]
    assert [each.source for each in read.broken] == ["a.dvc", "\\udcff.dvc", "old/raw.dvc"]
    assert read.broken_for("old/raw/a.csv").source == "old/raw.dvc"
    assert read.broken_for("old/raw").source == "old/raw.dvc"
    assert read.broken_for("old/rawer").source == "a.dvc"
    assert read.model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize("sum_", [{"etag": '"5f3a"'}, {"checksum": "1"}])
@pytest.mark.parametrize("path", ["a.csv", "s3://bucket/a.csv", "/mnt/a.csv"])
def test_outputs_with_the_sum_of_a_server_are_left_alone(workspace, sum_, path):
    (workspace / "a.dvc").write_text(yaml.safe_dump({"outs": [sum_ | {"path": path}]}))
    read = collect_dvc(workspace)
    assert (read.outputs, read.broken) == ((), ())


def test_what_no_committed_gitignore_leaves_out_is_exposed(workspace):
    cache = workspace / ".dvc" / "cache"
    content = listing(a_csv=b"1", b_txt=b"2")
    track(workspace, "raw", store(cache, content, md5(content) + ".dir"))
    track(workspace, "single.csv", md5(b"3"))

    def exposed(texts):
        blobs = (Blob(path=path, sha="", size=0, text=text) for path, text in texts.items())
        read = collect_dvc(workspace, Git(present=True, head=tuple(blobs)))
        return [path for output in read.outputs for path in output.exposed]

    (workspace / ".gitignore").write_text("*")
    every = ["raw/a.csv", "raw/b.txt", "single.csv"]
    assert exposed({}) == every
    assert exposed({".gitignore": "*.csv\n"}) == ["raw/b.txt"]
    assert exposed({".gitignore": "/raw/\n"}) == ["single.csv"]
    assert exposed({".gitignore": "/raw\n*.csv\n", "raw/.gitignore": "!*"}) == []
    assert exposed({"raw/.gitignore": "/a*\n", "other.gitignore": "*"}) == every[1:]
    assert [output.exposed for output in collect_dvc(workspace).outputs] == [(), ()]


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../etc/passwd", "a/../../x", "..", "//etc"])
def test_an_output_outside_is_refused(workspace, path):
    (workspace / "x.dvc").write_text(yaml.safe_dump({"outs": [{"md5": "0" * 32, "path": path}]}))
    read = collect_dvc(workspace)
    assert read.outputs == ()
    assert "outside" in read.broken[0].problem


def test_working_directories_and_places_of_the_dvc_file(workspace):
    sum_ = md5(b"1")
    (workspace / "data").mkdir()
    (workspace / "data" / "a").write_bytes(b"1")
    (workspace / "dvc-files").mkdir()
    text = {"wdir": "../data", "outs": [{"md5": sum_, "path": "a"}]}
    (workspace / "dvc-files" / "a.dvc").write_text(yaml.safe_dump(text))
    (workspace / "b.dvc").write_text(yaml.safe_dump({"wdir": ["x"], "outs": [{"md5": sum_, "path": "data/./a"}]}))
    read = collect_dvc(workspace)
    assert [(output.path, output.current) for output in read.outputs] == [("data/a", True), ("data/a", True)]


def test_links_and_pipes_as_outputs_are_not_followed(workspace, tmp_path):
    (tmp_path / "secret").write_text("1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").write_text("1")
    (workspace / "link").symlink_to(tmp_path / "secret")
    (workspace / "tree").symlink_to(tmp_path / "folder")
    (workspace / "inner").mkdir()
    (workspace / "inner" / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(workspace / "pipe")
    for name in ("link", "tree", "inner", "pipe"):
        track(workspace, name, md5(b"1"))
    track(workspace, "tree/x", md5(b"1"), "under.dvc")
    (workspace / "under.dvc").write_text(yaml.safe_dump({"outs": [{"md5": md5(b"1"), "path": "tree/x"}]}))
    assert {output.workspace_md5 for output in collect_dvc(workspace).outputs} == {None}


def test_objects_behind_links_or_with_other_bytes_do_not_count(workspace, tmp_path):
    place = workspace / "remote"
    remote(workspace, "../remote")
    names = {each: store(workspace / ".dvc" / "cache", each.encode()) for each in ("good", "cut", "linked", "gone")}
    for each in ("good", "cut", "linked"):
        store(place, each.encode())
    path = place / "files" / "md5"
    (path / names["cut"][:2] / names["cut"][2:]).write_bytes(b"cu")
    linked = path / names["linked"][:2] / names["linked"][2:]
    linked.unlink()
    linked.symlink_to(workspace / ".dvc" / "cache" / "files" / "md5" / names["linked"][:2] / names["linked"][2:])
    for each, sum_ in names.items():
        track(workspace, each, sum_)
    read = {output.path: output for output in collect_dvc(workspace).outputs}
    assert all(output.cache.whole for output in read.values())
    assert {each for each, output in read.items() if output.remote.whole} == {"good"}
    assert read["cut"].remote.damaged
    assert read["gone"].remote.missing
    shutil.rmtree(place / "files")
    (place / "files").symlink_to(workspace / ".dvc" / "cache" / "files")
    assert not any(output.remote.whole for output in collect_dvc(workspace).outputs)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"null", b"[1]", b"[[]]", b"[" * 50_000, b'[{"relpath": 1, "md5": "x"}]', b"\xff",
        b'[{"relpath": "a", "md5": "../../../../../../../../../../etc/passwd"}]',
        b'[{"relpath": "\\ud800", "md5": "d41d8cd98f00b204e9800998ecf8427e"}]',
    ],
)  # fmt: skip
def test_a_listing_that_is_none_is_damaged(workspace, content):
    remote(workspace, "../remote")
    name = store(workspace / "remote", content, md5(content) + ".dir")
    track(workspace, "raw", name)
    output = collect_dvc(workspace).outputs[0]
    assert output.entries == ()
    assert output.remote.present
    assert not output.remote.whole


def test_a_listing_with_other_bytes_is_damaged_and_its_files_are_checked(workspace):
    remote(workspace, "../remote")
    honest = listing(a_csv=b"1", b_csv=b"2")
    name = store(workspace / "remote", honest, md5(honest) + ".dir")
    store(workspace / "remote", b"1")
    track(workspace, "raw", name)
    output = collect_dvc(workspace).outputs[0]
    assert output.remote.missing == ("b.csv",)
    assert output.md5_of("raw/b.csv") == md5(b"2")
    store(workspace / "remote", listing(a_csv=b"1"), name)
    output = collect_dvc(workspace).outputs[0]
    assert output.remote.damaged == (name,)
    assert output.md5_of("raw/a.csv") is None


@pytest.mark.timeout(60)
def test_a_directory_of_fifty_thousand_files(workspace):
    entries = []
    folder = workspace / "aaa"
    folder.mkdir()
    for number in range(50_000):
        (folder / f"{number}").write_bytes(b"")
        entries.append({"md5": md5(b""), "relpath": f"{number}"})
    entries.sort(key=lambda entry: entry["relpath"])
    content = json.dumps(entries, sort_keys=True).encode()
    name = store(workspace / ".dvc" / "cache", content, md5(content) + ".dir")
    store(workspace / ".dvc" / "cache", b"")
    track(workspace, "aaa", name)
    track(workspace, "zzz", md5(b""))
    started = time.process_time()
    read = collect_dvc(workspace)
    assert time.process_time() - started < 20
    assert [output.path for output in read.outputs] == ["aaa", "zzz"]
    assert read.outputs[0].current
    assert read.outputs[0].cache.whole


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    config=st.binary(max_size=200) | st.text().map(lambda url: f'[core]\nremote=r\n[remote "r"]\nurl={url}\n'.encode()),
    dvc=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=9) | st.sampled_from(["0" * 32, "0" * 32 + ".dir", "..", "/"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["outs", "md5", "path", "wdir", "stages", "cache"]) | st.text(max_size=3),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    ).map(lambda data: json.dumps(data).encode()),
    listed=st.binary(max_size=100),
)
def test_no_bytes_raise(workspace, config, dvc, listed):
    (workspace / ".dvc" / "config").write_bytes(config)
    for name in ("a.dvc", "dvc.lock"):
        (workspace / name).write_bytes(dvc)
    store(workspace / ".dvc" / "cache", listed, "0" * 32 + ".dir")
    read = collect_dvc(workspace)
    assert read.model_validate_json(read.model_dump_json()) == read
