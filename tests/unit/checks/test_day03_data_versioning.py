"""The checks of day 3 over evidence made by hand: what is accepted, what is refused, and that nothing raises."""

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.checks import day03_data_versioning as day
from checker.checks.day03_data_versioning import APRIL, CORRECTED, MARCH
from checker.evidence import Evidence, Identity
from checker.evidence.dvc import Broken, Dvc, Entry, Object, Output, Remote, Stored, Version
from checker.evidence.files import FileRecord, Files
from checker.evidence.git import Blob, Commit, Git
from checker.runner import load_checks, run_checks
from tests.support import COURSE

LAB = COURSE.find("3")
BYTES = {MARCH: b"march", APRIL: b"april", CORRECTED: b"corrected"}
WHOLE = Stored(present=True)
NAMES = (
    "months_are_tracked", "nothing_large_in_git", "remote_is_set", "correction_is_in_history",
    "remote_holds_both_versions", "april_is_back",
)  # fmt: skip


def md5(path):
    return hashlib.md5(BYTES[path]).hexdigest()


def sha256(path):
    return hashlib.sha256(BYTES[path]).hexdigest()


def entries(april):
    return (Entry(path="2025-03.csv", md5=md5(MARCH)), Entry(path="2025-04.csv", md5=md5(april)))


FIRST, SECOND = "1" * 32 + ".dir", "2" * 32 + ".dir"
HEAD = (
    Blob(path=".dvc/config", sha="a", size=9, text=""),
    Blob(path="data/.gitignore", sha="b", size=5, text="/raw\n"),
    Blob(path="data/raw.dvc", sha="c", size=90, text=""),
)


def commit(number, parent, *blobs):
    parents = (str(parent),) if parent is not None else ()
    return Commit(sha=str(number), parents=parents, subject="", author="", time=datetime.now(UTC), changed=blobs)


def version(number, sum_, april):
    path = "data/raw"
    return Version(commit=str(number), source="data/raw.dvc", path=path, md5=sum_, entries=entries(april), remote=WHOLE)


def made(**changes):
    """The evidence of a finished day, with `changes` to its git, dvc and files."""
    git = Git(
        present=True,
        branch="main",
        commits=(commit(3, 2, HEAD[2]), commit(2, 1, HEAD[2]), commit(1, None, *HEAD)),
        head=HEAD,
    )
    dvc = Dvc(
        present=True,
        remotes=(Remote(name="r", url="../remote", default=True, directory="/r", exists=True),),
        outputs=(
            Output(
                source="data/raw.dvc", path="data/raw", md5=FIRST, entries=entries(APRIL), cache=WHOLE, remote=WHOLE
            ),
        ),
        versions=(version(3, FIRST, APRIL), version(2, SECOND, CORRECTED), version(1, FIRST, APRIL)),
        objects=tuple(Object(md5=md5(path), sha256=sha256(path), size=1) for path in BYTES),
    )
    files = Files(records=tuple(FileRecord(path=path, size=5, sha256=sha256(path)) for path in (MARCH, APRIL)))
    identity = Identity(
        lab=LAB.name, learner="me", workspace_id="w", seed=7, started=datetime.now(UTC)
    )  # fmt: skip
    return Evidence(
        workspace=identity,
        fixtures={path: sha256(path) for path in BYTES},
        git=git.model_copy(update=changes.get("git", {})),
        dvc=dvc.model_copy(update=changes.get("dvc", {})),
        files=files.model_copy(update=changes.get("files", {})),
    )


def judge(evidence):
    result = run_checks(LAB, load_checks(LAB), evidence)
    assert not [check for check in result.checks if check.outcome == "error"], result
    for check in result.checks:
        assert check.outcome == "passed" or all(m.found and m.expected and m.next_step for m in check.messages)
    return {check.name for check in result.checks if check.outcome == "failed"}, result


