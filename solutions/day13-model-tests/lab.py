# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Day 13: Tests for models
#
# About 90 minutes. You write files in this folder, with JupyterLab's editor, with another one, or from cells: only what
# stands at the end counts.

# %% [markdown]
# ## Why
#
# Four releases of the card-fraud team went wrong last year, and each of them had passed: the area under the curve on
# the held-out month was higher than that of the model before.
#
# - In February the new model was brilliant. It used a column that says whether the customer complained. In the table
#   that it was trained on, the column is filled; when a payment comes in, nobody has complained yet.
# - In May it found no fraud by phone any more. A join had lost the labels of that channel. Few payments come
#   that way, so the overall figure fell a little, and was still above that of the model before.
# - In July somebody had trained on balanced classes, as a blog said. The ranking was fine. The scores were five times
#   too high, and the bank's rule "block above 0.5" blocked honest customers by the thousand.
# - In October the model was sound, and the service delivered the amounts of web shops in cents.
#
# A test set and one number would have let all of them out again. Each of these faults has a test that finds it within
# a second. Tests of code say: for this input, this output. You cannot write that down for a model, but you can write
# down how its answers must **behave**, and refuse a model that does not behave. Today you write such tests in five
# families, and make them a **gate**: one command that takes a model and ends with an exit status. Nothing goes out
# that has not passed it.

# %% [markdown]
# ## End state
#
# <!-- end state -->
#
# ### What the gate is handed
#
# `python -m gate CANDIDATE` is run in this folder; `CANDIDATE` is the path of a folder with
#
# | path | what it is |
# |---|---|
# | `model/` | a scikit-learn model, saved by MLflow. `mlflow.sklearn.load_model(path)` gives it back, and the second column of its `predict_proba` is the score. (`mlflow.pyfunc.load_model(path)` works as well: its `predict` answers with the same two columns.) It is asked with all columns of `rows.csv` but `is_fraud` |
# | `rows.csv` | labelled payments that it was not trained on, with the features as the training pipeline computes them: `transaction_id`, `customer_id`, `age_band`, `channel`, `country`; the eight features `amount`, `amount_to_usual`, `hour`, `weekday`, `is_foreign`, `card_present`, `category_code`, `transactions_24h`; `disputed` and `card_blocked`, which the bank writes down in the weeks **after** the payment; and `is_fraud` |
# | `served.csv` | for some of these payments, in another order: `transaction_id` and the eight features as the service computed them when the payment came in |
#
# ### What it demands
#
# | family | a candidate keeps to it when |
# |---|---|
# | `invariance` | no row's score changes by more than 0.01 when the values of one of the columns `transaction_id`, `customer_id`, `age_band`, `disputed`, `card_blocked` are shuffled among the rows (one column at a time), when the rows come in another order, and when the first 1000 rows are asked by themselves |
# | `direction` | when `amount` and `amount_to_usual` of all rows are multiplied by 5, the score rises for at least a third of the rows, and falls for at most a quarter |
# | `slices` | the 2% of the rows with the highest scores are flagged (`scores >= numpy.quantile(scores, 0.98)`). In each group of `age_band`, of `channel` and of `category_code` that has 30 frauds or more, the recall is at least half of the recall of all rows |
# | `calibration` | the sum of all scores is between half of the number of frauds and twice that number; and the expected calibration error of the rows with a score of 0.05 or more, in ten bins of equal width from 0 to 1, is at most 0.15 |
# | `skew` | of the payments that are in both tables, for each of the eight features at most 1% have a served value that differs from the one in `rows.csv` by more than 0.01 plus 1% of the latter |
#
# What is judged is how a model **answers**. A model may be handed a column and not use it.
#
# ### How it answers
#
# - Exit status 0: the candidate may go out. Any other: it may not. (pytest's own status for failed tests is 1.)
# - In the folder in which it runs, it writes `report.json`: a JSON object whose `failed` is the list of the families
#   that the candidate does not keep to, by the five names above, in any order; `[]` when it may go out. More keys are
#   welcome.
# - A model that cannot be loaded, or that does not answer with one number from 0 to 1 for each row, is refused.
#   `failed` is not empty then; `["model"]` is a good choice.
#
# The checker runs `python -m gate candidate` on 17 candidates that you have not seen, with other rows of the same
# kind, each in a fresh folder. Each of them keeps to a demand by a clear margin, or misses it clearly. From this
# folder it takes along `gate.py` or `gate/`, other `.py` files beside it, `tests/` and `src/`, and files such as
# `*.toml`, `*.ini`, `*.cfg`, `*.json` and `*.yaml`; neither `data/` nor `practice/`, and no network. One run may take
# 40 seconds.

