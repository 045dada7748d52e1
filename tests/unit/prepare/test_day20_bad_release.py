"""Day 20 as it is handed over: what the seed decides, and that each fault shows just where it should."""

import sys
from collections import Counter

import pytest

from checker.prepare import day20_bad_release as prepared
from checker.prepare import day20_incident as incidents
from checker.prepare import day20_service as service
from checker.prepare.servers import model
from checker.recipes import sha256
from infra.serving.store import Store
from tests.support import COURSE, ROOT

LAB = COURSE.find("20")
SEEDS = (1, 7)
FAULTS = pytest.mark.parametrize("fault", service.FAULTS, ids=lambda fault: f"{fault.kind}-{fault.file}")
REPLAY = ROOT / "solutions" / LAB.name / "files"


def scored(known, code, model="1", rows=None):
    return incidents.answers(code, known.cards[model], model, known.asked if rows is None else rows)


def test_the_seed_chooses_among_all_faults():
    chosen = Counter(incidents.fault_of(seed) for seed in range(600))
    assert set(chosen) == set(service.FAULTS)
    kinds = Counter(fault.kind for fault in chosen.elements())
    assert set(kinds) == set(service.CLASSES) and min(kinds.values()) > 60


@FAULTS
def test_a_fault_is_one_change_among_many(fault):
    before, tidy, after = service.LAST, service.release(), service.release(fault)
    assert {name for name in before if before[name] == tidy[name]} == set()
    assert {name for name in before if tidy[name] != after[name]} == {fault.file} - {service.CARD}
    for name, text in after.items():
        if name.endswith(".py"):
            compile(text, name, "exec")


def test_what_is_tidied_changes_nothing():
    known = incidents.incident(7, service.FAULTS[-1])
    tidy = {name: text.encode() for name, text in service.release().items()}
    right = scored(known, known.last)
    for name, text in tidy.items():
        assert same(scored(known, known.last | {name: text}), right)
    assert same(scored(known, known.last | tidy), right)


def same(one, two):
    return all(abs(a - b) < 1e-9 and c == d for (a, c), (b, d) in zip(one, two, strict=True))


@pytest.mark.parametrize("seed", SEEDS)
@FAULTS
def test_figures_are_those_of_the_class(fault, seed):
    known = incidents.incident(seed, fault)
    if fault.kind == "slow":
        few = known.replay[:4]
        assert same(scored(known, known.last, rows=few), scored(known, known.next, rows=few))
        return
    scores, decisions = incidents.changed(known)
    if fault.kind in {"preprocessing", "stale_features"}:
        assert scores >= 10
    else:
        assert scores == 0 and (decisions >= 10) == (fault.kind == "threshold")
    if fault.kind in incidents.CHANGES_NO_ANSWER:
        assert decisions == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_only_a_spoilt_model_ranks_frauds_worse(seed):
    def ranked(fault, version):
        known = incidents.incident(seed, fault)
        scores = scored(known, known.last, version, known.replay)
        pairs = [(score, label) for (score, _), label in zip(scores, known.labels, strict=True)]
        frauds, honest = [s for s, y in pairs if y], [s for s, y in pairs if not y]
        return sum(a > b for a in frauds for b in honest) / len(frauds) / len(honest)

    for fault in service.FAULTS:
        if fault.kind == "model":
            assert ranked(fault, "2") < ranked(fault, "1") - 0.02
    assert abs(ranked(service.FAULTS[0], "2") - ranked(service.FAULTS[0], "1")) < 0.01


def test_the_payments_are_enough_and_nobody_is_asked_twice():
    known = incidents.incident(7)
    assert (len(known.replay), sum(known.labels)) == incidents.REPLAYED
    assert (len(known.asked), len(known.observed)) == (40, 100)
    names = [row["transaction_id"] for row in (*known.replay, *known.asked, *known.observed)]
    assert len(set(names)) == len(names)


def test_the_truth_is_made_again_and_fits_the_platform(tmp_path):
    told = prepared.truth(LAB, 7)
    assert told == prepared.truth(LAB, 7)
    assert told["fault"] in service.CLASSES
    assert len(told["questions"]) == len(told["answers"])
    known = incidents.incident(7)
    store = Store(tmp_path / "serving")
    for name, files, number in (("good", known.last, 1), ("bad", known.next, 2)):
        source = tmp_path / name
        prepared._write(source, files)
        assert store.keep_code("fraud", number, source) == told[name]["code"]
    assert sha256(prepared.data(LAB, 7)["data/replay.csv"]) == sha256(prepared.replay_csv(known))


def test_the_service_answers_as_its_parts_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(REPLAY))
    known = incidents.incident(7)
    prepared._write(tmp_path / "code", known.last)
    prepared._write(tmp_path / "models" / "1", model(known.cards["1"], "r"))
    prepared._write(tmp_path, prepared.data(LAB, 7))
    try:
        from replay import payments, served

        rows = payments()
        assert rows == list(known.replay)
        with served("code", "models/1") as release:
            answers = release.ask(rows)
            lines = release.log()
    finally:
        sys.modules.pop("replay", None)
    assert same([(each["score"], each["decision"]) for each in answers], scored(known, known.last, rows=rows))
    assert len(lines) == len(rows) and not any("customer" in str(line) for line in lines)