def test_the_contract():
    assert tuple(check.name for check in load_checks(LAB)) == NAMES
    assert sum(check.points for check in load_checks(LAB)) == 10


def test_a_finished_day():
    failed, result = judge(made())
    assert not failed, result
    assert result.earned == 10


def test_nothing_done():
    failed, result = judge(made(git={"present": False}, dvc={"present": False}))
    assert failed == {"months_are_tracked", "remote_is_set"}
    assert result.earned == 0


def output(**changes):
    return {"dvc": {"outputs": (made().dvc.outputs[0].model_copy(update=changes),)}}


def remote(**changes):
    return {"dvc": {"remotes": (made().dvc.remotes[0].model_copy(update=changes),)}}


def head(which, **changes):
    blobs = tuple(blob.model_copy(update=changes) if blob.path == which else blob for blob in HEAD)
    return {"git": {"head": blobs}}


def versions(*numbers):
    every = made().dvc.versions
    return {"dvc": {"versions": tuple(each for each in every if int(each.commit) in numbers)}}


def history(*blobs, where="commits"):
    return {"git": {where: (*getattr(made().git, where), commit(9, None, *blobs))}}


REFUSED = [
    ("months_are_tracked", {"dvc": {"outputs": ()}}),
    ("months_are_tracked", output(path="data/ra")),
    ("months_are_tracked", output(entries=())),
    ("months_are_tracked", output(entries=entries(APRIL)[:1])),
    ("months_are_tracked", output(cached=False)),
    ("months_are_tracked", {"git": {"head": HEAD[:2]}}),
    ("months_are_tracked", {"git": {"modified": ("data/raw.dvc",)}}),
    ("months_are_tracked", output(exposed=(APRIL,))),
    ("months_are_tracked", {"dvc": {"outputs": (), "broken": (Broken(source="x.dvc", problem="`x.dvc` is odd"),)}}),
    ("nothing_large_in_git", history(Blob(path=APRIL, sha="x", size=10))),
    ("nothing_large_in_git", history(Blob(path="data/raw/2025-04-old.csv", sha="x", size=10))),
    ("nothing_large_in_git", history(Blob(path="a.zip", sha="x", size=300_001), where="elsewhere")),
    ("remote_is_set", {"dvc": {"broken": (Broken(source=".dvc/config.local", problem="`.dvc/config.local` is odd"),)}}),
    ("remote_is_set", {"dvc": {"remotes": ()}}),
    ("remote_is_set", remote(default=False)),
    ("remote_is_set", remote(directory=None, url="s3://bucket")),
    ("remote_is_set", remote(shares_cache=True)),
    ("remote_is_set", remote(committable=False)),
    ("remote_is_set", {"git": {"head": HEAD[1:]}}),
    ("remote_is_set", {"git": {"modified": (".dvc/config",)}}),
    ("correction_is_in_history", versions(3, 1)),
    ("correction_is_in_history", versions(3, 2)),
    ("correction_is_in_history", versions()),
    ("correction_is_in_history", {"dvc": {"objects": made().dvc.objects[:2]}}),
    ("remote_holds_both_versions", remote(exists=False)),
    ("remote_holds_both_versions", output(remote=None)),
    ("remote_holds_both_versions", output(remote=Stored(present=True, missing=("2025-03.csv",)))),
    ("remote_holds_both_versions", output(remote=Stored(present=True, damaged=("2025-03.csv",) * 9))),
    ("april_is_back", {"files": {"records": ()}}),
    ("april_is_back", {"files": {"records": (*made().files.records[:1], FileRecord(path=APRIL, problem="is a link"))}}),
    ("april_is_back", {"files": {"records": (*made().files.records[:1], FileRecord(path=APRIL, sha256="0" * 64))}}),
    ("april_is_back", output(entries=entries(CORRECTED))),
]


@pytest.mark.parametrize(("name", "changes"), REFUSED)
def test_refused(name, changes):
    failed, result = judge(made(**changes))
    assert failed == {name}, result


