"""Closed loops that mean no good: the registry, the folder and the answer are theirs, the verdict is not."""

from datetime import UTC, datetime

import pytest

from checker.declarations import LoopProof, Recipe
from checker.evidence import Identity
from checker.jail import Jail, can_confine
from checker.prove.loops import close_again
from checker.workspace import Workspace
from tests.support import COURSE, digests

LAB = next(lab for lab in COURSE.labs if lab.day == 24)
KEY = bytes(32)
LOOP = """
import os, sqlite3, subprocess, sys

rows = sum(1 for _ in open(f"data/{sys.argv[1]}.csv")) - 1
print("rows", rows)


def sql(*lines):
    with sqlite3.connect("mlflow.db") as registry:
        for line in lines:
            registry.execute(line)


def fine():
    os.makedirs("decisions")
    with open(f"decisions/{sys.argv[1]}.json", "w") as file:
        file.write('{"decision": "keep"}')


def garbage():
    with open("mlflow.db", "wb") as file:
        file.write(b"SQLite format 3\\0" + b"garbage" * 9999)


def link():
    os.remove("mlflow.db")
    os.symlink("/etc/passwd", "mlflow.db")


def outside():
    sql(
        "UPDATE model_versions SET storage_location = '/etc'",
        "INSERT INTO model_versions (name, version, storage_location) VALUES ('day24-card-fraud', 2, '/etc')",
        "UPDATE registered_model_aliases SET version = 2",
    )


def endless():
    sql(
        "DROP TABLE registered_model_aliases",
        "CREATE VIEW registered_model_aliases AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT 'x' || i AS name, 'champion' AS alias, i AS version FROM n",
    )


def answers():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, b"0")
        except OSError:
            pass
    os._exit(0)


{600: fine, 601: garbage, 602: link, 603: outside, 604: endless, 605: answers}[rows]()
"""
NAMES = ("fine", "garbage", "link", "outside", "endless", "answers")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """What came of six loops in one, and the sums of the workspace before and after."""
    folder = tmp_path_factory.mktemp("loop")
    (folder / "loop.py").write_text(LOOP, encoding="utf-8")
    identity = Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=7, started=datetime.now(UTC))
    [proof] = LAB.proofs.loops
    chains = {
        name: [{"name": "a", "data": {"table": "features", "months": [5], "holdout": True, "rows": 1200}}]
        for name in NAMES
    }
    made = LoopProof.model_validate(proof.model_dump() | {"chains": chains, "seconds": 10})
    before = digests(folder)
    with pytest.MonkeyPatch.context() as patch, Jail(confined=can_confine()) as jail:
        # So many rows tell the loop which chain it is in.
        patch.setattr("checker.prove.loops.tables", few(iter(range(600, 606))))
        runs, models = close_again(made, LAB, Workspace(folder, identity), KEY, jail)
    return {each.chain: each for each in runs}, models, before, digests(folder)


def few(counts):
    from checker.recipes import make_table

    def tables(proof, step, seed, key):
        table = make_table(Recipe(table="features", months=(5,), holdout=True, rows=1200), seed, key)
        count = next(counts)
        return table.take(slice(0, count)), table.take(slice(count, None))

    return tables


def test_nothing_of_it_stays_in_the_workspace(done):
    assert done[2] == done[3]


def test_an_honest_one_is_heard(done):
    run = done[0]["fine"]
    assert (run.status, run.problem, run.before, run.champion) == (0, None, "1", "1")
    assert run.said == '{"decision": "keep"}'
    assert not run.trained


@pytest.mark.parametrize("chain", ["garbage", "link", "endless"])
def test_a_registry_that_cannot_be_read_is_their_problem(done, chain):
    run = done[0][chain]
    assert run.problem
    assert "registry" in run.problem
    assert "root:" not in run.problem


def test_a_version_leads_to_no_file_outside(done):
    run = done[0]["outside"]
    assert (run.problem, run.champion) == (None, "2")
    [model] = [each for each in done[1] if each.chain == "outside"]
    assert model.problem.startswith("is not there")


def test_who_answers_in_the_place_of_the_grader_gains_nothing(done):
    run = done[0]["answers"]
    assert run.champion in ("", "1")
    assert not run.trained
