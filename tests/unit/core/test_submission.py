"""Freeze and thaw: the same evidence on the other side, nothing that is nobody's business, any mutation refused."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker import archive, attempts, manifest, submission, workspace
from checker.archive import MANIFEST, MLFLOW, Refused, open_archive, write_archive
from checker.cli import main
from checker.collect import collect
from checker.errors import Unavailable
from checker.evidence.mlflow import ArtifactFile, Experiment, LoggedModel, Mlflow, Run
from checker.grading import grade
from tests.support import COURSE, ROOT, free_port

GIVEN = {"1": 600, "3": 2000, "8": 600}


def lab_of(wanted):
    """A lab of the course with fewer rows in the files that it gives."""
    lab = COURSE.find(wanted)
    rows = {"rows": GIVEN[str(lab.day)]}
    return lab.model_copy(update={"fixtures": tuple(each.model_copy(update=rows) for each in lab.fixtures)})


GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
GIT |= {f"GIT_{who}_{what}": "a@b.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLOPS_LABS_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("MLOPS_LABS_COURSE", str(ROOT))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def md5(content):
    return hashlib.md5(content).hexdigest()


def git(root, *arguments):
    subprocess.run(["git", *arguments], cwd=root, env=os.environ | GIT, check=True, capture_output=True)


def store(folder, content, suffix=""):
    name = md5(content) + suffix
    path = folder / "files" / "md5" / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


def start(day, **options):
    return workspace.start(lab_of(day), ROOT, seed=7, **options)[0]


def third_day(made, remote="../../store"):
    """Do what day 3 asks for, by hand: git, DVC, a remote, two versions."""
    root = made.path
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text(f"[core]\n    remote = r\n['remote \"r\"']\n    url = {remote}\n")
    (root / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    (root / "data" / ".gitignore").write_text("/raw\n")
    git(root, "init", "--quiet")
    stores = [root / ".dvc" / "cache", Path(os.path.normpath(root / ".dvc" / remote))]
    for version in range(2):
        if version:
            shutil.copy(root / "incoming/2025-04-corrected.csv", root / "data/raw/2025-04.csv")
        raw = sorted((root / "data" / "raw").iterdir())
        entries = [{"md5": md5(path.read_bytes()), "relpath": path.name} for path in raw]
        for folder in stores:
            for path in raw:
                store(folder, path.read_bytes())
            listing = store(folder, json.dumps(entries, sort_keys=True).encode(), ".dir")
        (root / "data" / "raw.dvc").write_text(yaml.safe_dump({"outs": [{"md5": listing, "path": "raw"}]}))
        git(root, "add", ".dvc/config", ".dvc/.gitignore", "data/.gitignore", "data/raw.dvc")
        git(root, "commit", "--quiet", "--message", f"version {version}")
    git(root, "tag", "--annotate", "v1", "--message", "a tag")
    return made


def freeze(made, folder):
    lab = lab_of(made.identity.lab)
    with submission.frozen(lab, made) as frozen:
        return frozen.write(folder)[0]


def thaw(path, into):
    return submission.thaw(path, into, lab_of)


def journey(made, tmp_path):
    """Return the evidence read live and the evidence read of the submission, and the thawed workspace."""
    lab = lab_of(made.identity.lab)
    thawed = thaw(freeze(made, tmp_path / "out"), tmp_path / "into")
    return collect(lab, made), collect(lab, thawed), thawed


def told(evidence):
    """Evidence without what is bound to differ: where the remote lies, at which address MLflow answered."""
    data = evidence.model_dump()
    for remote in (data["dvc"] or {}).get("remotes", ()):
        remote["directory"] = remote["directory"] and "somewhere"
    if data["mlflow"]:
        data["mlflow"]["address"] = ""
    return data


def files_below(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("day", ["1", "3"])
def test_a_starter_arrives_as_it_was(place, day):
    live, carried, _ = journey(start(day), place)
    assert told(live) == told(carried)


@pytest.mark.parametrize("remote", ["../../store", "../inside", "../../nowhere/../store"])
def test_git_and_dvc_arrive_as_they_were(place, remote):
    made = third_day(start("3"), remote)
    live, carried, thawed = journey(made, place)
    assert live.dvc.default_remote.exists
    assert all(version.remote.whole for version in live.dvc.versions)
    assert told(live) == told(carried)
    marks = [grade(lab_of("3"), each) for each in (made, thawed)]
    assert len({each.earned for each in marks}) == 1
    assert marks[0].earned > 5


def test_a_day_of_large_given_files_is_small(place):
    path = freeze(third_day(start("3")), place / "out")
    assert path.stat().st_size < 20_000
    with open_archive(path) as opened:
        assert max(opened.blobs.values()) < 5_000


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("remote", ["cache", "cache/below", "../.dvc"])
def test_a_remote_that_is_the_cache_is_still_one(place, remote, exists):
    made = start("3")
    (made.path / ".dvc").mkdir()
    (made.path / ".dvc" / "config").write_text(f"[core]\n    remote = r\n['remote \"r\"']\n    url = {remote}\n")
    if exists:
        store(made.path / ".dvc" / remote, b"something")
    live, carried, _ = journey(made, place)
    assert live.dvc.default_remote.shares_cache
    assert live.dvc.default_remote.exists == (exists or remote == "../.dvc")
    assert told(live) == told(carried)


def test_an_empty_remote_and_none_are_told_apart(place):
    made = third_day(start("3"))
    shutil.rmtree(place / "work" / "store")
    for exists in (False, True):
        live, carried, _ = journey(made, place / str(exists))
        assert carried.dvc.default_remote.exists is exists
        assert told(live) == told(carried)
        (place / "work" / "store").mkdir(exist_ok=True)


def test_damaged_and_missing_objects_arrive_as_such(place):
    made = third_day(start("3"))
    objects = sorted(files_below(place / "work" / "store").values())
    objects[0].write_bytes(b"other")
    objects[1].unlink()
    (made.path / "data/raw/2025-03.csv").write_text("changed")
    live, carried, _ = journey(made, place)
    assert told(live) == told(carried)


def test_a_cache_elsewhere_comes_along_and_is_not_looked_for(place):
    made = third_day(start("3"))
    shutil.move(made.path / ".dvc" / "cache", place / "cache of dvc")
    with (made.path / ".dvc" / "config").open("a") as file:
        file.write("[cache]\n    dir = ../../../cache of dvc\n")
    live, carried, thawed = journey(made, place)
    assert live.dvc.outputs[0].cache.whole
    assert carried.dvc.outputs[0].cache.whole
    assert "cache of dvc" not in (thawed.path / ".dvc" / "config").read_text()


def test_a_configuration_leads_nowhere_outside(place):
    """Two graders' machines, one with the folder and one without, read the same of the same submission."""
    secret = place / "instructor"
    made = third_day(start("3"))
    for url in (secret, "~", "../../../../instructor"):
        config = f"[cache]\n    dir = {secret}\n[core]\n    remote = r\n['remote \"r\"']\n    url = {url}\n"
        (made.path / ".dvc" / "config").write_text(config)
        git(made.path, "commit", "--quiet", "--all", "--allow-empty", "--message", "hostile")
        path = freeze(made, place / "out")
        seen = []
        for there in (False, True):
            if there:
                store(secret, b"exam")
            shutil.rmtree(place / "into", ignore_errors=True)
            seen.append(told(collect(lab_of("3"), thaw(path, place / "into"))))
        assert seen[0] == seen[1]
        shutil.rmtree(secret)