# %% [markdown]
# ## Do
#
# What lies in this folder:
#
# | path | what it is |
# |---|---|
# | `practice/make.py` | a script that trains nine candidates to practise on |
# | `data/payments.csv`, `data/features.csv` | what it trains them on: the payments of May and June, and their features, row by row |
#
# Run it now; it takes some seconds.

# %% language="bash"
# python practice/make.py

# %% [markdown]
# The name of each folder says what is wrong with the candidate; `honest` and `honest-forest` are sound. Look at one of
# them as MLflow sees it. The signature says which columns the model wants, and each flavor how it can be loaded:

# %% language="bash"
# ls practice/leak practice/leak/model
# cat practice/leak/model/MLmodel

# %% [markdown]
# The tasks below show the tools on something else: a shop's rule that says how many days a parcel takes. It lies in a
# JSON file, which is all that its "model" is.

# %%
import os
import tempfile

os.environ["EXAMPLE"] = tempfile.mkdtemp(prefix="parcels-")

# %% language="bash"
# cd "$EXAMPLE"
# mkdir parcels
# echo '{"base": 1.0, "per_km": 0.004, "abroad": 3.0}' > good.json
# echo '{"base": 1.0, "per_km": -0.004, "abroad": 3.0}' > bad.json
# cat > parcels/conftest.py <<'END'
# import json
# from pathlib import Path
#
# import pytest
#
#
# def pytest_addoption(parser):
#     parser.addoption("--rule", required=True, help="the file of the rule")
#
#
# @pytest.fixture(scope="session")
# def days(request):
#     rule = json.loads(Path(request.config.getoption("--rule")).read_text())
#     return lambda km, abroad: rule["base"] + rule["per_km"] * km + rule["abroad"] * abroad
# END
# cat > parcels/test_direction.py <<'END'
# import pytest
#
#
# @pytest.mark.parametrize("abroad", [0, 1])
# @pytest.mark.parametrize("km", [10, 200, 800])
# def test_farther_takes_longer(days, km, abroad):
#     assert days(km * 2, abroad) > days(km, abroad)
# END
# python -m pytest parcels -q --rule good.json; echo "status $?"
# python -m pytest parcels -q --rule bad.json --tb=line; echo "status $?"

# %% [markdown]
# - **An option** (`pytest_addoption` in `conftest.py`) makes the tests ask for what they test. The same suite judges any
#   rule.
# - **A fixture** with `scope="session"` is made once, however many tests ask for it: loading a model may take longer
#   than all tests together. A fixture may use another one, as `days` uses `request`.
# - **Parametrisation** makes one test of each value, here 3 x 2. Each has a name (`test_farther_takes_longer[10-1]`),
#   fails for itself, and hides no other. A loop inside one test stops at the first failure.

# %% [markdown]
# ### Task 1: A command with an exit status
#
# A gate is a command, and no notebook and no page, since its reader is a machine. A machine does not read "22 passed":
# it looks at the **exit status**. pytest has these: 0 all passed, 1 some failed, 2 interrupted, 3 an error of its own,
# 4 used wrongly, 5 no tests found. Only 0 means yes. And there are famous ways to lose it:

# %% language="bash"
# cd "$EXAMPLE"
# python -m pytest parcels -q --rule bad.json --tb=no | tail -n 1; echo "behind a pipe: $?"
# set -o pipefail
# python -m pytest parcels -q --rule bad.json --tb=no | tail -n 1; echo "with pipefail: $?"
# python -m pytest parcels -q --rule no-such-file.json --tb=no; echo "no such rule: $?"

# %% [markdown]
# Behind a pipe, the status is that of the last command, `tail`, which did its work. `|| true`, a `;` before the next
# command, and a Python script that ignores what `pytest.main` returns lose it in the same way. Look at the last line,
# too: the file was not there, and pytest says **error** and not failure, since the fixture broke before the test
# began. The status is 1 all the same. That is what you want: a gate that cannot ask must say no. Whoever writes
# `try: ... except Exception: pass` around it has a gate that opens when it breaks.
#
# pytest can be run from Python, with a **plugin** that listens. Any object with methods named as pytest's hooks will
# do; `pytest_runtest_logreport` is called for each test up to three times: for its setup, its call and its teardown.

