"""Workspaces: made whole or not at all, found from inside, never lost."""

import json

import pytest

from checker import keys, workspace
from checker.course import Lab
from checker.declarations import Recipe
from checker.errors import CheckerError, UsageError
from checker.recipes import make_fixtures, make_table
from tests.support import COURSE, ROOT


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A small lab of its own, in a course of its own."""
    monkeypatch.setenv("MLOPS_LABS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLOPS_LABS_WORK", str(tmp_path / "work"))
    built = tmp_path / "course" / "labs" / "day01-small"
    built.mkdir(parents=True)
    (built / "lab.ipynb").write_text("{}")
    fixture = {"path": "data/month.csv", "table": "labelled", "months": [1], "rows": 500}
    return Lab.model_validate(
        {
            "day": 1,
            "slug": "small",
            "title": "Small",
            "outcome": "o",
            "module": "m",
            "tools": ["git"],
            "fixtures": [fixture],
        }
    )


@pytest.fixture
def root(tmp_path):
    return tmp_path / "course"


def test_start_makes_everything_once(lab, root):
    made, kept = workspace.start(lab, root)
    assert kept is None
    assert sorted(p.name for p in made.path.iterdir()) == [".checker", "data", "lab.ipynb"]
    again, _ = workspace.start(lab, root)
    assert again.identity == made.identity
    assert (made.path / ".checker" / ".gitignore").read_text() == "*\n"


def test_all_days_of_a_learner_share_a_world_and_learners_do_not(lab, root):
    mine = workspace.start(lab, root)[0].identity.seed
    assert workspace.start(lab, root, reset=True)[0].identity.seed == mine
    assert workspace.start(lab, root, learner="other", reset=True)[0].identity.seed != mine


def test_reset_keeps_what_was_there(lab, root):
    made, _ = workspace.start(lab, root)
    (made.path / "mine.txt").write_text("precious")
    fresh, kept = workspace.start(lab, root, reset=True)
    assert (kept / "mine.txt").read_text() == "precious"
    assert fresh.identity.workspace_id != made.identity.workspace_id
    assert not (fresh.path / "mine.txt").exists()
    second = workspace.start(lab, root, reset=True)[1]
    assert second != kept


def test_a_start_that_fails_leaves_nothing(lab, root, monkeypatch):
    def broken(lab, seed):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workspace, "make_fixtures", broken)
    with pytest.raises(CheckerError, match="No space left"):
        workspace.start(lab, root)
    assert list(workspace.workspaces(root).iterdir()) == []


def test_a_foreign_folder_is_not_touched(lab, root):
    target = workspace.workspaces(root) / lab.name
    target.mkdir(parents=True)
    (target / "thesis.txt").write_text("x")
    with pytest.raises(CheckerError, match="no workspace"):
        workspace.start(lab, root)
    assert (target / "thesis.txt").exists()


def test_a_lab_that_was_not_built_says_how(lab, tmp_path):
    with pytest.raises(CheckerError) as caught:
        workspace.start(lab, tmp_path)
    assert "checker build" in caught.value.next_step


def test_it_is_found_from_any_folder_inside(lab, root):
    made, _ = workspace.start(lab, root)
    assert workspace.find(None, COURSE, root, made.path / "data").path == made.path
    assert workspace.find(lab, COURSE, root, root).path == made.path


def test_no_workspace_names_the_command_that_makes_one(lab, root):
    with pytest.raises(UsageError) as caught:
        workspace.find(lab, COURSE, root, root)
    assert caught.value.next_step == "run `checker start 1`"
    with pytest.raises(UsageError, match="no workspace"):
        workspace.find(None, COURSE, root, root)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"lab": 3}', "\x00", "x" * (2 << 20)])
def test_a_damaged_marker_is_told(lab, root, content):
    made, _ = workspace.start(lab, root)
    (made.path / workspace.MARKER).write_text(content)
    with pytest.raises(CheckerError) as caught:
        workspace.read(made.path)
    assert "--reset" in caught.value.next_step


def test_the_marker_holds_no_key(lab, root):
    made, _ = workspace.start(lab, root)
    key = keys.grader_key()
    for path in made.path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert key not in content
            assert key.hex().encode() not in content
    assert json.loads((made.path / workspace.MARKER).read_text())["lab"] == lab.name


def test_the_key_is_made_once_for_its_owner_only(lab):
    key = keys.grader_key()
    path = workspace.platform_home() / "grader.key" if hasattr(workspace, "platform_home") else None
    assert keys.grader_key() == key
    assert len(key) == 32
    assert path is None or path.stat().st_mode & 0o077 == 0


def test_a_damaged_key_is_told(lab, tmp_path):
    keys.grader_key()
    (tmp_path / "home" / "grader.key").write_bytes(b"short")
    with pytest.raises(CheckerError, match="5 bytes"):
        keys.grader_key()


def test_fixtures_are_the_same_for_the_same_seed():
    for lab in (each for each in COURSE.ready if each.fixtures):
        small = lab.model_copy(update={"fixtures": tuple(f.model_copy(update={"rows": 600}) for f in lab.fixtures)})
        assert make_fixtures(small, 5) == make_fixtures(small, 5)
        assert make_fixtures(small, 5) != make_fixtures(small, 6)


def test_held_out_rows_need_the_key():
    recipe = Recipe(table="features", months=(5,), holdout=True, rows=600)
    one, same, other = (make_table(recipe, 1, key).to_csv() for key in (b"a" * 32, b"a" * 32, b"b" * 32))
    assert one == same != other


@pytest.mark.parametrize("table", ["transactions", "labels", "labelled", "features"])
def test_every_table_can_be_made_of_several_months(table):
    made = make_table(Recipe(table=table, months=(1, 2), rows=500), 3)
    assert len(made) >= 1000


def test_the_default_place_is_outside_the_tracked_tree(monkeypatch):
    monkeypatch.delenv("MLOPS_LABS_WORK", raising=False)
    assert workspace.workspaces(ROOT) == ROOT / "work"
    assert "/work/" in (ROOT / ".gitignore").read_text().splitlines()