def test_the_corrected_version_must_be_whole_in_the_remote():
    first, second, third = made().dvc.versions
    for stored in (None, Stored(), Stored(present=True, missing=("x",)), Stored(present=True, damaged=("x",))):
        broken = second.model_copy(update={"remote": stored})
        failed, result = judge(made(dvc={"versions": (first, broken, third)}))
        assert failed == {"remote_holds_both_versions"}, result


def test_corrected_before_the_first_is_no_history():
    git = {"commits": (commit(1, 2, *HEAD), commit(2, None, HEAD[2]))}
    failed, _ = judge(made(git=git, dvc={"versions": (version(1, FIRST, APRIL), version(2, SECOND, CORRECTED))}))
    assert failed == {"correction_is_in_history"}


def test_a_repository_that_cannot_be_read_at_all():
    failed, result = judge(made(dvc={"problem": "`.dvc` is a link to somewhere else"}))
    assert failed == {"months_are_tracked", "remote_is_set"}
    assert result.earned == 0


def test_a_broken_file_costs_nothing_unless_it_is_needed_and_is_named_then():
    sources = ("a.dvc", "data/raw.dvc", "old/raw.dvc")
    broken = tuple(Broken(source=source, problem=f"`{source}` is not YAML") for source in sources)
    failed, result = judge(made(dvc={"broken": broken}))
    assert not failed, result
    _, result = judge(made(dvc={"broken": broken, "outputs": ()}))
    message = next(check for check in result.checks if check.name == "months_are_tracked").messages[0]
    assert "`data/raw.dvc` is not YAML" in message.found
    assert "mend `data/raw.dvc`" in message.next_step


def test_other_files_of_a_directory_may_be_in_git():
    failed, result = judge(made(**output(exposed=("data/raw/README.md",))))
    assert not failed, result


def test_single_files_are_as_good_as_a_directory():
    sources = {month: f"{month}.dvc" for month in (MARCH, APRIL)}
    outputs = tuple(Output(source=sources[m], path=m, md5=md5(m), remote=WHOLE) for m in sources)
    blobs = (*HEAD[:2], *(Blob(path=source, sha="s", size=9) for source in sources.values()))
    one = {
        number: Version(commit=str(number), source=sources[APRIL], path=APRIL, md5=md5(which), remote=WHOLE)
        for number, which in ((3, APRIL), (2, CORRECTED), (1, APRIL))
    }
    failed, result = judge(made(git={"head": blobs}, dvc={"outputs": outputs, "versions": tuple(one.values())}))
    assert not failed, result


ANY = st.text(max_size=12) | st.sampled_from(["data/raw", APRIL, "", "..", "/", "[", "*", "\x1b[2J", "x" * 5000])


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_hostile_values_are_judged_and_never_raise(data):
    draw = lambda: data.draw(ANY)  # noqa: E731
    failed, _ = judge(
        made(
            git={
                "head": (*HEAD, Blob(path=f"{draw()}/.gitignore", sha="", size=0, text=draw())),
                "commits": (commit(draw(), draw()), *made().git.commits),
                "modified": (draw(),),
            },
            dvc={
                "outputs": (Output(source=draw(), path=draw(), md5=draw()), *made().dvc.outputs),
                "remotes": (Remote(name=draw(), url=draw()), *made().dvc.remotes),
                "versions": (Version(commit=draw(), source=draw(), path=draw(), md5=draw()), *made().dvc.versions),
            },
        )
    )
    assert failed <= set(NAMES)


def test_messages_show_foreign_text_safely():
    _, result = judge(made(**remote(directory=None, url="\x1b[2J\u202e", name="\n`x`")))
    shown = "".join(m.found + m.next_step for check in result.checks for m in check.messages)
    assert shown.isprintable()


def test_the_limit_is_what_the_contract_says():
    assert f"{day.LARGE:,}" in day.nothing_large_in_git.description