# %% language="bash"
# cd "$EXAMPLE"
# cat > parcels/__main__.py <<'END'
# import sys
# from pathlib import Path
#
# import pytest
#
#
# class Listener:
#     def __init__(self):
#         self.seen = []
#
#     def pytest_runtest_logreport(self, report):
#         if report.when == "call" or report.failed:
#             self.seen.append((report.nodeid, report.when, report.outcome))
#
#
# listener = Listener()
# options = ["-q", "--tb=no", "-p", "no:cacheprovider", f"--rule={sys.argv[1]}"]
# status = pytest.main([str(Path(__file__).parent), *options], plugins=[listener])
# print(*listener.seen[:2], sep="\n")
# sys.exit(status)
# END
# touch parcels/__init__.py
# for rule in good.json no-such-file.json; do python -m parcels $rule; echo "status $?"; done

# %% [markdown]
# `python -m parcels` runs `parcels/__main__.py`. (`pytest.main` in the same process is also faster than a new `python`:
# what is imported already is not imported again.)
#
# Now yours: a package `gate` that runs as `python -m gate CANDIDATE`, and as yet has one test, that the model can be
# loaded and answers with numbers from 0 to 1. A comparison with NaN is false, whichever way you write it, so
# `not (scores > 1).any()` does not do. Write `report.json` in every case in which the gate comes to its end, and hand
# on the status.
#
# <details><summary>Hint</summary>
#
# - Files: `gate/__init__.py` (may be empty), `gate/__main__.py`, `gate/conftest.py` with the option and the fixtures
#   (the table, the scores, and a function that asks the model), `gate/test_*.py`.
# - Which family does a failed test belong to? With one file for each family (`test_slices.py`), it stands in
#   `report.nodeid`. A marker (`@pytest.mark.slices`, see `report.keywords`) does it as well.
# - Where a fixture fails, `report.when` is `setup`: the model could not be asked. That is none of the five families.
# - `load_model` wants a text: `mlflow.sklearn.load_model(str(folder / "model"))`.
# - What shall happen when pytest finds no test at all?
# </details>

# %% nbgrader={"grade": false, "grade_id": "gate", "locked": false, "schema_version": 3, "solution": true, "task": false}
# You can write the files by hand and leave these cells as they are.
### BEGIN SOLUTION
from pathlib import Path

Path("gate").mkdir(exist_ok=True)
Path("gate/__init__.py").write_text('''\
"""The gate that a model passes before it may go out."""
''')
Path("gate/__main__.py").write_text('''\
"""`python -m gate CANDIDATE`: run the tests, write report.json, and end with status 0 only if all of them passed."""

import json
import sys
from pathlib import Path

import pytest


class Families:
    """A pytest plugin: which families of tests did not pass."""

    def __init__(self):
        self.failed, self.passed = set(), 0

    def pytest_runtest_logreport(self, report):
        if report.failed:
            # An error while a fixture was made is no answer of a test: the model could not be asked.
            name = Path(report.nodeid.split("::")[0]).stem.removeprefix("test_")
            self.failed.add(name if report.when == "call" else "model")
        elif report.when == "call":
            self.passed += report.passed


def main(arguments):
    if len(arguments) != 1:
        print("usage: python -m gate CANDIDATE", file=sys.stderr)
        return 2
    families = Families()
    options = ["-q", "-p", "no:cacheprovider", "--tb=short", f"--candidate={arguments[0]}"]
    status = int(pytest.main([str(Path(__file__).parent), *options], plugins=[families]))
    failed = sorted(families.failed)
    if status == 0 and (failed or not families.passed):
        status = 1
    if status != 0 and not failed:
        failed = ["gate"]
    Path("report.json").write_text(json.dumps({"candidate": arguments[0], "failed": failed, "status": status}) + "\\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
''')
Path("gate/conftest.py").write_text('''\
"""What all tests share: the candidate, loaded once."""

from pathlib import Path

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest

LABEL = "is_fraud"


def pytest_addoption(parser):
    parser.addoption("--candidate", required=True, help="the folder of the candidate")


@pytest.fixture(scope="session")
def folder(request):
    return Path(request.config.getoption("--candidate"))


@pytest.fixture(scope="session")
def table(folder):
    return pd.read_csv(folder / "rows.csv")


@pytest.fixture(scope="session")
def served(folder):
    return pd.read_csv(folder / "served.csv")


@pytest.fixture(scope="session")
def rows(table):
    return table.drop(columns=LABEL)


@pytest.fixture(scope="session")
def labels(table):
    return table[LABEL].to_numpy()


@pytest.fixture(scope="session")
def score(folder):
    model = mlflow.sklearn.load_model(str(folder / "model"))

    def answer(rows):
        scores = np.asarray(model.predict_proba(rows), dtype=float)[:, 1]
        if len(scores) != len(rows) or not ((scores >= 0) & (scores <= 1)).all():
            raise ValueError("the model does not answer with one number from 0 to 1 for each row")
        return scores

    return answer


@pytest.fixture(scope="session")
def scores(score, rows):
    return score(rows)
''')
### END SOLUTION

