"""The pages: complete, harmless whatever learners wrote, and silent about others on a learner's own page."""

import html
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from checker.errors import CheckerError
from checker.report.html import write_pages
from checker.result import Doubt, Fingerprint, Message, Past
from tests.unit.report.synthetic import NOON, SETTINGS, check, cohort, filled, ledger, row

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}\u202egnp.exe\x1b[2J"
TUESDAY = NOON + timedelta(days=1)
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Tags(HTMLParser):
    """Collects tags, attributes and ids; fails where something is not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def values(self, name):
        return [value for _, key, value in self.attributes if key == name]


def text_of(page):
    return " ".join(
        html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)).replace("\u2013", "-").split()
    )


@pytest.fixture
def pages(tmp_path):
    """Write rows and return the first page, and the pages of learners by their name."""

    def write(rows, settings=SETTINGS, now=datetime(2026, 4, 1, tzinfo=UTC), roster=()):
        with filled(tmp_path / "results.db", rows) as store:
            index = write_pages(ledger(store, settings, now, roster), tmp_path / "html").read_text()
            names = sorted({each.learner for each in store.current()} | {*roster})
        found = re.findall(r'href="(learners/[^"]+)"', index)
        texts = {name: (tmp_path / "html" / file).read_text() for name, file in zip(names, found, strict=True)}
        return index, texts

    return write


def test_the_matrix_tells_marks_and_states(pages):
    rows = [
        row("ada", 1, check("a"), check("b", "failed", 3.0, 0.5)),
        row("ada", 3, received=NOON + timedelta(days=3), doubts=(Doubt(level="suspect", check="a", reason="r"),)),
        row("bob", 1, status="refused"),
        row("bob", 3, check("a"), check("b", "error")),
        row("cy", 3, status="error"),
        row("dan", 3),
        row("dan", 3, digest="d2", received=TUESDAY, status="refused"),
    ]
    index, _ = pages(rows)
    found = re.findall(r"<tr><th scope=\"row\"><a href=\"learners/.*?</tr>", index, flags=re.S)
    assert [text_of(each) for each in found] == [
        "ada 70% 2.5 3.6 late , 10% lost suspect",
        "bob 0% refused 2 open",
        "cy 0% - not handed in error",
        "dan 50% - not handed in 4 newer refused",
    ]


def test_the_index_has_all_that_an_instructor_looks_for(pages):
    rows = [
        *cohort(30),
        row("eve", 3, check("a", "error", messages=(Message(found="MLflow is down"),)), digest="e"),
        row("zed", 3, check("a", "failed"), past=(Past(number=1, graded=NOON, earned=0, possible=2,
                                                       outcomes={"a": "failed"}),)),
    ]  # fmt: skip
    index, learners = pages(rows)
    text = text_of(index)
    assert "learner004@example.org 2026-" in text and "7f3c00aa11" in text
    for words in ("tampered", "logged before its workspace", "its archive ends in the middle", "MLflow is down",
                  "n = ", "too few (", "Full marks", "Discrimination", "open", "1 \u00d7 run"):  # fmt: skip
        assert words in text, words
    assert len(learners) == 32


def test_pages_are_accessible_in_their_structure(pages):
    index, learners = pages(cohort(12))
    for page in (index, *learners.values()):
        tags = Tags(page)
        assert page.startswith('<!doctype html>\n<html lang="en">')
        assert tags.tags.count("h1") == tags.tags.count("main") == tags.tags.count("title") == 1
        assert tags.tags.count("caption") == tags.tags.count("table")
        assert all(scope in ("col", "row") for tag, key, scope in tags.attributes if (tag, key) == ("th", "scope"))
        assert len([1 for tag, key, _ in tags.attributes if (tag, key) == ("th", "scope")]) == tags.tags.count("th")
        ids = tags.values("id")
        assert len(ids) == len(set(ids))
        assert {each[1:] for each in tags.values("href") if each.startswith("#")} <= set(ids)
        assert set(tags.values("aria-labelledby")) <= set(ids)


def test_pages_run_and_load_nothing(pages):
    index, learners = pages(cohort(6))
    for page in (index, *learners.values()):
        tags = Tags(page)
        assert not set(tags.tags) & {"script", "img", "link", "iframe", "object", "form"}
        assert not [each for each in tags.attributes if each[1].startswith("on") or each[1] in ("src", "style")]
        assert all(each.startswith(("#", "learners/")) for each in tags.values("href"))
        policy = next(each for each in tags.values("content") if "default-src" in each)
        assert "default-src 'none'" in policy and "unsafe" not in policy


def test_hostile_texts_stay_texts(pages):
    message = Message(found=HOSTILE, expected=HOSTILE * 9999, next_step=HOSTILE)
    other = "\u05d0\u05d1" + HOSTILE
    prints = (Fingerprint(kind=HOSTILE, value=HOSTILE * 999),)
    rows = [
        row(HOSTILE, 3, check(HOSTILE, "failed", description=HOSTILE, messages=(message,)), fingerprints=prints,
            doubts=(Doubt(level="tampered", check=HOSTILE, reason=HOSTILE),)),
        row(other, 3, status="refused", reason=HOSTILE * 99999, fingerprints=prints),
        row("x" * 10**6, 3, status="error", reason="y" * 10**6),
        row("", 3), row("..", 3), row("../../up", 3), row("CON", 3), row("a/b\0c", 3), row("A", 3), row("a", 3),
    ]  # fmt: skip
    index, learners = pages(rows)
    for page in (index, *learners.values()):
        tags = Tags(page)
        assert not set(tags.tags) & {"script", "img"}
        assert not set(page) & set("\u202e\x1b\0")
        assert len(page) < 60_000
        assert HOSTILE[:20] not in page
    assert "{{ 7*7 }}" in text_of(index)
    assert "(no name)" in index
    assert len(learners) == 10


def test_marks_are_not_piled_on_a_letter(pages):
    piled = "z" + "".join(chr(0x300 + number % 80) for number in range(300))
    index, _ = pages([row(piled, 3), row("Zo\u0308\u0301e", 3)])
    assert "z\u0300\u0301<" in index
    assert "Zo\u0308\u0301e" in index


def test_files_are_named_safely_and_differently(pages, tmp_path):
    pages([row(name) for name in ("A", "a", "..", "a/b", "CON", "\u0410")])
    names = [path.name for path in (tmp_path / "html" / "learners").iterdir()]
    assert len({name.lower() for name in names}) == 6
    assert all(re.fullmatch(r"[a-z0-9-]+\.html", name) for name in names)


def test_a_learners_page_tells_nothing_of_others_nor_of_doubts(pages):
    prints = (Fingerprint(kind="run", value="shared-run-id"),)
    doubt = Doubt(level="tampered", check="a", reason="the world is that of bob")
    rows = [
        row("ada", 3, doubts=(doubt,), fingerprints=prints),
        row("bob", 3, fingerprints=prints),
        row("ada", 8, status="error", reason="/srv/grader/secret path"),
        row("ada", 1, status="refused", reason="its archive ends in the middle"),
    ]
    _, learners = pages(rows)
    for words in ("bob", "tampered", "shared-run-id", "/srv/grader"):
        assert words not in learners["ada"]
    assert "its archive ends in the middle" in learners["ada"]
    assert "not your fault" in learners["ada"]


@pytest.mark.parametrize(
    ("reveal", "shown", "hidden"),
    [
        ("messages", ["The sentence of a.", "dvc checkout"], []),
        ("outcomes", ["The sentence of a.", "failed"], ["dvc checkout"]),
        ("marks", ["1 of 2 marks"], ["The sentence of a.", "dvc checkout"]),
    ],
)
def test_a_learner_reads_as_much_as_the_cohort_reveals(pages, reveal, shown, hidden):
    message = Message(found="f", next_step="run `dvc checkout`")
    rows = [row("ada", 3, check("a", "failed", earned=1.0, messages=(message,)))]
    _, learners = pages(rows, SETTINGS.model_copy(update={"reveal": reveal}))
    text = text_of(learners["ada"])
    assert all(words in text for words in shown)
    assert not any(words in text for words in hidden)


def test_every_attempt_is_on_the_learners_page(pages):
    wednesday = TUESDAY + timedelta(days=1)
    rows = [row("ada", 3, check("a", "failed")), row("ada", 3, digest="2", received=TUESDAY),
            row("ada", 3, digest="3", received=wednesday, status="refused", reason="it is cut off")]  # fmt: skip
    _, learners = pages(rows)
    text = text_of(learners["ada"])
    assert "2026-03-02 12:00 graded 0 of 2 2026-03-03 12:00 graded 4 of 4 2026-03-04 12:00 refused -" in text
    assert "was refused: it is cut off . Until then the marks above stay." in text


def test_times_are_those_of_the_cohort(pages):
    settings = SETTINGS.model_copy(update={"timezone": "Asia/Kolkata"})
    _, learners = pages([row("ada", 3)], settings)
    assert "Received 2026-03-02 17:30; due 2026-03-04 23:59." in text_of(learners["ada"])
    assert "Asia/Kolkata" in learners["ada"]


def test_an_empty_cohort_has_a_page_too(pages):
    index, learners = pages([])
    assert "Nothing was graded yet." in index
    assert learners == {}


def test_who_handed_nothing_in_is_there(pages):
    index, texts = pages([row("ada", 3)], roster=("ada", "mia"))
    assert "mia" in text_of(index)
    assert "0" in text_of(texts["mia"])
    assert "nothing" in text_of(texts["mia"]).lower()


def test_before_a_lab_is_due_what_is_missing_costs_nothing(pages):
    rows = [row("ada", 1), row("ada", 3), row("bob", 1)]
    early, _ = pages(rows, now=datetime(2026, 3, 3, tzinfo=UTC))
    late, _ = pages([], now=datetime(2026, 3, 9, tzinfo=UTC))
    totals = [re.findall(r"<td>(\d+)%</td>", page.split("Where people are stuck</h2>")[0]) for page in (early, late)]
    assert totals == [["100", "100"], ["100", "50"]]


def test_a_folder_that_cannot_be_made_is_told(pages, tmp_path):
    (tmp_path / "html").write_text("a file is in the way")
    with pytest.raises(CheckerError, match="cannot be made"):
        pages([row()])


def test_a_page_of_before_stays_whole_while_the_next_is_written(pages, tmp_path):
    pages([row("ada")])
    pages([row("bob")])
    assert not list((tmp_path / "html").rglob(".*"))