def test_packed_references_and_packs_arrive(place):
    made = third_day(start("3"))
    git(made.path, "gc", "--quiet")
    live, carried, _ = journey(made, place)
    assert live.git.commits
    assert told(live) == told(carried)


def test_a_broken_repository_arrives_broken(place):
    made = third_day(start("3"))
    victim = next((made.path / ".git" / "objects").glob("[0-9a-f][0-9a-f]/*"))
    victim.chmod(0o644)
    victim.write_bytes(b"garbage")
    live, carried, _ = journey(made, place)
    assert live.git.problem
    assert carried.git.problem


def test_what_is_nobodys_business_stays_at_home(place):
    made = third_day(start("3"))
    root = made.path
    secret = b"TOPSECRET-0123456789-abcdef"
    (root / "unstaged.txt").write_bytes(secret)
    git(root, "add", "unstaged.txt")
    (root / "stashed.txt").write_bytes(secret + b"2")
    git(root, "add", "stashed.txt")
    git(root, "stash", "--quiet")
    (root / "diary.txt").write_bytes(secret)
    (root / ".git" / "hooks" / "pre-commit").write_bytes(secret)
    git(root, "remote", "add", "origin", f"https://user:{secret.decode()}@example.invalid/x")
    (root / ".dvc" / "config.local").write_text(
        f"['remote \"r\"']\n    password = {secret.decode()}\n['remote \"web\"']\n"
        f"    url = https://me:{secret.decode()}@example.invalid/a?sig={secret.decode()}\n"
    )
    path = freeze(made, place / "out")
    thawed = thaw(path, place / "into")
    key = (place / "home" / "grader.key").read_bytes() if (place / "home" / "grader.key").exists() else secret
    for name, file in files_below(place / "into").items():
        content = file.read_bytes()
        assert secret not in content, name
        assert key not in content, name
    with open_archive(path) as opened:
        text = opened.text(MANIFEST)
    assert secret not in text
    assert str(place).encode() not in text
    assert "https://example.invalid/a" in (thawed.path / ".dvc" / "config.local").read_text()
    names = set(files_below(thawed.path))
    assert not any(name.startswith((".git/hooks", ".git/logs", ".git/config", ".git/refs/stash")) for name in names)
    assert not {".git/index", ".checker/workspace.json"} & names


