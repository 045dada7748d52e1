"""A folder full of attacks beside honest submissions: each ends as its own row, and nothing else is touched."""

import csv
import html
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from checker.cohort import Cohort
from checker.enrolment import KEY, cohort_folder
from checker.jail import can_confine
from checker.keys import kept_key, world_seed
from checker.marks import COHORT_FILE, read_settings
from checker.report import cohort as reports
from checker.report.ledger import Ledger
from checker.report.live import line
from checker.store import RESULTS_FILE, Store
from tests.security.test_archive import build, manifest, members
from tests.support import COURSE, ROOT

pytestmark = pytest.mark.skipif(not can_confine(), reason="there is no jail here")

LAB = "day03-data-versioning"
HONEST = ["alice", "bob", "élodie", "o'neill@example.org", "li 李"]
NAMES = [
    "=cmd|' calc'!A0",
    "+1",
    "-x",
    "@x",
    "<img src=x onerror=alert(1)>",
    "';DROP TABLE attempt;--",
    "`touch pwned`",
    "$(touch pwned)",
    "{{7*7}}",
    "a\nb",
    "\x1b[31mred\x1b]0;x\x07",
    "a\u202eb",
    "\udcff\udcfe",
    "A" * 200,
    "Alice",
    "alice ",
    "%s%n",
]
STAMPS = ["0001-01-01 00:00:00.0 UTC", "9999-12-31 23:59:59.9 UTC", "garbage", "2026-01-02 00:00:00.0 UTC"]


def hand_in(folder, key, student, number, lab=LAB, **changes):
    place = folder / "submitted" / student / lab
    place.mkdir(parents=True)
    (place / "timestamp.txt").write_text(STAMPS[number % len(STAMPS)])
    identity = {
        "lab": lab,
        "learner": student,
        "workspace_id": f"{number:032x}",
        "seed": world_seed(key, student.encode("utf-8", "replace").decode()),
        "started": "9998-01-01T00:00:00Z",
    }
    told = manifest({".dvc/config": b""}, lab=lab, identity=identity | changes, made="9999-12-31T23:59:59Z")
    build(place, members({".dvc/config": b""}, told))
    return place / "hostile.zip"


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_LABS_HOME", str(tmp_path_factory.mktemp("home")))
        key = kept_key(folder / KEY)
        (folder / COHORT_FILE).write_text(
            json.dumps({"name": "<b>c", "starts": "2026-01-01", "timezone": "Pacific/Kiritimati"})
        )
        for number, learner in enumerate([*HONEST, *NAMES]):
            hand_in(folder, key, learner, number)
        # Another learner's world, somebody else's name, a broken file, a link, nothing.
        hand_in(folder, key, "thief", 90, seed=world_seed(key, "alice"))
        hand_in(folder, key, "mask", 91, learner="alice")
        hand_in(folder, key, "broken", 92).write_bytes(b"PK\x03\x04")
        hand_in(folder, key, "linked", 93).unlink()
        (folder / "submitted" / "linked" / LAB / "hostile.zip").symlink_to(folder / KEY)
        hand_in(folder, key, "nothing", 94).unlink()
        (folder / "submitted" / "outside").symlink_to("/etc")
        before = {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}
        cohort = Cohort(cohort_folder(folder), ROOT, COURSE, lambda: ThreadPoolExecutor(2), 2)
        rows = {}
        with Store(folder / RESULTS_FILE) as store:
            cohort.grade(store, lambda row: rows.__setitem__(row.learner, row), lambda tally: None)
        assert {each: each.read_bytes() for each in before} == before
        with Store(folder / RESULTS_FILE, reading=True) as store:
            for layout in ("plain", "canvas", "moodle"):
                ledger = Ledger.of(store, COURSE, read_settings(folder))
                pages = folder / "pages" if layout == "plain" else None
                list(reports.write(ledger, html=pages, layout=layout, output=folder / f"{layout}.csv", gradebook=None))
    return folder, rows


def test_each_is_one_row(graded):
    _, rows = graded
    assert {*HONEST, *NAMES, "thief", "mask", "broken", "linked", "nothing"} <= rows.keys()
    assert "error" not in {row.status for row in rows.values()}


def test_the_honest_are_graded_and_nobody_is_accused(graded):
    _, rows = graded
    for learner in HONEST:
        assert (rows[learner].status, rows[learner].result.integrity) == ("graded", "ok")


@pytest.mark.parametrize("learner", ["thief", "mask", "broken", "linked", "nothing"])
def test_what_is_not_ones_own_is_refused_in_words(graded, learner):
    folder, rows = graded
    row = rows[learner]
    assert row.status == "refused"
    assert row.result is None
    assert row.reason.isprintable()
    assert (folder / KEY).read_bytes().hex() not in row.reason


def test_a_line_in_the_terminal_is_one_line_without_commands(graded):
    _, rows = graded
    assert all(line(row).isprintable() for row in rows.values())


def test_no_cell_of_a_table_is_a_formula_and_no_row_is_two(graded):
    folder, rows = graded
    for layout in ("plain", "canvas", "moodle"):
        with (folder / f"{layout}.csv").open(newline="", encoding="utf-8") as file:
            table = list(csv.reader(file))
        assert len({len(row) for row in table}) == 1
        assert len(table) == len(rows) + (2 if layout == "canvas" else 1)
        cells = [cell for row in table for cell in row]
        assert all(cell.isprintable() for cell in cells)
        assert not [cell for cell in cells if cell[:1] in "=+-@" and cell not in ("", "-")]


def test_no_page_holds_a_tag_of_a_learners_or_the_name_of_another(graded):
    folder, rows = graded
    pages = {path: path.read_text(encoding="utf-8") for path in (folder / "pages").rglob("*.html")}
    assert len(pages) == len(rows) + 1
    key = (folder / KEY).read_bytes()
    for path, text in pages.items():
        assert "<img" not in text
        assert not re.search(r"<script|javascript:|\son\w+=[\"']", text)
        assert not {"\x1b", "\u202e", "\x07"} & set(text)
        assert key.hex() not in text
        if path.parent.name == "learners":
            assert sum(html.escape(name) in text for name in ("élodie", "o'neill@example.org", "thief", "linked")) <= 1
    assert not any(os.path.lexists(folder / place / "pwned") for place in (".", "pages", "submitted"))
