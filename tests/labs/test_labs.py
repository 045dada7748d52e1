"""Every lab is proven: the starter earns nothing, the solution everything, each wrong answer fails its check."""

import pytest

from checker.lint import scripts
from tests.labs.journey import arrives
from tests.support import COURSE, ROOT, digests


def _cases(kind=None):
    for lab in COURSE.ready:
        if kind is None:
            yield pytest.param(lab, id=lab.name)
            continue
        for script in scripts(ROOT / "solutions" / lab.name, kind):
            yield pytest.param(lab, script, id=f"{lab.name}-{script.path.stem}")


def _told(result):
    # As a text, since pytest cuts a list short.
    told = [f"{check.name}: {check.outcome}, {check.earned}, {check.messages}" for check in result.checks]
    return "\n".join(["", *(line for line in told if ": blocked" not in line)])


@pytest.mark.parametrize("lab", _cases())
def test_the_starter_earns_nothing_and_can_be_submitted(bench, lab, tmp_path):
    made = bench.start(lab)
    result = bench.judge(lab, made)
    assert result.earned == 0, _told(result)
    assert {check.outcome for check in result.checks} <= {"failed", "blocked", "skipped"}, _told(result)
    assert result.integrity == "ok"
    arrives(lab, made, tmp_path)


@pytest.mark.parametrize("lab", _cases())
def test_the_solution_earns_everything_and_its_submission_is_small(bench, lab, tmp_path):
    made = bench.solved(lab)
    before = digests(made.path)
    result = bench.judge(lab, made)
    assert digests(made.path) == before, "grading changed the workspace"
    assert result.outcome == "passed", _told(result)
    assert result.earned == result.possible
    assert result.integrity == "ok", result.doubts
    thawed, size = arrives(lab, made, tmp_path)
    assert size < 2 << 20
    for model in thawed.carried.models.iterdir():
        assert (model / "MLmodel").is_file()


@pytest.mark.parametrize(("lab", "script"), _cases("right"))
def test_another_right_answer_is_accepted(bench, lab, script, tmp_path):
    made = bench.after(script, lab)
    result = bench.judge(lab, made)
    assert result.outcome == "passed", _told(result)
    assert result.integrity == "ok", result.doubts
    _arrives(lab, made, tmp_path)


@pytest.mark.parametrize(("lab", "script"), _cases("wrong"))
def test_a_wrong_answer_fails_exactly_the_check_it_names(bench, lab, script, tmp_path):
    made = bench.after(script, lab)
    result = bench.judge(lab, made)
    failed = {check.name for check in result.checks if check.outcome == "failed"}
    if {check.name: check.outcome for check in result.checks}.get(script.refused_by) == "skipped":
        pytest.skip("its check needs a cluster")
    assert failed == {script.refused_by}, _told(result)
    assert not [check for check in result.checks if check.outcome == "error"], _told(result)
    refusal = next(check for check in result.checks if check.name == script.refused_by)
    assert all(message.found and message.expected and message.next_step for message in refusal.messages)
    _arrives(lab, made, tmp_path)


def _arrives(lab, made, folder):
    # Files are carried as they are; what git and DVC made of theirs is where a journey may lose something.
    if lab.evidence.git and not lab.services:
        arrives(lab, made, folder)