def test_links_and_strange_names_are_left_out_and_told(place):
    made = start("3")
    target = made.path / "data/raw/2025-03.csv"
    target.unlink()
    target.symlink_to("/etc/passwd")
    for name in ("A.dvc", "a.dvc", "b\\c.dvc", "d\x07.dvc", "e\u202e.dvc"):
        (made.path / name).write_text("outs: []")
    (made.path / ".dvc").mkdir()
    with submission.frozen(lab_of("3"), made) as frozen:
        text = "\n".join(frozen.told())
        assert set(frozen.left_out) == {"data/raw/2025-03.csv", "a.dvc", "b\\c.dvc", "d\x07.dvc", "e\u202e.dvc"}
        path, _ = frozen.write(place / "out")
    assert "\x07" not in text
    assert "is a link" in text
    assert "A.dvc" in files_below(thaw(path, place / "into").path)


def test_files_are_plain_and_for_the_grader_alone(place):
    made = third_day(start("3"))
    (made.path / "data/raw/2025-03.csv").chmod(0o777)
    thawed = thaw(freeze(made, place / "out"), place / "into")
    for path in files_below(place / "into").values():
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert stat.S_IMODE(thawed.path.stat().st_mode) == 0o700


def test_attempts_travel(place):
    made = start("1")
    attempts.record(made, grade(lab_of("1").model_copy(update={"proofs": lab_of("3").proofs}), made))
    thawed = thaw(freeze(made, place / "out"), place / "into")
    assert attempts.read(thawed) == attempts.read(made) != ()


def test_the_same_state_makes_the_same_archive(place):
    made = third_day(start("3"))
    lab, seen = lab_of("3"), []
    for _ in range(2):
        with submission.frozen(lab, made) as frozen:
            told = json.loads(frozen.texts[MANIFEST])
            told.pop("made")
            seen.append((told, sorted(frozen.blobs)))
    assert seen[0] == seen[1]


def test_too_much_names_the_file_and_what_to_do(place, monkeypatch):
    made = third_day(start("3"))
    (made.path / "huge.bin").write_bytes(os.urandom(300_000))
    git(made.path, "add", "--force", "huge.bin")
    git(made.path, "commit", "--quiet", "--message", "oops")
    (made.path / "huge.bin").unlink()
    for path in (place / "work" / "store", made.path / ".dvc" / "cache", made.path / "data" / "raw"):
        shutil.rmtree(path)
    monkeypatch.setattr(submission, "LARGEST_TOTAL", 200_000)
    with pytest.raises(Refused, match=r"huge\.bin") as caught:
        freeze(made, place / "out")
    assert "git" in caught.value.next_step
    assert not (place / "out").exists()
    monkeypatch.setattr(submission, "LARGEST_TOTAL", 1 << 30)
    monkeypatch.setattr(submission, "MOST_FILES", 3)
    with pytest.raises(Refused, match="files"):
        freeze(made, place / "out")


MODEL = "m-" + "0" * 32


@pytest.fixture
def tracked(place, monkeypatch):
    """Day 8 with an MLflow that tells of one run with one model."""
    from checker.collect import mlflow

    files = (ArtifactFile(path="MLmodel", size=3), ArtifactFile(path="deep/model.skops", size=4))
    model = LoggedModel(model_id=MODEL, status="LOGGED_MODEL_READY", source_run_id="r1", files=files)
    other = model.model_copy(update={"model_id": "m-other", "source_run_id": "unknown"})
    run = Run(run_id="r1", status="FINISHED", metrics={"f1": float("nan"), "auc": float("inf")}, tags={"a": "ü"})
    experiment = Experiment(name="day08-baseline", present=True, runs=(run,), models=(model, other))
    records = Mlflow(address="http://me:secret@127.0.0.1:1", experiments=(experiment,))

    def fetch(server, model, folder):
        (folder / "deep").mkdir()
        (folder / "MLmodel").write_bytes(b"abc")
        (folder / "deep" / "model.skops").write_bytes(b"1234")

    monkeypatch.setattr(mlflow, "collect_mlflow", lambda address, source: records)
    monkeypatch.setattr(mlflow, "fetch_model", fetch)
    return start("8")


