"""Hostile models, in one run of the task: each is refused with its reason, and none spoils another's answer."""

import json
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from checker.jail import Answer, Limits, run_task
from checker.prove.models import _score

ROWS = 5
PREAMBLE = "import os, sys, time\nclass Model:\n    def predict(self, table, params=None):\n        "
LOADER = "\ndef _load_pyfunc(path):\n    return Model()\n"
HONEST = "return [1, 0, 0, 0, 1]"
MODELS = {
    # name -> (body of predict, what the learner is told; None where it answers)
    "honest": (HONEST, None),
    "floats": ("return table['a'].to_numpy() * 0 + 1.0", None),
    "booleans": ("return [[True], [False], [False], [False], [True]] and table['a'] > 2", None),
    "exits": ("os._exit(0)", "before it answered"),
    "leaves": ("sys.exit(0)", "SystemExit"),
    "hangs": ("time.sleep(600)", "did not answer within"),
    "spins": ("while True: pass", "did not answer within"),
    "ignores": ("import signal; signal.signal(15, signal.SIG_IGN); time.sleep(600)", "did not answer within"),
    "prints": ("""print('{"predictions": "10001"}'); os._exit(0)""", "before it answered"),
    "kills": ("os.kill(os.getpid(), 9)", "SIGKILL"),
    "eats": ("return [0] * (1 << 40)", "MemoryError"),
    "text": ("return ['1'] * 5", "texts such as '1'"),
    "nothing": ("return None", "does not predict"),
    "number": ("return 1", "does not predict"),
    "nan": ("return [float('nan')] * 5", "NaN"),
    "probabilities": ("return [0.2, 0.7, 0.1, 0.1, 0.9]", "0.2"),
    "short": ("return [1, 0]", "2 predictions for 5 rows"),
    "long": ("return [1] * 6", "6 predictions for 5 rows"),
    "both": ("return [[0.9, 0.1]] * 5", "does not predict"),
    "raises": ("raise ValueError('no\\nsuch column')", "no\nsuch column"),
    "writes": ("[os.write(fd, b'{}') for fd in range(3, 40) if _open(fd)]; os._exit(0)", ""),
    "forks": ("os.fork() or time.sleep(600); " + HONEST, ""),
    "closes": ("os.closerange(3, 500); " + HONEST, "before it answered"),
}
HELPER = """
def _open(fd):
    try:
        return os.fstat(fd) and not os.get_inheritable(fd) is None
    except OSError:
        return False
"""


def made_model(folder: Path, body: str) -> str:
    (folder / "code").mkdir(parents=True)
    name = f"loader_{folder.name}"
    (folder / "code" / f"{name}.py").write_text(PREAMBLE + body + LOADER + HELPER)
    (folder / "MLmodel").write_text(f"flavors:\n  python_function:\n    loader_module: {name}\n    code: code\n")
    return folder.name


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    models = {name: made_model(folder / name, body) for name, (body, _) in MODELS.items()}
    hostile = {
        "no-mlmodel": "",
        "bad-yaml": "flavors: [",
        "no-flavor": "flavors: {}\n",
        "shell": "flavors:\n  python_function:\n    loader_module: os\n    env: {conda: 'conda.yaml; touch pwned'}\n",
        "outside": "flavors:\n  python_function:\n    loader_module: secret\n    code: ../../../../../etc\n",
        "pickle": "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    model_path: /dev/zero\n",
    }
    for name, text in hostile.items():
        (folder / name).mkdir()
        if text:
            (folder / name / "MLmodel").write_text(text)
        models[name] = name
    (folder / "tables").mkdir()
    np.savez(folder / "tables" / "t.npz", a=np.arange(ROWS), b=np.ones(ROWS, dtype=np.int64))
    started = time.monotonic()
    request = {"models": models, "tables": ["t"], "seconds": 2}
    answer = run_task("score", request, folder, Limits(120, 120, 4 << 30))
    assert answer.problem is None, answer
    assert time.monotonic() - started < 100
    assert set(answer.value) == set(models)
    assert not (folder / "pwned").exists()
    return answer.value, hostile


@pytest.mark.slow
def test_each_model_gets_its_own_true_answer(answered):
    said, hostile = answered
    for name, (_, told) in MODELS.items():
        part = said[name].get("t", said[name])
        if told is None:
            assert len(part["predictions"]) == ROWS, (name, part)
        elif told:
            assert told in part["problem"], (name, part)
        else:
            score = _score(name, "t", "10001", part, None)
            assert score.problem or score.rows == ROWS, (name, part)
    assert said["honest"]["t"] == {"predictions": "10001"}
    for name in hostile:
        assert "problem" in said[name]["t"], (name, said[name])


@pytest.mark.slow
def test_nothing_that_a_model_started_is_left(answered):
    children = psutil.Process().children(recursive=True)
    assert not [each for each in children if "checker.tasks" in each.cmdline()]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        [],
        "10001",
        {"predictions": None},
        {"predictions": [1, 0, 0, 0, 1]},
        {"predictions": "1000"},
        {"predictions": "10002"},
        {"predictions": "1000\u0661"},
        {"predictions": "x" * 1_000_000},
        {"problem": {"a": 1}},
        {"problem": "\x1b[31m" * 1000},
    ],
)
def test_an_answer_of_any_shape_is_a_problem_in_words(answer):
    score = _score("m", "t", "10001", answer, None)
    assert score.problem
    assert "\x1b" not in score.problem
    assert len(score.problem) <= 400
    json.loads(score.model_dump_json())


def test_an_honest_answer_is_counted():
    score = _score("m", "t", "110010", {"predictions": "101010"}, None)
    assert (score.tp, score.fp, score.fn, score.tn, score.rows) == (2, 1, 1, 2, 6)
    assert score.f1 == pytest.approx(2 / 3)
    assert score.answers == _score("m2", "t", "000000", {"predictions": "101010"}, None).answers
    assert score.answers != _score("m", "t", "110010", {"predictions": "101011"}, None).answers


def test_a_task_that_died_is_the_models_problem():
    assert _score("m", "t", "1", None, Answer(problem="it did not end within 120 seconds").problem).problem
