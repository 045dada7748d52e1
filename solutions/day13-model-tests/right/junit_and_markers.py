"""Tests in `tests/` beside the gate, families as markers, numbers in a TOML file, and the report made from pytest's
JUnit file; a notebook's and an editor's files lie around."""

from pathlib import Path

FILES = {
    "thresholds.toml": """\
[invariance]
most = 0.01
columns = ["transaction_id", "customer_id", "age_band", "disputed", "card_blocked"]
[direction]
rises = 0.3333
falls = 0.25
[slices]
columns = ["age_band", "channel", "category_code"]
fewest = 30
""",
    "pytest.ini": """\
[pytest]
addopts = --strict-markers
markers =
    family(name): what a test belongs to
""",
    "helpers.py": """\
import os
import tomllib

import mlflow.sklearn
import pandas as pd

LIMITS = tomllib.load(open("thresholds.toml", "rb"))
FOLDER = os.environ.get("CANDIDATE", "practice/honest")


def load():
    table = pd.read_csv(os.path.join(FOLDER, "rows.csv"))
    model = mlflow.sklearn.load_model(os.path.abspath(os.path.join(FOLDER, "model")))
    return table, table["is_fraud"], lambda rows: model.predict_proba(rows.drop(columns="is_fraud"))[:, 1]
""",
    "tests/conftest.py": """\
import pytest
from helpers import load


@pytest.fixture(scope="session")
def loaded():
    return load()


@pytest.fixture(autouse=True)
def tell(request, record_property):
    mark = request.node.get_closest_marker("family")
    record_property("family", mark.args[0])
""",
    "tests/test_behaviour.py": """\
import numpy as np
import pytest
from helpers import LIMITS


@pytest.mark.family("model")
def test_scores(loaded):
    table, _, ask = loaded
    assert np.isfinite(ask(table)).all() and ask(table).min() >= 0 and ask(table).max() <= 1


@pytest.mark.family("invariance")
class TestInvariance:
    @pytest.mark.parametrize("column", LIMITS["invariance"]["columns"])
    def test_column(self, loaded, column):
        table, _, ask = loaded
        other = table.assign(**{column: table[column].sample(frac=1, random_state=5).to_numpy()})
        np.testing.assert_allclose(ask(other), ask(table), rtol=0, atol=LIMITS["invariance"]["most"])

    @pytest.mark.parametrize("part", [slice(None, 1000), slice(None, None, -1)])
    def test_rows(self, loaded, part):
        table, _, ask = loaded
        np.testing.assert_allclose(ask(table.iloc[part]), ask(table)[part], rtol=0, atol=0.01)


@pytest.mark.family("direction")
def test_direction(loaded):
    table, _, ask = loaded
    step = np.sign(ask(table.assign(amount=table.amount * 5, amount_to_usual=table.amount_to_usual * 5)) - ask(table))
    assert (step == 1).mean() >= LIMITS["direction"]["rises"]
    assert (step == -1).mean() <= LIMITS["direction"]["falls"]
""",
    "tests/test_figures.py": """\
import os

import numpy as np
import pandas as pd
import pytest
from helpers import FOLDER, LIMITS

SERVED = "amount amount_to_usual hour weekday is_foreign card_present category_code transactions_24h".split()


@pytest.mark.family("slices")
@pytest.mark.parametrize("column", LIMITS["slices"]["columns"])
def test_slices(loaded, column):
    table, labels, ask = loaded
    score = ask(table)
    frauds = table.assign(flagged=score >= np.quantile(score, 0.98))[labels == 1]
    groups = frauds.groupby(column)["flagged"].agg(["size", "mean"]).query("size >= @LIMITS['slices']['fewest']")
    assert not (groups["mean"] < frauds["flagged"].mean() / 2).any(), groups


@pytest.mark.family("calibration")
def test_calibration(loaded):
    table, labels, ask = loaded
    rows = pd.DataFrame({"score": ask(table), "fraud": labels})
    assert rows["fraud"].sum() / 2 <= rows["score"].sum() <= rows["fraud"].sum() * 2
    rows = rows[rows["score"] >= 0.05]
    bins = rows.groupby(pd.cut(rows["score"], np.linspace(0, 1, 11)), observed=True).agg(["mean", "size"])
    gap = (bins[("score", "mean")] - bins[("fraud", "mean")]).abs()
    assert np.average(gap, weights=bins[("score", "size")]) <= 0.15


@pytest.mark.family("skew")
def test_skew(loaded):
    served = pd.read_csv(os.path.join(FOLDER, "served.csv"), index_col="transaction_id")[SERVED]
    trained = loaded[0].set_index("transaction_id").reindex(served.index)[SERVED]
    trained, served = trained.dropna(how="all"), served.loc[trained.dropna(how="all").index]
    assert not trained.empty
    assert (1 - np.isclose(served, trained, atol=0.01, rtol=0.01).mean(axis=0)).max() <= 0.01
""",
    "gate/__main__.py": """\
import json
import os
import sys
from xml.etree import ElementTree

import pytest

os.environ["CANDIDATE"] = sys.argv[1]
code = pytest.main(["tests", "-q", "--junitxml=junit.xml", "-o", "junit_family=xunit1"])
failed = set()
for case in ElementTree.parse("junit.xml").iter("testcase"):
    if case.find("failure") is not None or case.find("error") is not None:
        failed |= {each.get("value") for each in case.iter("property")} or {"model"}
if "model" in failed:
    failed = {"model"}
with open("report.json", "w") as out:
    json.dump({"failed": sorted(failed), "seed": None}, out)
sys.exit(1 if failed or code else 0)
""",
    "notes.txt": "A stray file.\n",
    "scratch.py": "import mlflow\n",
}
for path, text in FILES.items():
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(text)
