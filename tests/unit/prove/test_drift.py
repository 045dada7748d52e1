"""Drift recomputed: scores, months not seen, and profiles that are read apart from the grader."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from checker.collect.drift import collect_drift
from checker.declarations import Recipe
from checker.evidence import Evidence, Identity
from checker.evidence.drift import Drift, Limit
from checker.jail import Jail, can_confine
from checker.prove.drift import Tables, of_cases, recompute, scores
from checker.workspace import Workspace
from tests.support import COURSE, digests

LAB = next(lab for lab in COURSE.labs if lab.day == 23)
PROOF = LAB.proofs.drift
KEY = b"k" * 32
SEED = 5


@pytest.fixture(scope="module")
def tables():
    return Tables(LAB, PROOF, SEED, KEY)


def test_scores_are_those_of_the_brief():
    columns = {
        "amount": np.array([39.99, 40.0, 12.5, 0.5]),
        "timestamp": np.array([f"2025-01-01T{each}:00" for each in ("05:59", "06:00", "23:10", "12:00")]),
        "transactions_24h": np.array([2, 3, 7, 1]),
        "channel": np.array(["chip", "online", "phone", "no such channel"]),
        "country": np.array(["AT", "DE", "TR", ""]),
    }
    assert scores(PROOF.scorecard, columns).tolist() == [18, 48, 52, 18]


def test_months_not_seen_are_changed_as_the_course_says(tables):
    case = PROOF.cases["all-shifted"]
    plain, changed = tables.case(case.model_copy(update={"scaled": {}, "moved": {}})), tables.case(case)
    assert changed["amount"] == pytest.approx(plain["amount"] * 1.3, abs=0.006)
    assert changed["score"].mean() > plain["score"].mean()
    for name in ("age_band", "merchant_category", "channel", "country"):
        assert np.mean(plain[name] != changed[name]) == pytest.approx(0.1, abs=0.001)
    assert np.mean(plain["transactions_24h"] != changed["transactions_24h"]) == pytest.approx(0.2, abs=0.001)


def test_scores_are_changed_after_they_are_counted(tables):
    case = PROOF.cases["scores-shifted"]
    plain, changed = tables.case(case.model_copy(update={"scaled": {}})), tables.case(case)
    assert changed["score"] == pytest.approx(plain["score"] * 1.25)
    assert np.array_equal(plain["amount"], changed["amount"])


def test_another_key_gives_other_months(tables):
    case = PROOF.cases["quiet-may"]
    other = Tables(LAB, PROOF, SEED, b"o" * 32).case(case)
    assert not np.array_equal(tables.case(case)["amount"], other["amount"])
    assert not np.array_equal(tables.case(case)["amount"], tables.file("data/2025-05.csv")["amount"])


def test_the_deliveries_of_june_differ_in_the_amounts(tables):
    first, second = (tables.file(path) for path in ("data/2025-06.csv", "data/2025-06-corrected.csv"))
    assert np.array_equal(first["channel"], second["channel"])
    assert first["amount"].mean() > 5 * second["amount"].mean()


@pytest.mark.slow
def test_profiles_are_read_in_the_jail_whatever_they_are(tmp_path, tables):
    script = """
import os, sys
os.environ["WHYLOGS_NO_ANALYTICS"] = "1"
import numpy as np, pandas as pd, whylogs as why
frame = pd.DataFrame(dict(np.load("frame.npz")))
why.log(frame).writer("local").option(base_dir="profiles", base_name="2025-01.bin").write()
"""
    folder = tmp_path / "work"
    (folder / "profiles").mkdir(parents=True)
    np.savez(tmp_path / "frame.npz", **tables.file("data/2025-01.csv"))
    (tmp_path / "frame.npz").rename(folder / "frame.npz")
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)
    right = (folder / "profiles/2025-01.bin").read_bytes()
    (folder / "profiles/2025-02.bin").write_bytes(right[: len(right) // 2])
    (folder / "profiles/2025-03.bin").write_bytes(os.urandom(5000))
    (folder / "profiles/2025-06.bin").write_bytes(b"")
    (folder / "profiles/2025-09.bin").symlink_to(Path("2025-01.bin"))
    with (folder / "profiles/reference.bin").open("wb") as huge:
        huge.truncate(1 << 30)
    identity = Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=SEED, started=datetime.now(UTC))
    drift = collect_drift(folder, LAB.evidence.drift)
    evidence = Evidence(workspace=identity, drift=drift)
    before = digests(folder / "profiles")
    with Jail(confined=can_confine()) as jail:
        figures, profiles = recompute(LAB, Workspace(folder, identity), evidence, KEY, jail)
    assert digests(folder / "profiles") == before
    assert figures == []
    january, *others = profiles
    assert january.problem is None
    for found, true in zip(january.found, january.true, strict=True):
        assert (found.column, found.rows, found.missing) == (true.column, true.rows, 0)
        assert found.mean == pytest.approx(true.mean) if true.mean is not None else True
        assert found.most == true.most or true.most is None
        assert found.distinct == pytest.approx(true.distinct, rel=0.1)
    assert all(each.problem and not each.found for each in others), others
    assert "link" in next(each.problem for each in others if each.path.endswith("09.bin"))
    assert "more than" in next(each.problem for each in others if each.path.endswith("reference.bin"))


def test_methods_that_nobody_knows_have_no_figure(tables):
    told = tuple(Limit(column=each, method=each, threshold=1.0) for each in ("amount", "no such column"))
    found = list(of_cases(PROOF, Drift(limits=told), tables))
    assert {each.column for each in found} == {"amount"}
    assert all(each.values == () for each in found)


def test_held_out_months_have_what_the_others_have():
    assert all(case.data.rows == 8000 and case.data.holdout for case in PROOF.cases.values())
    assert isinstance(PROOF.cases["trifles"].data, Recipe)