# %% language="bash" nbgrader={"grade": false, "grade_id": "first-run", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# cat > gate/test_model.py <<'END'
# """The model can be asked: the fixture fails where it cannot."""
#
#
# def test_one_score_for_each_row(scores, labels):
#     assert len(scores) == len(labels)
# END
# python -m gate practice/honest; echo "status $?"; cat report.json
# ### END SOLUTION

# %% [markdown]
# ### Task 2: Invariance and direction
#
# Nobody can say what the score of a payment must be. But you can say how it must not change (**invariance**), and in
# which direction it must (**direction**). Neither needs a label. The idea is old in the testing of programs, where it
# is called metamorphic testing; the paper on CheckList (2020) brought the two names to language models.
#
# With the parcels: whoever sends the parcel must not matter, and the second parcel of a table must not matter for the
# first. This is how such tests look on a table; the rule here has a fault. Which one?

# %%
import numpy as np
import pandas as pd

parcels = pd.DataFrame({"km": [10.0, 200.0, 800.0, 40.0], "abroad": [0, 0, 1, 0], "sender": ["a", "b", "c", "d"]})


def days(table):
    """How long each parcel takes, by a rule that somebody learned."""
    return 1 + 6 * table["km"] / table["km"].max() + 3 * table["abroad"] + (table["sender"] == "b")


before = days(parcels)
shuffled = parcels.assign(sender=np.random.default_rng(2).permutation(parcels["sender"]))
print("another sender:    ", (days(shuffled) - before).abs().max())
print("asked by themselves:", (days(parcels.head(2)) - before.head(2)).abs().max())
print("twice the way, longer for", (days(parcels.assign(km=parcels["km"] * 2)) > before).mean(), "of them")

# %% [markdown]
# Two faults, in fact: the sender matters, and it divides by the longest way **in the table that it is asked about**.
# For the same reason the last line, a test of direction, finds that nothing takes longer. A model that scales by what
# it is asked about works on every test table and breaks in the service, where it is asked about one row at a time.
#
# - **Shuffle** a column rather than set it to a constant: the values stay those that occur, and the model may treat one
#   of them in a special way.
# - **A leak is a matter of invariance, too.** What nobody knows when the payment comes in must not matter. It is no use
#   to read the signature for it: a model may be handed a column and not use it, and that one is sound. Nor is a high
#   figure a proof; it is a reason to look.
# - The age band is a **protected attribute**: this bank has decided that it is not asked. That the score does not change
#   with it says that it is not used directly. It does not say that the groups are served alike: that is task 3.
# - **Direction over all rows.** One pair of payments shows nothing: a model may take notice of the amount for one
#   payment and ignore it for the rest, and a forest does not move for every row, since its trees have steps. So the
#   contract counts rows. `amount_to_usual` is made of the amount, and a payment with one changed and the other not does
#   not exist: change both.
#
# Write both families.
#
# <details><summary>Hint</summary>
#
# - `@pytest.mark.parametrize("column", [...])` makes one test of each column.
# - `rows.assign(**{column: values})` returns a new table and leaves the old one as it is. A test that changes a table of
#   a session fixture breaks those that come after it.
# - `rows.iloc[::-1]` has the rows in the other order; the scores then have to be turned round before they are compared.
# </details>

# %% nbgrader={"grade": false, "grade_id": "invariance-direction", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("gate/test_invariance.py").write_text('''\
"""The score does not depend on what must not matter."""

import numpy as np
import pytest

MUST_NOT_MATTER = ["transaction_id", "customer_id", "age_band"]
NOT_KNOWN_YET = ["disputed", "card_blocked"]
MOST = 0.01


@pytest.mark.parametrize("column", MUST_NOT_MATTER + NOT_KNOWN_YET)
def test_values_of_other_rows_change_nothing(score, rows, scores, column):
    other = np.random.default_rng(7).permutation(rows[column].to_numpy())
    assert np.abs(score(rows.assign(**{column: other})) - scores).max() <= MOST


def test_the_order_of_the_rows_changes_nothing(score, rows, scores):
    assert np.abs(score(rows.iloc[::-1])[::-1] - scores).max() <= MOST


