"""Difficulty, discrimination and where people are stuck."""

import random
import statistics

import pytest

from checker.report.figures import ENOUGH, Figures, Together
from checker.report.ledger import Entry
from checker.result import Past
from tests.unit.report.synthetic import NOON, check, filled, ledger, row


def figures(tmp_path, rows):
    made = Figures()
    with filled(tmp_path / "results.db", rows) as store:
        for _, entries in ledger(store).learners():
            for entry in entries:
                made.add(entry)
    return made


def test_the_streamed_correlation_is_that_of_the_textbook():
    chance = random.Random(7)
    xs = [1e6 + chance.random() for _ in range(500)]
    ys = [x + chance.gauss(0, 0.5) for x in xs]
    together = Together()
    for x, y in zip(xs, ys, strict=True):
        together.add(x, y)
    assert together.correlation == pytest.approx(statistics.correlation(xs, ys), abs=1e-9)


def test_a_check_is_set_against_the_rest_of_its_lab_and_not_against_itself(tmp_path):
    rows = []
    for number in range(ENOUGH * 2):
        able = "passed" if number % 2 else "failed"
        lucky = "passed" if number % 4 < 2 else "failed"
        rows.append(row(f"l{number:02}", 3, check("a", able), check("b", able), check("lucky", lucky, 10.0)))
    a, b, lucky = figures(tmp_path, rows).checks()
    assert a.difficulty == b.difficulty == lucky.difficulty == 0.5
    assert lucky.discrimination == pytest.approx(0, abs=1e-9)
    assert 0 < a.discrimination < 0.5


def test_too_few_and_all_alike_say_so(tmp_path):
    few = figures(tmp_path, [row(f"l{n}") for n in range(ENOUGH - 1)])
    assert not few.checks()[0].enough
    assert few.checks()[0].discrimination is None
    alike = figures(tmp_path, [row(f"l{n}", digest="2") for n in range(ENOUGH)])
    assert alike.checks()[0].enough
    assert alike.checks()[0].discrimination is None
    assert alike.checks()[0].difficulty == 1


def test_what_was_not_decided_counts_for_nothing(tmp_path):
    rows = [
        row("ada", 3, check("a"), check("b", "error")),
        row("bob", 3, status="refused"),
        row("cy", 3, status="error"),
    ]
    a, b = figures(tmp_path, rows).checks()
    assert (a.n, a.full, a.against_rest.n) == (1, 1, 0)
    assert (b.n, b.undecided, b.difficulty) == (0, 1, None)


def test_stuck_is_who_fails_now_with_earlier_tries_and_what_waits(tmp_path):
    past = tuple(
        Past(number=n, graded=NOON, earned=0, possible=4, outcomes={"a": outcome, "gone": "failed"})
        for n, outcome in enumerate(["failed", "failed", "passed"])
    )
    waits = check("b", "blocked", blocked_by="a")
    rows = [
        row("ada", 3, check("a", "failed"), waits, past=past),
        row("bob", 3, check("a", "failed"), waits),
        row("cy", 3, check("a"), check("b", "failed"), past=past),
    ]
    first, second = figures(tmp_path, rows).stuck()
    assert (first.name, first.stuck, first.tries, first.behind) == ("a", 2, 2, 2)
    assert (second.name, second.stuck, second.tries, second.behind) == ("b", 1, 0, 0)


def test_an_entry_costs_nothing_while_it_is_not_the_learners_turn(tmp_path):
    with filled(tmp_path / "results.db", []) as store:
        book = ledger(store)
        made = {
            name: Entry(each, book.marks(each))
            for name, each in {
                "graded": row(), "open": row("ada", 3, check("a", "error")), "refused": row(status="refused"),
                "error": row(status="error"),
            }.items()
        }  # fmt: skip
    assert [name for name, entry in made.items() if entry.costs_nothing] == ["open", "error"]