def test_records_and_models_arrive(tracked, place):
    live, carried, thawed = journey(tracked, place)
    assert live.model_copy(update={"mlflow": None}) == carried.model_copy(update={"mlflow": None})
    ours, theirs = (each.mlflow.model_copy(update={"address": ""}).model_dump_json() for each in (live, carried))
    assert ours == theirs
    assert set(files_below(thawed.carried.models)) == {f"{MODEL}/MLmodel", f"{MODEL}/deep/model.skops"}
    assert thawed.carried.mlflow.address == submission.CARRIED
    with open_archive(next((place / "out").iterdir())) as opened:
        assert b"secret" not in opened.text(MLFLOW)


def test_a_submission_without_records_is_nobodys_zero(tracked, place):
    path = freeze(tracked, place / "out")
    with open_archive(path) as opened:
        told = json.loads(opened.text(MANIFEST)) | {"mlflow": None, "models": {}}
    wanted = {piece["sha256"] for piece in told["workspace"].values()}
    rewrite(path, place / "bare.zip", lambda texts, blobs: (
        texts.pop(MLFLOW), texts.update({MANIFEST: json.dumps(told).encode()}),
        [blobs.pop(name) for name in set(blobs) - wanted],
    ))  # fmt: skip
    evidence = collect(lab_of("8"), thaw(place / "bare.zip", place / "into"))
    assert "submit again" in evidence.gaps["mlflow"].next_step


def rewrite(path, target, change):
    """Write an archive anew, as the writer would, after `change(texts, blobs)`."""
    import io

    with open_archive(path) as opened:
        texts = {name: opened.text(name) for name in (MANIFEST, MLFLOW) if opened.text(name) is not None}
        blobs = {name: b"".join(opened.read(name)) for name in opened.blobs}
    change(texts, blobs)
    write_archive(target, texts, {name: lambda content=content: io.BytesIO(content) for name, content in blobs.items()})
    return target


def test_another_version_of_the_course_is_our_turn(place):
    made = third_day(start("3"))

    def change(version):
        def apply(texts, blobs):
            told = json.loads(texts[MANIFEST])
            told["checker"] = version
            told["identity"]["seed"] = 8
            texts[MANIFEST] = json.dumps(told).encode()

        return apply

    path = freeze(made, place / "out")
    with pytest.raises(Unavailable, match=r"99\.0"):
        thaw(rewrite(path, place / "new.zip", change("99.0")), place / "into")
    ours = json.loads(rewrite_text(path))["checker"]
    with pytest.raises(Refused, match="lacks the content"):
        thaw(rewrite(path, place / "same.zip", change(ours)), place / "into")
    assert not (place / "into").exists()


def rewrite_text(path):
    with open_archive(path) as opened:
        return opened.text(MANIFEST)


