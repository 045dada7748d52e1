"""The models that a learner's gate is handed: each has its fault by a clear margin, and no other."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from checker.course import Lab
from checker.declarations import CommandCase, CommandProof
from checker.errors import Unavailable
from checker.evidence import Identity
from checker.jail import Answer, Jail, can_confine
from checker.prove import candidates, commands
from checker.tasks.candidates import FAULTS, FEATURES, MODELS, SKEWS
from checker.workspace import Workspace

KEY = b"k" * 32
BROKEN = {name for name, families in FAULTS.items() if "model" in families}
MEASURE = """
import json, sys
from pathlib import Path
import mlflow.sklearn, numpy as np, pandas as pd

def measure(folder):
    try:
        model = mlflow.sklearn.load_model(str(folder / "model"))
    except Exception as error:
        return {"error": type(error).__name__}
    table = pd.read_csv(folder.parent / "shared" / "rows.csv")
    own = folder / "served.csv"
    served = pd.read_csv(own if own.is_file() else folder.parent / "shared" / "served.csv")
    rows, y = table.drop(columns="is_fraud"), table["is_fraud"].to_numpy() == 1
    ask = lambda rows: model.predict_proba(rows)[:, 1]
    p, random = ask(rows), np.random.default_rng(1)
    if not np.isfinite(p).all():
        return {"error": "NaN"}
    moved = [abs(ask(rows.head(1000)) - p[:1000]).max(), abs(ask(rows.iloc[::-1])[::-1] - p).max()]
    for name in ("transaction_id", "customer_id", "age_band", "disputed", "card_blocked"):
        moved.append(abs(ask(rows.assign(**{name: random.permutation(rows[name].to_numpy())})) - p).max())
    q = ask(rows.assign(amount=rows.amount * 5, amount_to_usual=rows.amount_to_usual * 5))
    flagged = p >= np.quantile(p, 0.98)
    groups = [(y & (rows[c] == v).to_numpy()) for c in ("age_band", "channel", "category_code") for v in set(rows[c])]
    seen = p >= 0.05
    bins = np.minimum((p * 10).astype(int), 9)
    gaps = [abs(p[seen & (bins == b)].sum() - y[seen & (bins == b)].sum()) for b in range(10)]
    both = rows.merge(served, on="transaction_id", suffixes=("", "_served"))
    skew = [((both[f"{n}_served"] - both[n]).abs() > 0.01 + 0.01 * both[n].abs()).mean() for n in NAMES]
    return {"frauds": int(y.sum()), "moved": max(moved), "rises": (q > p).mean(), "falls": (q < p).mean(),
            "slices": min(flagged[g].mean() for g in groups if g.sum() >= 30) / flagged[y].mean(),
            "ratio": p.sum() / y.sum(), "error of calibration": sum(gaps) / seen.sum(), "skew": max(skew)}

NAMES = json.loads(sys.argv[2])
print(json.dumps({f.name: measure(f) for f in Path(sys.argv[1]).iterdir() if f.name != "shared"}, default=float))
"""


@pytest.fixture(scope="module")
def jail():
    with Jail(confined=can_confine()) as made:
        yield made


def made_in(folder, names, seed, jail):
    """Make candidates, write them, and return what was measured of each."""
    for name, files in candidates.make_candidates(names, seed, KEY, jail).items():
        for path, content in files.items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_bytes(content)
    command = [sys.executable, "-W", "ignore", "-c", MEASURE, str(folder), json.dumps(FEATURES)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


@pytest.mark.parametrize("seed", [1, 5, 60])
def test_each_has_its_fault_and_no_other_by_a_clear_margin(tmp_path, jail, seed):
    found = made_in(tmp_path, FAULTS, seed, jail)
    assert set(found) == set(FAULTS)
    for name, families in FAULTS.items():
        said = found[name]
        if name in BROKEN:
            assert "error" in said, name
            continue
        assert said["frauds"] > 200
        told = f"{name}: {said}"
        assert said["moved"] > 0.05 if "invariance" in families else said["moved"] < 1e-6, told
        assert said["rises"] < 0.15 if "direction" in families else said["rises"] > 0.5 and said["falls"] < 0.15, told
        assert said["slices"] < 0.3 if "slices" in families else said["slices"] > 0.6, told
        assert said["skew"] > 0.05 if "skew" in families else said["skew"] < 0.005, told
        if "calibration" not in families:
            assert 0.6 < said["ratio"] < 1.5 and said["error of calibration"] < 0.12, told
        elif name != "many-faults":
            assert said["error of calibration"] > 0.2, told


def test_they_are_the_same_again_and_others_for_another_learner(tmp_path, jail):
    first, again, other = (candidates.make_candidates(["honest-weak"], seed, KEY, jail) for seed in (1, 1, 2))
    assert first["shared"] == again["shared"]
    assert first["shared"] != other["shared"]
    names = {each.split(",")[0] for each in first["shared"]["served.csv"].decode().splitlines()}
    assert names < {each.split(",")[0] for each in first["shared"]["rows.csv"].decode().splitlines()} | {""}
    assert b"2026" not in first["honest-weak"]["model/MLmodel"]


def test_what_the_room_has_is_complete():
    assert set(MODELS) == set(FAULTS)
    assert set(SKEWS) == {name for name, families in FAULTS.items() if "skew" in families}


@pytest.mark.parametrize(
    "answer", [Answer(problem="it broke"), Answer(value={"problem": "slow"}), Answer(value={}), Answer(value=[1])]
)
def test_what_cannot_be_made_is_not_the_learners_fault(monkeypatch, answer):
    class Broken:
        def run(self, *_):
            return answer

    with pytest.raises(Unavailable, match="could not be made"):
        candidates.make_candidates(["honest-weak"], 1, KEY, Broken())


def test_a_command_is_handed_them_and_what_it_prints_is_kept_back(tmp_path, jail):
    (tmp_path / "tell.py").write_text(
        "import os, json\n"
        "found = sorted(os.path.join(a, c)[2:] for a, _, b in os.walk('.') for c in b)\n"
        "print(open('lent/rows.csv').read(200))\n"
        "json.dump(found, open('out.json', 'w'))\n"
    )
    (tmp_path / "out.json").write_text('"old"')
    cases = {
        "one": {"candidates": {"lent": "hours-elsewhere"}},
        "two": {"candidates": {"lent": "honest-weak"}},
        "three": {},
    }
    proof = CommandProof(
        name="t", command=("python", "-m", "tell"), files=("*.py", "*.json"), outputs=("out.json",), cases=cases
    )
    lab = Lab(day=1, slug="x", title="", outcome="", module="m", tools=(), proofs={"commands": [proof]})
    identity = Identity(lab=lab.name, learner="me", workspace_id="0" * 32, seed=7, started=datetime.now(UTC))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    runs = list(commands.run_again(proof, lab, Workspace(tmp_path, identity), KEY, jail))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    files = [json.loads(run.outputs["out.json"]) for run in runs]
    assert files[0] == files[1]
    assert {"lent/rows.csv", "lent/served.csv", "lent/model/MLmodel", "tell.py"} < set(files[0])
    assert "out.json" not in files[0]
    assert runs[0].printed == runs[1].printed == commands.KEPT_BACK
    assert all(run.inputs == {} for run in runs)


def test_a_folder_stays_in_the_workspace():
    with pytest.raises(ValidationError):
        CommandCase(candidates={"../x": "honest-weak"})
