"""Hostile models, as they would be handed in: what they say, and what their MLmodel says, harms nobody else."""

import os
import time

import numpy as np
import pytest

from checker.jail import Jail, Limits, can_confine
from checker.prove.models import _score
from checker.tasks.sklearn_models import plan
from tests.unit.prove.test_models import made_model

SHOWN, HIDDEN = [0, 1, 2, 3, 4], [770, 771, 772, 773, 774]
SECRET = "77"
HONEST = "return [1, 0, 0, 0, 1]"
QUOTE = "str([dict(numpy.load(f)) for f in glob.glob('**/*.npz', recursive=True)])"
MODELS = {
    "honest": HONEST,
    "quotes": f"import glob, numpy; raise ValueError({QUOTE})",
    "quotes as a name": f"import glob, numpy; raise type({QUOTE}[:400], (Exception,), {{}})()",
    "quotes as an answer": f"import glob, numpy; return [{QUOTE}] * 5",
    "quotes what is hidden alone": f"if table['a'][0] > 99: raise ValueError(str(table['a']))\n        {HONEST}",
    "answers only what it knows": f"if table['a'][0] > 99: os._exit(0)\n        {HONEST}",
    "says it itself": (
        "import json, glob, numpy\n"
        f"        said = json.dumps({{'problem': {QUOTE}}}).encode()\n"
        "        for number in range(3, 200):\n"
        "            try: os.write(number, said)\n            except OSError: pass\n        os._exit(0)"
    ),
    "says it as predictions": (
        "import json, glob, numpy\n"
        f"        said = json.dumps({{n: {{'predictions': {QUOTE}}} for n in ('t', 'h')}}).encode()\n"
        "        for number in range(3, 200):\n"
        "            try: os.write(number, said)\n            except OSError: pass\n        os._exit(0)"
    ),
    "answers a million things": (
        "said = b'{' + b','.join(b'\"%d\":{}' % n for n in range(500_000)) + b'}'\n"
        "        for number in range(3, 200):\n            left = said\n            try:\n"
        "                while left: left = left[os.write(number, left):]\n"
        "            except OSError: pass\n        os._exit(0)"
    ),
    "equal to everything": (
        "class Any:\n            def __eq__(self, other): return True\n            def __hash__(self): return 1\n"
        "            def __float__(self): return 1.0\n        return [Any()] * 5"
    ),
    "longer each time": "class L(list):\n            def __len__(self): return 5\n        return L([1] * 999)",
    "patches": (
        "import builtins, json, math\n        builtins.len = lambda x: 5; json.dumps = lambda *a, **k: '{}'\n"
        "        math.isnan = None; return [1]"
    ),
    "rewrites the tables": (
        "import glob\n        for name in glob.glob('**/*.npz', recursive=True): open(name, 'w').close()\n        "
        + HONEST
    ),
}
LEVELS = "\n".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))
MERGES = "\n".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12))
FLAVOR = (
    "flavors:\n  python_function: {{loader_module: mlflow.sklearn, model_path: {0}}}\n"
    "  sklearn: {{pickled_model: {0}, serialization_format: {1}, skops_trusted_types: {2}}}\n"
    'signature: {{inputs: \'[{{"name": "a", "type": "long"}}]\'}}\n'
)
DESCRIBED = {
    "aliases": f"a0: &a0 x\n{LEVELS}\n" + FLAVOR.format("*a11", "skops", "[*a11]"),
    "merges": f"a0: &a0 {{x: 1}}\n{MERGES}\n" + FLAVOR.format("m", "skops", "[]"),
    "nested": "[" * 50_000,
    "tags": FLAVOR.format("!!python/object/apply:os.system ['touch /tmp/pwned']", "skops", "[]"),
    "absolute": FLAVOR.format("/etc/passwd", "cloudpickle", "[]"),
    "climbing": FLAVOR.format("../../../../../etc/passwd", "cloudpickle", "[]"),
    "device": FLAVOR.format("/dev/zero", "cloudpickle", "[]"),
    "itself": FLAVOR.format(".", "skops", "[]"),
    "loader": "flavors:\n  python_function: {loader_module: checker.tasks.zygote, data: .}\n",
    "environment": "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"
    "    env: {virtualenv: '../../x'}\n    python_env: 'x; touch /tmp/pwned'\n    model_path: m\n",
    "huge": FLAVOR.format("m", "skops", "[]") + "x: " + "y" * 3_000_000,
    "wide": FLAVOR.format("m" * 60_000, "skops", "[]"),
    "no text": "\0\ud7ff",
}


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    models = {name: made_model(folder / f"m{number}", body) for number, (name, body) in enumerate(MODELS.items())}
    for number, (name, text) in enumerate(DESCRIBED.items()):
        (folder / f"d{number}").mkdir()
        (folder / f"d{number}" / "MLmodel").write_text(text)
        models[name] = f"d{number}"
    models["nothing at all"] = "no-such-folder"
    for place, name, numbers in (("tables", "t", SHOWN), ("hidden", "h", HIDDEN)):
        (folder / place).mkdir()
        np.savez(folder / place / f"{name}.npz", a=np.array(numbers))
    request = {"models": models, "tables": ["t"], "hidden": ["h"], "seconds": 6}
    began = time.monotonic()
    with Jail(confined=can_confine(), preload=("mlflow.pyfunc.model", "mlflow.sklearn", "skops.io")) as jail:
        answer = jail.run("score", request, folder, Limits(150, 150, 4 << 30))
        assert answer.problem is None
        again = jail.run("score", request | {"models": {"honest": models["honest"]}}, folder, Limits(60))
    assert time.monotonic() - began < 140
    assert set(answer.value) == set(models)
    return answer.value, again.value


def test_the_honest_one_is_not_disturbed(answered):
    right = {"t": {"predictions": "10001"}, "h": {"predictions": "10001"}}
    first, again = answered
    assert first["honest"] == right
    assert again["honest"] == right


@pytest.mark.parametrize("name", [*MODELS, *DESCRIBED])
def test_nothing_hidden_is_quoted(answered, name):
    """Neither in what is said of the hidden table nor, from there, of any other."""
    said = answered[0][name]
    assert set(said) == {"t", "h"}
    for table, part in said.items():
        score = _score(name, table, "10001", part, None)
        assert SECRET not in (score.problem or "")
        assert score.problem is None or (score.problem.isprintable() and len(score.problem) <= 400)


@pytest.mark.parametrize("name", DESCRIBED)
def test_no_description_leads_anywhere(answered, name):
    assert all("problem" in part for part in answered[0][name].values())
    assert not os.path.exists("/tmp/pwned")  # noqa: PTH110 - what the attack would have made


def test_answers_of_objects_that_lie_are_not_counted_as_right(answered):
    for name in ("longer each time", "patches", "says it as predictions", "answers a million things"):
        assert _score(name, "t", "10001", answered[0][name]["t"], None).problem, name
    # What is equal to everything is as good as a constant.
    assert answered[0]["equal to everything"]["t"].get("predictions", "11111") == "11111"
    assert answered[0]["rewrites the tables"]["t"] == {"predictions": "10001"}


@pytest.mark.parametrize("name", DESCRIBED)
def test_reading_a_description_takes_no_time(name):
    """It is read beside the jail's own process, before any cell is made."""
    began = time.process_time()
    known = plan(DESCRIBED[name].encode())
    assert time.process_time() - began < 3
    assert known is None or len(known.name) <= 60_000
