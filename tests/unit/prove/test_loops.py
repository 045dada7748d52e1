"""What is handed to a closed loop, and what is believed of what came back."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from checker.evidence.loops import LoopModel, LoopRun
from checker.prove.loops import _models, _numbers, _runs, average_precision, plan, tables
from tests.support import COURSE

LAB = next(lab for lab in COURSE.labs if lab.day == 24)
[PROOF] = LAB.proofs.loops
KEY = b"some other key of thirty-two byt"


@pytest.fixture(scope="module")
def calls():
    return [*plan(PROOF, 3, KEY)]


def test_a_plan_has_every_step_and_says_nothing_by_its_names(calls):
    assert [(each.chain, each.step) for each in calls] == [
        (chain, number) for chain, steps in PROOF.chains.items() for number in range(len(steps))
    ]
    first = calls[0]
    assert (first.month, first.path, first.hidden, first.kept) == ("2025-05", "data/2025-05.csv", False, None)
    early, arrived, again, later = calls[1:5]
    assert early.month == arrived.month == again.month < later.month
    assert early.content != arrived.content == again.content
    assert (early.new, arrived.new, again.new) == (True, True, False)
    named = {tuple(each.month for each in plan(PROOF.model_copy(update={"chains": _short()}), 3, bytes([n])))
             for n in range(6)}  # fmt: skip
    assert len(named) > 2


def _short():
    """Chains whose tables are made quickly."""
    small = {"rows": 1500}
    return {
        chain: tuple(
            step.model_copy(update={"data": step.data and step.data.model_copy(update=small)}) for step in steps
        )
        for chain, steps in PROOF.chains.items()
    }


def test_labels_that_are_not_known_are_empty(calls):
    early, arrived = (each.content.decode().splitlines() for each in calls[1:3])
    assert len(early) == len(arrived) == PROOF.given + 1
    known = [line.rsplit(",", 1)[1] != "" for line in early[1:]]
    assert sum(known) == PROOF.given // 5
    assert known == sorted(known, reverse=True)
    assert [line.rsplit(",", 1)[0] for line in early] == [line.rsplit(",", 1)[0] for line in arrived]


def test_what_is_kept_is_not_handed_out_and_has_its_own_labels():
    step = next(each for each in PROOF.chains["dealt"] if each.dealt)
    handed, kept = tables(PROOF, step, 3, KEY)
    whole, rest = tables(PROOF, step.model_copy(update={"dealt": 0.0}), 3, KEY)
    assert (len(handed), len(handed) + len(kept)) == (PROOF.given, step.data.rows)
    assert rest.to_csv() == kept.to_csv()
    assert handed["is_fraud"].sum() == whole["is_fraud"].sum()
    right = int((handed["is_fraud"] & whole["is_fraud"]).sum())
    assert right < 0.35 * whole["is_fraud"].sum()
    assert np.allclose(handed["amount"], whole["amount"])


def test_the_average_precision_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    for digits in (1, 6):
        labels, scores = rng.integers(0, 2, 300), rng.random(300).round(digits)
        ours = average_precision(labels.tolist(), scores.tolist())
        assert ours == pytest.approx(average_precision_score(labels, scores))
    assert average_precision([0, 0], [0.1, 0.2]) == 0


def registry(champion, versions, models):
    return {"champion": champion, "models": models, "versions": {each: {"tags": {}} for each in versions}}


def test_what_a_call_added_is_told_from_what_was_there(calls):
    said = [
        {"status": 0, "said": "{}", "registry": registry("1", ["1"], 1), "pipelines": [], "deployed": None},
        {"status": 0, "said": None, "registry": registry("2", ["2", "1"], 2), "pipelines": ["a"],
         "deployed": '{"champion": "2"}\n'},
        {"status": 0, "registry": registry("2", ["2", "1"], 2), "pipelines": ["a"], "deployed": '{"champion": "2"}\n'},
        {"problem": "did not answer"},
    ]  # fmt: skip
    told = {"start": registry("1", ["1"], 1), "chains": {"own": said[:1], "tactics": said}}
    runs = {(each.chain, each.step): each for each in _runs(PROOF, calls, told)}
    early, promoted, again, broken = (runs["tactics", step] for step in range(4))
    assert (early.trained, early.before, early.champion) == (False, "1", "1")
    assert (promoted.before, promoted.champion, promoted.models) == ("1", "2", 1)
    assert (promoted.pipelines, promoted.deployed) == (("a",), ("2",))
    assert [each.version for each in promoted.made] == ["2"]
    assert (again.trained, again.deployed, again.before) == (False, (), "2")
    assert broken.problem == "did not answer"
    assert "not tried" in runs["dealt", 0].problem
    assert promoted.printed.startswith("what it printed is kept back")


def test_only_numbers_for_all_rows_are_scores():
    assert _numbers([0, 0.5], 2) == [0.0, 0.5]
    for answer in ([0.5], [0.5, None], [0.5, float("nan")], None, {"problem": "a row of May: 17.20"}, "x"):
        said = _numbers(answer, 2)
        assert isinstance(said, str)
        assert "17.20" not in said


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
ANSWER = st.fixed_dictionaries(
    {},
    optional={
        "status": JSON,
        "printed": JSON,
        "said": JSON,
        "registry": st.one_of(JSON, st.just(registry("2", ["2"], 3))),
        "pipelines": JSON,
        "deployed": st.one_of(JSON, st.text(max_size=30), JSON.map(json.dumps)),
        "problem": JSON,
    },
)


@settings(max_examples=80, deadline=None)
@given(st.lists(ANSWER, max_size=4), JSON, JSON)
def test_whatever_comes_back_becomes_a_record(calls, answers, start, scores):
    told = {"start": start, "chains": {"own": answers[:1], "tactics": answers, "dealt": start}}
    runs = [*_runs(PROOF, calls, told)]
    assert len(runs) == len(calls)
    models = [*_models(PROOF, calls, {"tactics-1": scores, "tactics-0": {"before": scores, "after": scores}})]
    for each in runs:
        assert LoopRun.model_validate_json(each.model_dump_json()) == each
    for each in models:
        assert LoopModel.model_validate_json(each.model_dump_json()) == each