def test_the_other_rows_change_nothing(score, rows, scores):
    assert np.abs(score(rows.head(1000)) - scores[:1000]).max() <= MOST
''')
Path("gate/test_direction.py").write_text('''\
"""A larger amount makes a payment more suspicious."""

import pytest

TIMES = 5


@pytest.fixture(scope="module")
def change(score, rows, scores):
    larger = rows.assign(amount=rows["amount"] * TIMES, amount_to_usual=rows["amount_to_usual"] * TIMES)
    return score(larger) - scores


def test_the_score_rises_for_a_third_of_the_rows_or_more(change):
    assert (change > 0).mean() >= 1 / 3


def test_the_score_falls_for_a_quarter_of_the_rows_at_most(change):
    assert (change < 0).mean() <= 1 / 4
''')
### END SOLUTION

# %% [markdown]
# ### Task 3: Slices and calibration
#
# Both need labels, and both look behind an average.
#
# **Slices.** The overall recall of a model can be fine while one group is not protected at all. But a small group has
# few frauds, and the recall of few is a guess: with a true recall of 0.8 and 30 frauds, its standard error is
# `sqrt(0.8 * 0.2 / 30)`, about 0.07; with 5 frauds, 0.18. A test that fails one time in ten for no reason is called
# **flaky**, and after the third time somebody switches it off. So the contract judges groups with 30 frauds or more,
# and demands half of the overall recall, which is far below what a sound model has, and far above what a blind one
# has. Where do the numbers come from? Somebody ran the tests on many sound models and on the faults of the past, and
# put each number between.
#
# **Calibration.** The bank's rules multiply the score by the amount, so a score of 0.3 must mean that three in ten are
# fraud. Accuracy and the area under the curve say nothing about that. Here with the chance of rain, which has been
# forecast and noted down for 400 days:

# %%
random = np.random.default_rng(4)
chance = random.beta(0.6, 2.0, size=400)
rain = random.random(400) < chance


def calibration_error(forecast, happened, bins=10):
    """The mean distance between what was forecast and what happened, bin by bin, weighted by the days in the bin."""
    number = np.minimum((forecast * bins).astype(int), bins - 1)
    total = 0.0
    for each in np.unique(number):
        inside = number == each
        total += inside.mean() * abs(forecast[inside].mean() - happened[inside].mean())
    return total


forecasts = {"as it is": chance, "square root": chance**0.5, "too sure": chance**2 / (chance**2 + (1 - chance) ** 2)}
for name, forecast in forecasts.items():
    error = calibration_error(forecast, rain)
    print(f"{name:<12} expected {forecast.sum():5.1f} days of rain, {rain.sum()} came; error {error:.3f}")

# %% [markdown]
# All three rank the days alike. The second expects far too many days of rain. The third expects fewer than came, which
# its sum alone would not give away, and is wrong at both ends: too near to 0, and too near to 1. That is why the
# contract has two numbers.
#
# With payments there is one more trap: nearly all scores lie near 0, where every model is right, so the error over all
# rows is small whatever the model says about the rest. The contract looks at the rows with a score of 0.05 or more.
# Write both families.
#
# <details><summary>Hint</summary>
#
# - Recall: the share of the frauds that are flagged. Compute the threshold once, over all rows, and not for each group.
# - Let a failing test say what it found: `assert recall >= least, (column, value, recall)`.
# - The weight of a bin is the share of the rows that are looked at. Empty bins do not count, and a model without any
#   score of 0.05 or more has no such error.
# </details>

# %% nbgrader={"grade": false, "grade_id": "slices-calibration", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("gate/test_slices.py").write_text('''\
"""No group is left unprotected."""

import numpy as np
import pytest

FEWEST = 30
SHARE = 0.5
FLAGGED = 0.02


@pytest.mark.parametrize("column", ["age_band", "channel", "category_code"])
def test_recall_in_each_group(rows, labels, scores, column):
    flagged = scores >= np.quantile(scores, 1 - FLAGGED)
    overall = flagged[labels == 1].mean()
    recalls = {}
    for value in rows[column].unique():
        frauds = (rows[column] == value).to_numpy() & (labels == 1)
        if frauds.sum() >= FEWEST:
            recalls[value] = flagged[frauds].mean()
    assert all(recall >= SHARE * overall for recall in recalls.values()), (overall, recalls)
''')
Path("gate/test_calibration.py").write_text('''\
"""A score of 0.3 means that three in ten are fraud."""

