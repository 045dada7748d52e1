"""course.yaml: typed, explained, and equal to its schema."""

import json
import shutil

import jsonschema
import pytest
import yaml

from checker.course import course_root, json_schema, load_course
from checker.errors import CheckerError, UsageError
from checker.runner import load_checks
from tests.support import COURSE, ROOT


@pytest.fixture
def copy(tmp_path):
    (tmp_path / "labs").mkdir()
    shutil.copy(ROOT / "course.yaml", tmp_path)

    def edit(old, new):
        path = tmp_path / "course.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(CheckerError) as caught:
            load_course(tmp_path)
        return caught.value.found

    return edit


def test_it_has_thirty_days_in_order():
    assert [lab.day for lab in COURSE.labs] == list(range(1, 31))
    assert len({lab.slug for lab in COURSE.labs}) == 30


def test_the_schema_in_the_tree_is_the_models():
    stored = json.loads((ROOT / "course.schema.json").read_text())
    assert stored == json_schema()
    jsonschema.validate(yaml.safe_load((ROOT / "course.yaml").read_text()), stored)


def test_every_ready_lab_has_ten_marks_and_checks_that_import_no_system():
    for lab in COURSE.ready:
        checks = load_checks(lab)
        # What needs a cluster comes beside them.
        assert sum(check.points for check in checks if check.profile == "local") == 10, lab.name
        assert len({check.name for check in checks}) == len(checks) >= 4


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("minutes: ", "minuten: ", ["minuten", "Extra inputs"]),
        ("module: foundations", "module: basics", ["day 1", "basics", "foundations"]),
        ("slug: table-snapshots", "slug: Table Snapshots", ["slug", "pattern"]),
        ("day: 2\n", "day: 1\n", ["distinct"]),
        ("table: features", "table: feature", ["'transactions', 'labels', 'labelled' or 'features'"]),
        ("data/transactions.csv, table", "../transactions.csv, table", ["fixtures", "path"]),
        ("version: 1", "version: 2", ["version", "1"]),
    ],
)
def test_an_error_names_file_line_field_and_what_is_allowed(copy, old, new, words):
    if old == "minutes: ":
        old, new = "    module: foundations", "    module: foundations\n    minuten: 50"
    told = copy(old, new)
    assert "course.yaml:" in told
    for word in words:
        assert word in told


def test_the_line_is_the_right_one(copy):
    told = copy("  - day: 5\n    slug: table-snapshots", "  - day: 5\n    slug: Table Snapshots")
    line = (ROOT / "course.yaml").read_text().split("\n").index("    slug: table-snapshots") + 1
    assert f"course.yaml:{line}: labs.4.slug" in told


def test_what_is_no_yaml_is_told_with_its_line(copy):
    assert "course.yaml:3" in copy("version: 1", "version: [1") or "not YAML" in copy("version: [1", "version: [2")


@pytest.mark.parametrize("wanted", ["3", "03", "day3", "day03", "data-versioning", "day03-data-versioning", " DAY3 "])
def test_a_day_has_many_names(wanted):
    assert COURSE.find(wanted).day == 3


@pytest.mark.parametrize(
    ("wanted", "near"), [("data-versionin", "data-versioning"), ("33", "3"), ("experiment", "experiment-tracking")]
)
def test_an_unknown_day_gets_the_nearest_names(wanted, near):
    with pytest.raises(UsageError) as caught:
        COURSE.find(wanted)
    assert near in caught.value.expected


@pytest.mark.parametrize("wanted", ["", " ", "'; rm -rf /", "\x1b[2J", "9" * 5000, "../..", "0", "-1"])
def test_odd_days_are_wrong_usage(wanted):
    with pytest.raises(UsageError):
        COURSE.find(wanted)


def test_a_planned_day_says_so():
    with pytest.raises(UsageError, match="planned"):
        COURSE.find("30")


def test_the_root_is_found_from_below_and_from_nowhere(tmp_path, monkeypatch):
    monkeypatch.delenv("MLOPS_LABS_COURSE", raising=False)
    assert course_root(ROOT / "labs") == ROOT
    assert course_root(tmp_path) == ROOT
