"""Keys and enrolments of a cohort, and what a learner's machine makes of one."""

import json
import stat

import pytest

from checker import enrolment
from checker.errors import CheckerError, Unavailable, UsageError
from checker.keys import world_seed


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_each_learner_gets_a_seed_and_nobody_the_key(tmp_path):
    made = enrolment.enrol_all(tmp_path, "Autumn", ["ada", "bob"])
    key = enrolment.cohort_key(tmp_path)
    seeds = [json.loads(path.read_text())["seed"] for path in made]
    assert seeds == [world_seed(key, name) for name in ("ada", "bob")]
    assert len(set(seeds)) == 2
    assert all(key.hex() not in path.read_text() for path in made)
    assert stat.S_IMODE((tmp_path / enrolment.KEY).stat().st_mode) == 0o600


def test_those_who_come_later_change_nothing(tmp_path):
    (first,) = enrolment.enrol_all(tmp_path, "Autumn", ["ada"])
    before = (tmp_path / enrolment.KEY).read_bytes(), first.read_bytes()
    enrolment.enrol_all(tmp_path, "Autumn", ["bob", "ada"])
    assert ((tmp_path / enrolment.KEY).read_bytes(), first.read_bytes()) == before


@pytest.mark.parametrize("name", ["ada", "Åsa Öst", "a.b-c+d@example.invalid", "日本", "x" * 100])
def test_names_that_are_safe(tmp_path, name):
    (made,) = enrolment.enrol_all(tmp_path, "Autumn", [name])
    assert made.parent == tmp_path / enrolment.ENROLMENTS
    assert enrolment._read(made).learner == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "a/b", "../x", "a\nb", "x" * 101, "<b>", "=1+1;", " a", "a ", "a\x1b[1m", "\udcff"],
)
def test_names_that_are_not(tmp_path, name):
    with pytest.raises(UsageError) as caught:
        enrolment.enrol_all(tmp_path, "Autumn", [name])
    assert caught.value.found.isprintable()
    assert not list(tmp_path.rglob("*.json"))


def test_what_cannot_be_written_is_explained(tmp_path, home):
    (path,) = enrolment.enrol_all(tmp_path, "Autumn", ["ada"])
    home.write_text("a file where a folder should be")
    with pytest.raises(Unavailable, match="cannot be written"):
        enrolment.enrol(path)
    path.unlink()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / enrolment.ENROLMENTS).write_text("x")
    with pytest.raises(Unavailable, match="cannot be written"):
        enrolment.enrol_all(tmp_path / "more", "Autumn", ["ada"])


def test_one_bad_name_makes_nothing(tmp_path):
    with pytest.raises(UsageError):
        enrolment.enrol_all(tmp_path, "Autumn", ["ada", "../x"])
    assert list(tmp_path.iterdir()) == []


def test_a_learner_joins(tmp_path, home):
    assert enrolment.enrolled() is None
    for name in ("ada", "bob"):
        (path,) = enrolment.enrol_all(tmp_path, "Autumn", [name])
        assert enrolment.enrol(path) == enrolment.enrolled()
        assert enrolment.enrolled().learner == name
    assert [each.name for each in home.iterdir()] == ["enrolment.json"]


BAD = {
    "missing": None,
    "no JSON": "{",
    "a list": "[]",
    "nobody": '{"cohort": "x", "seed": 1}',
    "a path": '{"cohort": "x", "learner": "../x", "seed": 1}',
    "no seed": '{"cohort": "x", "learner": "ada", "seed": -1}',
    "too large a seed": f'{{"cohort": "x", "learner": "ada", "seed": {1 << 48}}}',
    "more": '{"cohort": "x", "learner": "ada", "seed": 1, "more": 1}',
    "huge": " " * (enrolment.LARGEST + 1),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_what_is_no_enrolment(tmp_path, home, content):
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CheckerError, match="cannot be used") as caught:
        enrolment.enrol(path)
    assert "checker enrol" in caught.value.next_step
    assert enrolment.enrolled() is None


def test_a_damaged_one_is_told_and_not_passed_over(tmp_path, home):
    (path,) = enrolment.enrol_all(tmp_path, "Autumn", ["ada"])
    enrolment.enrol(path)
    (home / "enrolment.json").write_text("{")
    with pytest.raises(CheckerError):
        enrolment.enrolled()


def test_the_folder_of_a_cohort(tmp_path):
    (tmp_path / enrolment.SUBMITTED).mkdir()
    assert enrolment.cohort_folder(tmp_path / enrolment.SUBMITTED) == tmp_path / enrolment.SUBMITTED
    assert enrolment.cohort_key(tmp_path) is None
    enrolment.enrol_all(tmp_path, "Autumn", [])
    assert enrolment.cohort_folder(tmp_path / enrolment.SUBMITTED) == tmp_path
    assert enrolment.cohort_folder(tmp_path) == tmp_path