import numpy as np


def test_as_many_frauds_are_expected_as_there_are(scores, labels):
    assert 0.5 <= scores.sum() / labels.sum() <= 2


def test_expected_calibration_error(scores, labels):
    alarming = scores >= 0.05
    score, label = scores[alarming], labels[alarming]
    bins = np.minimum((score * 10).astype(int), 9)
    error = sum(
        (bins == each).mean() * abs(score[bins == each].mean() - label[bins == each].mean()) for each in np.unique(bins)
    )
    assert error <= 0.15
''')
### END SOLUTION

# %% [markdown]
# ### Task 4: Skew between training and serving
#
# A sound model that is fed with something else than it was trained on is a wrong model. No test of the model shows it:
# the fault lies between two programs. So the service runs beside the old one for some days and writes down the
# features that it computes (**shadow mode**), and the gate compares them with those that the training pipeline computes
# for the **same payments**.
#
# Compare value by value. Two tables can have the same means, even the same distributions, and still be about other
# payments. With the parcels:

# %%
trained = pd.DataFrame({"id": [1, 2, 3, 4], "kg": [2.0, 5.0, 1.0, 8.0]})
logged = pd.DataFrame({"id": [3, 2, 1, 9], "kg": [1.0, 2.0, 5.02, 4.0]})
both = trained.merge(logged, on="id", suffixes=("", "_logged"), validate="one_to_one")
both["same"] = (both["kg"] - both["kg_logged"]).abs() <= 0.01 + 0.01 * both["kg"].abs()
print(both)

# %% [markdown]
# The services log fewer payments, in their own order, and rounded, so the rows are joined by their id, and values are
# compared with a tolerance. A few late events make a few values differ; a share of 1% is allowed for them. A value that
# is missing is no number, and not the same as any. Write the family.
#
# <details><summary>Hint</summary>
#
# - `validate="one_to_one"` complains where an id stands twice.
# - What does your test say when the two tables have no payment in common? Nothing was compared, so nothing was shown.
# </details>

# %% nbgrader={"grade": false, "grade_id": "skew", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("gate/test_skew.py").write_text('''\
"""The service computes the features that the model was trained on."""

import pytest

FEATURES = ["amount", "amount_to_usual", "hour", "weekday", "is_foreign", "card_present", "category_code"]
FEATURES += ["transactions_24h"]


@pytest.fixture(scope="module")
def both(rows, served):
    return rows.merge(served, on="transaction_id", suffixes=("", "_served"), validate="one_to_one")


@pytest.mark.parametrize("name", FEATURES)
def test_feature_is_served_as_it_was_trained(both, name):
    trained, logged = both[name], both[f"{name}_served"]
    same = (trained - logged).abs() <= 0.01 + 0.01 * trained.abs()
    assert len(both)
    assert (~same).mean() <= 0.01
