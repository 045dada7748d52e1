"""The four outcomes, kept apart."""

import time
from datetime import UTC, datetime

import pytest

from checker.check import Check, award, check, expect, fail, suspect, tampered
from checker.errors import Unavailable
from checker.evidence import Evidence, Gap, Identity
from checker.runner import run_checks
from tests.support import COURSE

LAB = COURSE.ready[0]
EVIDENCE = Evidence(
    workspace=Identity(
        lab=LAB.name, learner="me", workspace_id="0" * 32, seed=1, started=datetime(2026, 1, 1, tzinfo=UTC)
    ),
    gaps={"mlflow": Gap(found="MLflow is down", expected="a server", next_step="run `infra up`")},
)


def run(*checks):
    return run_checks(LAB, checks, EVIDENCE)


def only(made):
    return run(made).checks[0]


def test_a_check_that_returns_earns_its_marks():
    @check(points=2)
    def holds(lab):
        """It holds."""

    result = run(holds)
    assert (result.checks[0].outcome, result.earned, result.possible, result.outcome) == ("passed", 2, 2, "passed")


def test_expect_tells_found_expected_and_next_step():
    @check(points=2)
    def three(lab):
        """Three runs."""
        expect(False, found="2 runs", expected="3", next_step="run it again")

    told = only(three)
    assert told.outcome == "failed"
    assert told.earned == 0
    assert told.messages[0].model_dump() == {"found": "2 runs", "expected": "3", "next_step": "run it again"}


def test_a_plain_assert_fails_with_its_words_and_the_description():
    @check(points=1)
    def plain(lab):
        """Water is wet."""
        assert 1 == 2, "it is dry"

    told = only(plain)
    assert (told.outcome, told.messages[0].expected) == ("failed", "Water is wet.")
    assert told.messages[0].found.startswith("it is dry")


def test_needs_hand_on_values_and_block():
    seen = []

    @check(points=1)
    def first(lab):
        """First."""
        return "value"

    @check(points=1)
    def broken(lab):
        """Broken."""
        fail(found="nothing", expected="something", next_step="do it")

    @check(points=1, needs=(first, first))
    def second(lab, one, two):
        """Second."""
        seen.append((one, two))

    @check(points=1, needs=(first, broken))
    def third(lab, one, two):
        """Third."""
        seen.append("never")

    @check(points=1, needs=third)
    def fourth(lab, value):
        """Fourth."""

    result = run(fourth, second, third)
    assert [each.outcome for each in result.checks] == ["blocked", "passed", "blocked"]
    assert result.checks[0].blocked_by == "broken"
    assert "broken" in result.checks[0].messages[0].next_step
    assert seen == [("value", "value")]


def test_partial_marks_are_counted_and_told():
    @check(points=3)
    def parts(lab):
        """Three parts."""
        expect(True, found="", expected="", next_step="", points=1)
        expect(False, found="no b", expected="b", next_step="add b", points=1)
        award(0.5)

    told = only(parts)
    assert (told.outcome, told.earned, [each.found for each in told.messages]) == ("failed", 1.5, ["no b"])


def test_awarded_marks_stay_when_the_check_fails_later():
    @check(points=3)
    def parts(lab):
        """Parts."""
        award(1)
        fail(found="x", expected="y", next_step="z")

    assert only(parts).earned == 1


def test_all_parts_earned_is_passed():
    @check(points=2)
    def parts(lab):
        """Parts."""
        award(1.5)
        expect(True, found="", expected="", next_step="", points=0.5)

    assert only(parts).outcome == "passed"


def test_too_few_awarded_marks_are_no_pass():
    @check(points=2)
    def parts(lab):
        """Parts."""
        award(1)

    told = only(parts)
    assert (told.outcome, told.earned) == ("failed", 1)
    assert told.messages


def test_more_marks_than_the_check_has_is_the_checks_fault():
    @check(points=1)
    def greedy(lab):
        """Greedy."""
        award(2)

    assert only(greedy).outcome == "error"


@pytest.mark.parametrize("raised", [ValueError("x"), SystemExit(0), RecursionError(), MemoryError()])
def test_a_broken_check_is_an_error_and_never_marks(raised):
    @check(points=5)
    def broken(lab):
        """Broken."""
        raise raised

    @check(points=1)
    def fine(lab):
        """Fine."""

    result = run(broken, fine)
    assert [each.outcome for each in result.checks] == ["error", "passed"]
    assert result.outcome == "error"
    assert result.earned == 1
    assert "costs you no marks" in result.checks[0].messages[0].next_step


def test_a_gap_in_the_evidence_is_an_error_with_its_next_step():
    @check(points=1)
    def runs(lab):
        """Runs."""
        return lab.mlflow

    told = only(runs)
    assert (told.outcome, told.messages[0].next_step) == ("error", "run `infra up`")


def test_undeclared_evidence_is_the_courses_fault():
    @check(points=1)
    def files(lab):
        """Files."""
        return lab.files

    assert only(files).outcome == "error"


def test_a_check_that_does_not_end_is_an_error_in_time():
    @check(points=1, seconds=0.2)
    def slow(lab):
        """Slow."""
        time.sleep(5)

    @check(points=1)
    def fine(lab):
        """Fine."""

    result = run(slow, fine)
    assert [each.outcome for each in result.checks] == ["error", "passed"]


def test_unavailable_inside_a_check_is_an_error():
    @check(points=1)
    def asks(lab):
        """Asks."""
        raise Unavailable("no answer", expected="one", next_step="wait")

    assert only(asks).outcome == "error"


def test_integrity_is_apart_from_marks():
    @check(points=1)
    def doubtful(lab):
        """Doubtful."""
        suspect("looks copied")

    @check(points=1)
    def forged(lab):
        """Forged."""
        tampered("the digest is another one")

    result = run(doubtful, forged)
    assert (result.earned, result.integrity, result.outcome) == (2, "tampered", "passed")
    assert [(each.level, each.check) for each in result.doubts] == [("suspect", "doubtful"), ("tampered", "forged")]


def test_hostile_text_is_made_harmless_in_messages():
    @check(points=1)
    def shows(lab):
        """Shows."""
        fail(found="\x1b]0;owned\x07 \u202egnp.exe" + "x" * 10_000, expected="[bold]no[/bold]", next_step="")

    message = only(shows).messages[0]
    assert "\x1b" not in message.found
    assert "\u202e" not in message.found
    assert len(message.found) <= 400
    assert message.expected == "[bold]no[/bold]"


def test_a_check_needs_a_docstring_marks_and_real_needs():
    with pytest.raises(ValueError, match="docstring"):
        check(points=1)(lambda lab: None)
    with pytest.raises(ValueError, match="more than 0"):
        check(points=0)
    with pytest.raises(TypeError, match="checks"):
        check(points=1, needs=(print,))


def test_equal_looking_checks_are_different():
    def same(lab):
        """Same."""

    assert Check(same, 1) != Check(same, 1)