def test_a_full_disk_is_our_turn_and_leaves_nothing(place, monkeypatch):
    path = freeze(start("3"), place / "out")

    def full(target, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(submission, "_write", full)
    with pytest.raises(Unavailable, match="No space left"):
        thaw(path, place / "into")
    assert not (place / "into").exists()


def test_it_unpacks_into_an_empty_folder_only(place):
    path = freeze(start("1"), place / "out")
    (place / "into").mkdir()
    (place / "into" / "mine.txt").write_text("x")
    with pytest.raises(Unavailable):
        thaw(path, place / "into")
    assert (place / "into" / "mine.txt").read_text() == "x"


NAMES = ["ada", "Åsa Öst", "../../x", "a/b", "", " ", "x" * 300, "a\x1b[31m", "$(id)", "e\u202ef"]


@pytest.mark.parametrize("name", NAMES)
def test_any_learner_has_a_file_of_their_own_or_is_told(place, name):
    made = start("3", learner=name)
    try:
        path = freeze(made, place / "out")
    except Refused as error:
        assert "--learner" in error.next_step
    else:
        assert path.parent == place / "out"
        assert thaw(path, place / "into").identity.learner == name
        assert submission.whose(path) == (name, made.identity.lab)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(
        ["../x", "/etc/passwd", ".git/config", "a/b", "A", "a", "m-1", "\ud800", 10**400, "0" * 64]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """An archive of day 1 with a file or two."""
    folder = tmp_path_factory.mktemp("good")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_LABS_HOME", str(folder / "home"))
        patch.setenv("MLOPS_LABS_WORK", str(folder / "work"))
        made = start("1")
        (made.path / "audit.csv").write_text("a,b\n")
        (made.path / "runs").mkdir()
        (made.path / "runs" / "one.json").write_text("{}")
        return freeze(made, folder)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_edit_of_the_manifest_is_refused_or_stays_inside(tmp_path, good, data):
    def change(texts, blobs):
        told = json.loads(texts[MANIFEST])
        nodes = [told]
        for node in nodes:
            nodes += [each for each in node.values() if isinstance(each, dict)]
        node = data.draw(st.sampled_from(nodes))
        key = data.draw(st.sampled_from([*node, "new"]) | st.text(max_size=20) if node else st.text(max_size=20))
        if data.draw(st.booleans()) and key in node:
            node[data.draw(st.text(max_size=30) | st.sampled_from(["../x", ".git/config", "a/../b"]))] = node.pop(key)
        else:
            node[key] = data.draw(VALUES)
        texts[MANIFEST] = json.dumps(told).encode()

    shutil.rmtree(tmp_path / "place", ignore_errors=True)
    place = tmp_path / "place"
    place.mkdir()
    path = rewrite(good, place / "a.zip", change)
    try:
        thaw(path, place / "deep" / "into")
    except (Refused, Unavailable) as error:
        assert error.found
        assert not list(place.rglob("into/*"))
    assert {each.name for each in place.iterdir()} <= {"a.zip", "deep"}


def test_submit_writes_beside_the_workspaces_and_says_what(place):
    workspace.start(COURSE.find("3"), ROOT, seed=7)
    done = CliRunner().invoke(main, ["submit", "3"])
    assert done.exit_code == 0, done.output
    path = place / "work" / "submissions" / "me.day03-data-versioning.zip"
    assert str(path) in done.output
    assert "declared files" in done.output
    assert submission.thaw(path, place / "into", COURSE.find).identity.learner == "me"
    assert CliRunner().invoke(main, ["submit", "3", "--to", "elsewhere"]).exit_code == 0
    assert (place / "elsewhere" / path.name).exists()


def test_submit_needs_a_workspace_and_mlflow_where_the_lab_does(place, monkeypatch):
    assert CliRunner().invoke(main, ["submit", "3"]).exit_code == 2
    assert CliRunner().invoke(main, ["submit"]).exit_code == 2
    start("8")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    done = CliRunner().invoke(main, ["submit", "8"])
    assert done.exit_code == 3
    assert "infra up" in done.stderr
    assert not (place / "work" / "submissions").exists()


def test_an_exchange_that_is_not_there_is_told(place, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(place / "jupyter"))
    monkeypatch.setenv("HOME", str(place))
    start("3")
    done = CliRunner().invoke(main, ["submit", "3", "--exchange", "--yes"])
    assert done.exit_code == 3, done.output
    assert "exchange" in done.stderr


def test_it_is_handed_in_through_nbgraders_exchange(place, monkeypatch):
    exchange = place / "exchange"
    (exchange / "mlops" / "outbound" / "day03-data-versioning").mkdir(parents=True)
    (exchange / "mlops" / "inbound").mkdir()
    exchange.chmod(0o777)
    (place / "jupyter").mkdir()
    (place / "jupyter" / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.course_id = 'mlops'\nc.Exchange.root = {str(exchange)!r}\n"
        f"c.Exchange.cache = {str(place / 'cache')!r}\n"
    )
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(place / "jupyter"))
    monkeypatch.setenv("HOME", str(place))
    start("3")
    done = CliRunner().invoke(main, ["submit", "3", "--exchange"], input="n\n")
    assert (done.exit_code, list((exchange / "mlops" / "inbound").iterdir())) == (1, [])
    done = CliRunner().invoke(main, ["submit", "3", "--exchange"], input="y\n")
    assert done.exit_code == 0, done.output
    (handed,) = (exchange / "mlops" / "inbound").iterdir()
    names = {path.name for path in handed.iterdir()}
    assert names == {"me.day03-data-versioning.zip", "timestamp.txt", "submission_secret.txt"}
    assert "+day03-data-versioning+" in handed.name


def test_submit_imports_none_of_the_tools(place):
    start("1")
    code = "import sys\nfrom checker.cli import main\ntry: main(['submit', '1'])\nexcept SystemExit: pass\n"
    code += "print(*sorted({'mlflow', 'dvc', 'pandas', 'sklearn', 'nbformat', 'nbgrader'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_limits_of_the_rooms_agree():
    assert archive.MOST_FILES == manifest.MOST_FILES
    assert archive.LARGEST_TOTAL <= manifest.LARGEST_UNPACKED
