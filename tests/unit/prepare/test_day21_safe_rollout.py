"""Day 21 as it is handed over: the payments, the models, and two releases of which one breaks for customers only."""

import asyncio
import csv
import importlib.util
import math
import statistics
import sys

import httpx
import pytest

from checker.prepare import day21_releases as releases
from checker.prepare import day21_safe_rollout as prepared
from checker.prepare.servers import model as model_files
from checker.recipes import sha256
from infra.serving.store import Store
from tests.support import COURSE

LAB = next(lab for lab in COURSE.labs if lab.day == 21)
SEEDS = (1, 2, 7)


def costs(seed, version):
    rows, labels = prepared.autumn(seed)
    return [*prepared._costs(prepared.cards(seed)[version], rows, labels)]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_experiment_of_the_needed_size_sees_the_gain(seed):
    champion, better = costs(seed, prepared.CHAMPION), costs(seed, prepared.BETTER)
    needed = prepared.needed(seed)
    assert 200 < needed < 700
    error = math.sqrt((statistics.variance(champion) + statistics.variance(better)) / needed)
    # Of a hundred thousand learners, few are told that it is a draw.
    assert (statistics.fmean(champion) - statistics.fmean(better)) / error > 5.2


@pytest.mark.parametrize("seed", SEEDS)
def test_no_shadow_is_near_the_limit_of_disagreement(seed):
    rows, _ = prepared.autumn(seed)
    made = prepared.cards(seed)
    decisions = {name: [prepared.decided(prepared.score(card, row)) for row in rows] for name, card in made.items()}

    def apart(one, two):
        return statistics.fmean(a != b for a, b in zip(decisions[one], decisions[two], strict=True))

    assert apart(prepared.CHAMPION, prepared.BETTER) < 0.25
    assert apart(prepared.BETTER, prepared.NEWEST) < 0.03


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sample_size_follows_from_the_pilot(seed):
    rows = [*csv.DictReader(prepared.data(LAB, seed)["data/pilot.csv"].decode().splitlines())]
    found = []
    for row in rows:
        blocked, fraud = row["decision"] == "block", row["is_fraud"] == "1"
        found.append(4.0 if blocked and not fraud else float(row["amount"]) + 20 if fraud and not blocked else 0.0)
    inverse = statistics.NormalDist().inv_cdf
    needed = math.ceil(2 * ((inverse(0.975) + inverse(0.8)) * statistics.stdev(found) / 2.5) ** 2)
    assert abs(needed - prepared.needed(seed)) <= 1


def test_the_truth_is_made_again_and_fits_the_platform(tmp_path):
    told = prepared.truth(LAB, 7)
    assert told == prepared.truth(LAB, 7)
    store, sources = Store(tmp_path / "serving"), prepared.sources(LAB, 7)
    for number, (which, folder) in enumerate(releases.FOLDERS.items(), 1):
        for path, content in sources.items():
            if path.startswith(folder):
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_bytes(content)
        assert store.keep_code("fraud", number, tmp_path / folder) == told["codes"][which]
    assert sha256(prepared.data(LAB, 7)["data/payments.csv"]) == sha256(prepared.data(LAB, 7)["data/payments.csv"])
    assert len(told["questions"]) == len(told["answers"]) == prepared.ASKED


class Client:
    """Asks an application in this process."""

    def __init__(self, app):
        self.app = app

    def ask(self, method, path, **words):
        async def ask():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://service") as client:
                return await client.request(method, path, **words)

        return asyncio.run(ask())

    def predict(self, *rows, **headers):
        return self.ask("POST", "/predict", json={"rows": [*rows]}, headers=headers)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A function that starts a release with version 3 as an application in this process."""
    model, log = tmp_path / "model", tmp_path / "log.jsonl"
    model.mkdir()
    for name, content in model_files(prepared.cards(7)[prepared.NEWEST], "r").items():
        (model / name).write_bytes(content)
    for name, value in {"MODEL_URI": str(model), "MODEL_NAME": prepared.MODEL, "MODEL_VERSION": "3", "RELEASE": "9",
                        "PREDICTION_LOG": str(log)}.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    def start(which):
        folder = tmp_path / which
        folder.mkdir()
        for name, text in {"now": releases.NOW, "next": releases.NEXT}[which].items():
            (folder / name).write_text(text)
        monkeypatch.syspath_prepend(str(folder))
        for name in ("cases", "scoring"):
            sys.modules.pop(name, None)
        spec = importlib.util.spec_from_file_location(f"service_{which}", folder / "service.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return Client(module.app)

    yield start, log
    for name in ("cases", "scoring"):
        sys.modules.pop(name, None)


def test_the_next_release_fails_for_customers_and_not_as_a_shadow(served):
    start, log = served
    rows = prepared.truth(LAB, 7)["questions"]
    blocked = [row for row in rows if prepared.score(prepared.cards(7)["3"], row) >= prepared.BLOCK]
    assert blocked
    now, later = start("now"), start("next")
    for row in blocked:
        assert now.predict(row).status_code == 200
        assert later.predict(row, host="x-shadow:80").status_code == 200
    failures = sum(later.predict(row).status_code == 500 for row in blocked)
    assert failures >= 0.7 * len(blocked)
    assert len(log.read_text().splitlines()) == 3 * len(blocked)
    assert now.ask("GET", "/health").status_code == now.ask("GET", "/ready").status_code == 200


def test_it_answers_as_the_model_does(served):
    start, _ = served
    told = prepared.truth(LAB, 7)
    answer = start("now").predict(*told["questions"]).json()
    card = prepared.cards(7)[prepared.NEWEST]
    assert [each["score"] for each in answer["predictions"]] == [prepared.score(card, row) for row in told["questions"]]
    assert answer["model"] == {"name": prepared.MODEL, "version": "3"}