''')
### END SOLUTION

# %% [markdown]
# ### Task 5: Try to get through
#
# A gate that refuses everything is as useless as one that refuses nothing, and both look fine on a single candidate.
# Run yours on all nine, and compare the status and the families with the names of the folders. The example shows the
# loop for the parcels:

# %% language="bash"
# cd "$EXAMPLE"
# for rule in good.json bad.json; do
#     python -m parcels $rule > log.txt 2>&1
#     echo "$rule: status $?"
# done

# %% [markdown]
# The checker's candidates have the same kinds of faults, in other columns, groups and strengths, and its sound ones
# include a forest and a weaker model. So do not fit your tests to these nine: fit them to the contract.
#
# <details><summary>Hint</summary>
#
# If a sound candidate is refused, print the number that your test compared, and look it up in the contract: is it over
# all rows, or over those above 0.05? One column at a time? Is a group with fewer than 30 frauds left out?
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "all", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# # In one process: the imports take longer than the tests.
# python - 2>&1 > log.txt <<'END'
# import sys
# from pathlib import Path
#
# from gate.__main__ import main
#
# for model in sorted(Path("practice").glob("*/model")):
#     status = main([str(model.parent)])
#     print(f"status {status}  {Path('report.json').read_text()}", end="", file=sys.stderr)
# END
# rm log.txt
# ### END SOLUTION

# %% [markdown]
# **What to do with a refusal.** Not: change the number until it passes. First ask whether the test is right about this
# model. Then, with the report in hand:
#
# | family | usual causes | who mends it |
# |---|---|---|
# | `invariance` | a column that is known only afterwards; an id or a protected attribute among the features; scaling by the batch | the training pipeline |
# | `direction` | a column that got lost, a sign, a unit; too much regularisation | the training pipeline |
# | `slices` | labels lost for a group; a group that is rare in the training rows | the data first, and the model after it |
# | `calibration` | resampling or class weights without a correction; boosting for too long | `sklearn.calibration.CalibratedClassifierCV`, or no resampling |
# | `skew` | a clock, a unit, rounding, another join in the service | the service, or one implementation for both (day 7) |
#
# If a number of the contract is wrong, it is changed for all models, by those who own the contract, and with the reason
# in the commit. A gate whose numbers each team lowers for itself is a report.
#
# **Where the result goes.** At work the candidate is a version in the registry of day 11, and the gate writes down what
# it found where the next step looks for it:
#
# ```python
# client = mlflow.MlflowClient()
# client.set_model_version_tag("card-fraud", version, "gate", "passed" if status == 0 else "refused")
# client.set_model_version_tag("card-fraud", version, "gate.failed", ",".join(failed))
# ```
#
# The job that moves the alias `champion` demands the tag. Days 16 and 24 build these jobs.

# %% [markdown]
# ## Look
#
# First the **reliability plot**: the scores in bins, and what share of each bin was fraud. A calibrated model lies on the
# diagonal. Then the recall of each group, beside the number of frauds that it rests on.

# %%
import matplotlib.pyplot as plt
import mlflow.sklearn
import numpy as np
import pandas as pd

table = pd.read_csv("practice/honest/rows.csv")
fraud = table["is_fraud"].to_numpy()
marks = {"honest": "o-", "resampled": "s--", "blind-to-the-phone": "^:"}
scores = {}
for name in marks:
    model = mlflow.sklearn.load_model(f"practice/{name}/model")
    scores[name] = model.predict_proba(table.drop(columns="is_fraud"))[:, 1]

figure, axis = plt.subplots(figsize=(5, 4.5))
axis.plot([0, 1], [0, 1], color="grey", linewidth=1, label="calibrated")
for name, mark in marks.items():
    seen = pd.DataFrame({"score": scores[name], "fraud": fraud}).query("score >= 0.05")
    bins = seen.groupby((seen["score"] * 10).astype(int).clip(upper=9)).mean()
    axis.plot(bins["score"], bins["fraud"], mark, label=name)
axis.set(title="Reliability of the scores of 0.05 and more", xlabel="mean score in the bin", ylabel="share of frauds")
axis.legend()
plt.show()

# %%
columns = {}
for name, score in scores.items():
    flagged = pd.Series(score >= np.quantile(score, 0.98))
    columns[name] = flagged[fraud == 1].groupby(table["channel"]).mean().round(2)
columns["frauds"] = table[fraud == 1].groupby("channel").size()
print(pd.DataFrame(columns))

# %% [markdown]
# The line of `resampled` lies far below the diagonal: where it says 0.5, few are frauds. `blind-to-the-phone` finds
# as much as `honest` in three channels, or more, since its alarms go there, and next to nothing in the fourth. What does
# one number over all rows say of each, and does it say where the fault is?

# %%
from sklearn.metrics import roc_auc_score

for name, score in scores.items():
    print(f"{name:<20} area under the curve {roc_auc_score(fraud, score):.3f}")

# %% [markdown]
# ## Check
#
# The checker trains its candidates and runs your gate on 17 of them, so this takes some seconds. In a terminal:
# `checker grade 13`.

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** A candidate is refused: in the category `travel`, with 31 frauds, its recall is 0.38; overall it is 0.82, so 0.41
# is demanded. The release is due today. A colleague proposes to demand 0.4 of the overall recall and not half of it;
# another one to run the gate again with other rows until it passes. What is wrong with each of the two, and what do you
# do?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The first changes the contract for one candidate, after having seen the result: the next one will want 0.3. The second
# is a test repeated until it passes; with 31 frauds the standard error of the recall is near 0.09, so that it will pass
# sooner or later whatever the model is. What to do: gather more frauds of the category (more months, other held-out
# rows, all judged together and decided on beforehand), give the recall an interval, and look at what the model misses
# there. If it is really near 0.4, half of what other customers get, then the model does not go out for `travel`, or not
# at all; if the number of the contract is wrong, it is changed by its owners for all models, with a reason, before the
# next candidate is judged.
#
# **Rubric** 1 mark for saying why both proposals defeat the test: a number chosen after the result, a draw repeated until
# it suits (half a mark each). 1 mark for a way that uses the uncertainty of 31 frauds (more frauds, an interval, a rule
# fixed beforehand) and ends in a decision. "Wait and see" alone earns nothing.

# %% [markdown]
# **2.** The gate has let a model out, and three weeks later the bank loses money with it. Name two ways in which that can
# happen without a fault in any of the five families' tests, and for each where in the life of a model it should have been
# noticed.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Fraudsters change their tactics after the release: the rows of the gate are of the past. Monitoring of drift and of the
# late labels notices it (days 23 and 25). A leak inside an honest feature, such as a count over 24 hours that in the
# training table includes the hours **after** the payment: shuffling does not show it, since the column is allowed; a
# point-in-time join prevents it, and the comparison with the served features shows it if the service computes it
# rightly. The skew appears later, since the gate compared one day of logs: compare all the time. A group too small to be
# judged. A threshold or rule behind the score that is wrong: test the decision, and not only the score. Too slow or out
# of memory under load: day 17.
#
# **Rubric** 1 mark for each way (2 at most): half for a way that the five families really do not see, half for a place
# (data tests, shadow or canary release, monitoring, load test, review) that fits it.

# %% [markdown]
# ## Go further
#
# **The same with other tools.** You wrote 22 tests by hand to know what each of them says. What others have ready:
#
# | tool | what it gives you | what it does not | take it when |
# |---|---|---|---|
# | pytest, as today | any test that you can write, exit statuses, fixtures, JUnit files (`--junitxml`) that every build server reads | metrics, plots, ideas | a gate with your own contract. Most teams end here, whatever they began with |
# | `mlflow.models.evaluate`, then `mlflow.validate_evaluation_results` with a `MetricThreshold` for each metric | metrics, plots and tables logged with the run; a check against fixed numbers and against a baseline, which raises `ModelValidationFailedException` | invariance, direction, skew. In MLflow 3 the check is a function of its own; older texts show an argument `validation_thresholds`, which is gone. `mlflow.genai.evaluate` is another system, for language models | the candidate must beat the champion by so much, and all is in MLflow anyway |
# | CheckList (the paper of 2020 and its package) | the words: minimum functionality, invariance, directional expectation; templates that make texts | tables; the package has not changed for years | you want the ideas. For texts, they are written as plain tests today |
# | Deepchecks (`deepchecks`, 0.19, AGPL) | suites for tables with dozens of checks: leakage, weak segments, calibration, drift; conditions; one HTML report | a contract of your own; see whether it runs with your versions of NumPy and scikit-learn before you rely on it | a first look at a model and data that you do not know |
# | Giskard | version 2 scanned models on tables for biases, leaks and weak slices, and made tests of what it found | version 3 was rewritten, for agents and language models only; for tables, you would stay on 2.19 | language models |
# | Evidently (0.7) | drift and quality as a `Report`; with `include_tests=True`, or a condition given to a metric, it holds tests, too. The `TestSuite` of versions up to 0.6 is gone | behaviour: it looks at tables of predictions, and asks no model | the same numbers in the gate and in monitoring (day 23) |
# | Fairlearn (`MetricFrame`), AIF360 | any metric by group with differences and ratios; ways to mend what they find | a verdict: which difference is too large is not a question of statistics | the slices are groups of people, and somebody must answer for them (day 26) |
#
# **What a big installation does differently.** The gate runs in the build pipeline on every candidate, in a container
# with the candidate's own locked environment, and its rows are a versioned data set that nobody trains on. The contract
# is a file with an owner; changes to it are reviewed like code. The result is a record that is signed and kept, since an
# auditor asks for it years later. The gate is only the first of several: after it come shadow traffic for days, a canary
# with a few per cent of the payments (day 21), and an automatic way back. There are two kinds of refusal: hard ones,
# which nobody can wave through, and soft ones, which a named person can, with a reason and an expiry date. And the gate
# itself is tested, by candidates with planted faults, each time that it changes: what the checker does with yours.
#
# Try one of these:
#
# 1. Give the recall of a group an interval: draw the frauds of the group 1000 times with replacement (the bootstrap), and
#    refuse only if the upper end of 95% lies below the demand. How many frauds does a group need until a blind model is
#    refused nine times in ten?
# 2. `python -m pytest gate --candidate practice/honest --durations=5`: what takes the time? What if the rows were two
#    million?
# 3. Mend `resampled`: put `CalibratedClassifierCV(method="sigmoid")` around its model in `practice/make.py`, or shift its
#    log-odds by what the class weights added. Does the gate let it out?
# 4. Train a model that passes the gate, and that you would not let out. Which test is missing?
