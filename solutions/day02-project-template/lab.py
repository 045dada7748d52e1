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
# # Day 2: A project template
#
# About an hour. You write files in this folder, with JupyterLab's editor, with another one, or from cells: only what
# stands at the end counts.

# %% [markdown]
# ## Why
#
# The fraud team's notebook runs again, and gives the same numbers each time. Now three people need what is in it. The
# scoring service needs the features, the monthly report needs the split by months, and a colleague wants to try
# another model. Each of them opens `fraud.ipynb`, copies the cells that they need, and goes on from there.
#
# In April the report says that January had fewer payments than the bank's ledger. Somebody finds the reason after a
# day: the cell that takes a month compares `timestamp <= "2025-01-31"`, and as text, `2025-01-31T09:15:00` is
# **greater** than `2025-01-31`. The whole last day was missing. It is mended in one copy. The two others keep it, and
# nobody knows that they exist.
#
# Nothing here is hard. The code has no name, so it cannot be imported; it cannot be imported, so it is copied; it is
# copied, so it cannot be tested once for all. Today you give it a name: a **package** with functions, **tests** that
# would have found the missing day, a **linter** for what needs no thought, and **one command** that runs all of it, on
# your machine today and on a build machine on day 16.
#
# The tools of today:
#
# - **pytest** finds functions called `test_*` and runs them; a plain `assert` is all that a test needs.
# - **ruff** reads the code and names what is wrong without running it: unused imports, undefined names, and more. It
#   also formats.
# - **make** gives a list of commands a name. It dates from 1976, and nearly every build machine has it.
# - **git** keeps it all.

# %% [markdown]
# ## End state
#
# <!-- end state -->
#
# The six functions. All tables are pandas DataFrames as `pandas.read_csv` reads them, so `timestamp` is a text such
# as `2025-03-01T09:15:00`, and days such as `2025-03-15` are texts, too.
#
# | function | returns |
# |---|---|
# | `cardfraud.data.select_month(transactions, month)` | the rows whose `timestamp` lies in `month` (a text such as `"2025-01"`), from its first second to its last, in their order, with the columns as they were |
# | `cardfraud.data.add_labels(transactions, labels, known_by)` | the rows whose label was known on the day `known_by` or before (`known_on` in `labels`), in their order, with one more column, `is_fraud`, from the row of `labels` with the same `transaction_id`. `labels` may come in any order and may know other transactions |
# | `cardfraud.features.usual_amounts(transactions)` | a Series: for each `customer_id` in the rows, the median `amount` |
# | `cardfraud.features.make_features(transactions, usual)` | a DataFrame with one row for each transaction, in their order, and exactly the columns `amount`, `amount_to_usual`, `hour`, `weekday`, `is_foreign`, `card_present`, `transactions_24h`, whatever else the transactions have. `usual` is what `usual_amounts` returned, perhaps for other rows. `amount_to_usual` is the amount divided by what is usual for the customer, and 1 for a customer that `usual` does not know; `hour` is 0 to 23, `weekday` 0 for Monday to 6; `is_foreign` is 1 where `country` is not `AT`, `card_present` is 1 where `channel` is `chip` or `contactless`, else both are 0 |
# | `cardfraud.model.train_model(features, labels, seed)` | a classifier fitted to `features` (a DataFrame) and `labels` (a Series of 0 and 1), with `predict_proba` as in scikit-learn; the same inputs and the same seed give the same scores |
# | `cardfraud.model.evaluate(labels, flagged)` | a dict with `precision` and `recall` of the alarms: both arguments are Series of 0 and 1; what would be divided by zero is `0.0` |
#
# More functions and more modules are welcome. The checker calls the six by these names, and so should your tests: it
# plants its faults **behind** these names. It changes what a function returns, one fault at a time, and runs your
# tests again. Your files stay as they are, and what the faults are is not told. They are ordinary ones: a label that
# was swapped, a column that leaked, a month that is a day too short. A test that starts another Python process tests
# whatever it finds there, which is your functions without the fault.
#
# `python`, `pytest`, `ruff` and `make` are there when the checker runs your work; a network is not.

# %% [markdown]
# ## Do
#
# What lies in this folder:
#
# | path | what it is |
# |---|---|
# | `fraud.ipynb` | the notebook: it runs, and it has a few faults that no error tells you about |
# | `data/transactions.csv` | card payments of January to March |
# | `data/labels.csv` | which of them were fraud, and on which day the bank knew: `transaction_id,is_fraud,known_on` |
#
# Open `fraud.ipynb` and read it first; it is short. Each task below shows the tool on something else: a tiny package
# `rates` that converts amounts into euros, in a temporary folder. Run the next cell to begin.

# %%
import os
import tempfile

os.environ["EXAMPLE"] = tempfile.mkdtemp(prefix="rates-")

# %% [markdown]
# ### Task 1: Give the code a place

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# mkdir -p src/rates tests
# cat > pyproject.toml <<'END'
# [build-system]
# requires = ["hatchling"]
# build-backend = "hatchling.build"
#
# [project]
# name = "rates"
# version = "0.1.0"
# requires-python = ">=3.11"
# dependencies = ["pandas>=2.2"]
#
# [tool.pytest.ini_options]
# testpaths = ["tests"]
# pythonpath = ["src"]
# END
# cat > src/rates/__init__.py <<'END'
# """Amounts in euros."""
# END
# cat > src/rates/convert.py <<'END'
# """Convert amounts."""
#
#
# def to_euros(payments, rates):
#     """Return `payments` with a column `euros`; `rates` maps a currency to what one unit is worth."""
#     return payments.assign(euros=payments["amount"] * payments["currency"].map(rates))
# END
# find . -type f

# %% [markdown]
# - **`pyproject.toml`** is the one file that every tool reads. `[project]` says what the package is and what it needs;
#   `[build-system]` says who can build a wheel of it; `[tool.pytest.ini_options]`, `[tool.ruff]` and others are the
#   tools' own settings.
# - **`src/`** between the project and the package looks like one folder too many. Without it, `import rates` finds
#   the folder that you happen to stand in, and works on your machine because you stand there. With `src/`, the package
#   is found only where somebody said so, as it is with anybody who installs it.
# - Who says so? At work, `uv sync` or `pip install --editable .` puts a link to `src/` into the project's own
#   environment. In this course all days share one environment, so pytest is told instead: `pythonpath = ["src"]`.
#   Do not install today's package.
# - Dependencies here are **lower bounds**: what the code needs to work. What was really installed, to the last digit,
#   belongs into a lock file, not here.
#
# Now yours: `pyproject.toml` for a package `cardfraud`, and its folder with `__init__.py` and the modules `data.py`,
# `features.py` and `model.py`. They may be empty still.
#
# <details><summary>Hint</summary>
#
# In JupyterLab: File > New > Text File, then rename it; the file browser makes folders. The package needs `pandas`
# and `scikit-learn`; the name to install is `scikit-learn`, although the import is called `sklearn`.
# </details>

# %% nbgrader={"grade": false, "grade_id": "project", "locked": false, "schema_version": 3, "solution": true, "task": false}
# You can make the files by hand and leave these cells as they are.
### BEGIN SOLUTION
from pathlib import Path

Path("src/cardfraud").mkdir(parents=True, exist_ok=True)
Path("pyproject.toml").write_text("""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "cardfraud"
version = "0.1.0"
description = "Find card fraud in a bank's transactions"
requires-python = ">=3.11"
dependencies = ["pandas>=2.2", "scikit-learn>=1.5"]

[dependency-groups]
dev = ["pytest>=8", "ruff>=0.12"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["src"]
addopts = "--strict-markers --strict-config"
filterwarnings = ["error"]

[tool.ruff]
line-length = 110

[tool.ruff.lint]
select = ["E", "F", "I", "B", "UP"]
""")
Path("src/cardfraud/__init__.py").write_text('''\
"""Find card fraud in the bank's transactions."""
''')
### END SOLUTION

# %% [markdown]
# ### Task 2: Move the code into functions
#
# A cell works on whatever lies in memory. A function works on its arguments, and says what it made with `return`.
# That is all that makes code testable:
#
# | in the notebook | in the package |
# |---|---|
# | reads `data/transactions.csv` | is given a table; whoever calls it has read it. A path stands in one place: the script or notebook that runs the whole |
# | `df["hour"] = ...` changes the table for everybody | returns a new table (`assign`, `pd.DataFrame({...})`); its argument stays as it was |
# | `random_state=7` in the middle | `seed` is an argument |
# | `"2025-02-28"` typed in | `month` is an argument |
# | code runs when it is imported | a module only defines things. `pd.read_csv` at its top would run with every import, in every test |
#
# The last line is worth a look. What happens to whoever imports this?

# %% language="bash"
# cd "$EXAMPLE"
# cat > src/rates/table.py <<'END'
# """Read once, when the module is imported: a trap."""
#
# import pandas as pd
#
# RATES = pd.read_csv("rates.csv")
# END
# PYTHONPATH=src python -c "import rates.table" 2>&1 | tail -n 1
# rm src/rates/table.py

# %% [markdown]
# Now move the notebook's code into the six functions. Do not only cut and paste: for each of them, compare what the
# cell does with what the table in End state asks for. The notebook has these four faults, and each of them is one
# that real teams have made:
#
# 1. A month loses its last day.
# 2. The labels are put beside the rows **by position**. That is right as long as both files are in the same order.
# 3. What is usual for a customer is computed from all months, so the training rows know something of the months that
#    come after them. The function cannot prevent it, but it can let the caller decide: it works on the rows that it
#    is given.
# 4. All labels are used, also those that the bank did not know yet on the day on which the model would have been
#    trained. A label comes 30 to 60 days after its payment.
#
# <details><summary>Hint</summary>
#
# - A month: `timestamp` begins with `2025-01` or it does not (`.str.startswith`). Or make real times of it with
#   `pd.to_datetime` and compare `>= start` and `< start of the next month`; a half-open interval has no last second
#   to forget.
# - Labels: `merge(..., on="transaction_id", how="inner", validate="one_to_one")` keeps the order of the left table
#   and complains about ids that stand twice. Take only the columns that shall come along.
# - A customer that `usual` does not know gives a missing value in `map`: `fillna`. Write the result as a new
#   DataFrame with the seven columns, so that nothing else can slip through.
# </details>

# %% nbgrader={"grade": false, "grade_id": "package", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("src/cardfraud/data.py").write_text('''\
"""Rows and their labels."""

import pandas as pd


def select_month(transactions, month):
    """Return the rows of `month`, such as `2025-01`, from its first to its last second."""
    return transactions[transactions["timestamp"].str[:7] == month]


def add_labels(transactions, labels, known_by):
    """Return the transactions whose label was known on the day `known_by`, with `is_fraud`."""
    known = labels.loc[labels["known_on"] <= known_by, ["transaction_id", "is_fraud"]]
    return transactions.merge(known, on="transaction_id", how="inner", validate="one_to_one")


def read_table(path):
    """Return a CSV file as a table."""
    return pd.read_csv(path)
''')
Path("src/cardfraud/features.py").write_text('''\
"""What a model sees of a transaction."""

import pandas as pd

HOME = "AT"
CARD_PRESENT = ("chip", "contactless")
COLUMNS = ["amount", "amount_to_usual", "hour", "weekday", "is_foreign", "card_present", "transactions_24h"]


def usual_amounts(transactions):
    """Return the median amount of each customer."""
    return transactions.groupby("customer_id")["amount"].median()


def make_features(transactions, usual):
    """Return one row of numbers for each transaction; `usual` is what `usual_amounts` returned."""
    moment = pd.to_datetime(transactions["timestamp"])
    expected = transactions["customer_id"].map(usual)
    features = pd.DataFrame(
        {
            "amount": transactions["amount"],
            "amount_to_usual": (transactions["amount"] / expected).fillna(1.0),
            "hour": moment.dt.hour,
            "weekday": moment.dt.weekday,
            "is_foreign": (transactions["country"] != HOME).astype(int),
            "card_present": transactions["channel"].isin(CARD_PRESENT).astype(int),
            "transactions_24h": transactions["transactions_24h"],
        }
    )
    return features[COLUMNS]
''')
Path("src/cardfraud/model.py").write_text('''\
"""Train a model, and say how good its alarms are."""

from sklearn.ensemble import RandomForestClassifier


def train_model(features, labels, seed):
    """Return a model that was trained on `features` and `labels`; the same seed gives the same model."""
    return RandomForestClassifier(n_estimators=30, random_state=seed).fit(features, labels)


def evaluate(labels, flagged):
    """Return precision and recall of the alarms in `flagged`."""
    hits = int(((labels == 1) & (flagged == 1)).sum())
    alarms, frauds = int((flagged == 1).sum()), int((labels == 1).sum())
    return {"precision": hits / alarms if alarms else 0.0, "recall": hits / frauds if frauds else 0.0}
''')
### END SOLUTION

# %% [markdown]
# ### Task 3: Write tests that would notice
#
# A test gives a function a small table of which you know the answer, and says what the answer is:

# %% language="bash"
# cd "$EXAMPLE"
# cat > tests/test_convert.py <<'END'
# import pandas as pd
# import pytest
#
# from rates.convert import to_euros
#
# RATES = {"EUR": 1.0, "USD": 0.9}
#
#
# @pytest.fixture
# def payments():
#     return pd.DataFrame({"amount": [10.0, 20.0, 5.0], "currency": ["USD", "EUR", "USD"]})
#
#
# def test_each_payment_is_converted_with_its_own_rate(payments):
#     assert to_euros(payments, RATES)["euros"].tolist() == [9.0, 20.0, 4.5]
#
#
# def test_the_payments_stay_as_they_were(payments):
#     before = payments.copy()
#     to_euros(payments, RATES)
#     pd.testing.assert_frame_equal(payments, before)
#
#
# @pytest.mark.parametrize("currency", ["USD", "EUR"])
# def test_nothing_is_worth_nothing(currency):
#     nothing = pd.DataFrame({"amount": [0.0], "currency": [currency]})
#     assert to_euros(nothing, RATES)["euros"].tolist() == [0.0]
# END
# python -m pytest -q 2>&1

# %% [markdown]
# - `@pytest.fixture` names something that many tests need; whoever has an argument `payments` gets a fresh one. In a
#   file `tests/conftest.py`, all test files share it.
# - `@pytest.mark.parametrize` runs one test with several values.
# - The table has three rows, and each has a reason. A test with 12,000 real rows is slow, and nobody can say what
#   its answer should be. Your tests must run without `data/` anyway: on a build machine there is none.
#
# The test that is easy to write is `assert len(result) > 0`. It passes for nearly every fault. Ask of each test:
# **which mistake would make it fail?** In code that prepares data for a model, these are the mistakes that cost most,
# since nothing crashes:
#
# | what to test | how |
# |---|---|
# | **edges of time** | rows at the first and the last second of a month, and at the first of the next; December. And: all months together give back every row exactly once |
# | **joins** | the right table in another order, with ids that the left one does not have. Each row has **its** value |
# | **no leak** | give `make_features` rows that have the label already, and write down the full list of columns that may come out. Give `add_labels` labels of before, on and after the day |
# | **values by hand** | one row, all features, worked out with pencil and paper, on a day of which you know the weekday |
# | **what is missing** | a new customer, no alarm at all, an empty month |
# | **determinism** | train twice with one seed: the same scores |
# | **direction** | a model that is trained on a plain case gives the plain fraud the higher score |
# | **arguments** | the table that was given is still the same afterwards |
#
# Do not test pandas or scikit-learn, and no exact score of a model that came out last time: it changes with every
# version, and says nothing.
#
# Write your tests into `tests/test_*.py`. Write each one so that you have seen it fail once: break the function for a
# moment, and look. They shall take a second or two in all, or nobody runs them; a small forest on fifty rows is
# enough to see whether the seed is used.
#
# <details><summary>Hint</summary>
#
# Begin with one `conftest.py` that makes five payments: `2024-12-31T23:59:59`, `2025-01-01T00:00:00`,
# `2025-01-31T23:59:59`, `2025-02-01T00:00:00` and one on a Monday you know, such as `2025-02-03T14:30:00`. Let one
# customer have three of them, with one huge amount, so that median and mean differ. Then a table of labels for them
# in another order. With these two tables, a dozen short tests cover all that the table above lists for the first four
# functions. Compare floats with `pytest.approx`.
# </details>

# %% nbgrader={"grade": false, "grade_id": "tests", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("tests").mkdir(exist_ok=True)
Path("tests/conftest.py").write_text('''\
import pandas as pd
import pytest


@pytest.fixture
def payments():
    """Five payments around the ends of January, one of them fraud."""
    return pd.DataFrame(
        {
            "transaction_id": ["t1", "t2", "t3", "t4", "t5"],
            "timestamp": [
                "2024-12-31T23:59:59",
                "2025-01-01T00:00:00",
                "2025-01-31T23:59:59",
                "2025-02-01T00:00:00",
                "2025-02-03T14:30:00",
            ],
            "customer_id": ["c1", "c1", "c1", "c2", "c3"],
            "channel": ["chip", "contactless", "online", "phone", "chip"],
            "country": ["AT", "AT", "US", "AT", "DE"],
            "amount": [10.0, 20.0, 90.0, 50.0, 7.0],
            "transactions_24h": [1, 2, 1, 1, 3],
        }
    )


@pytest.fixture
def labels():
    """Their labels, in another order, as they became known."""
    return pd.DataFrame(
        {
            "transaction_id": ["t5", "t3", "t1", "t2", "t4"],
            "is_fraud": [0, 1, 0, 0, 1],
            "known_on": ["2025-03-20", "2025-03-10", "2025-02-10", "2025-02-11", "2025-03-11"],
        }
    )
''')
Path("tests/test_data.py").write_text("""\
import pandas as pd
import pytest

from cardfraud.data import add_labels, select_month


@pytest.mark.parametrize(
    ("month", "expected"),
    [("2024-12", ["t1"]), ("2025-01", ["t2", "t3"]), ("2025-02", ["t4", "t5"]), ("2025-03", [])],
)
def test_a_month_goes_from_its_first_to_its_last_second(payments, month, expected):
    assert select_month(payments, month)["transaction_id"].tolist() == expected


def test_months_neither_overlap_nor_lose_rows(payments):
    parts = [select_month(payments, month) for month in ("2024-12", "2025-01", "2025-02")]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), payments)


def test_a_label_goes_to_the_row_with_its_id(payments, labels):
    labelled = add_labels(payments, labels, "2025-12-31")
    assert dict(zip(labelled["transaction_id"], labelled["is_fraud"], strict=True)) == {
        "t1": 0, "t2": 0, "t3": 1, "t4": 1, "t5": 0,
    }  # fmt: skip
    assert labelled["transaction_id"].tolist() == payments["transaction_id"].tolist()


def test_a_label_counts_from_the_day_on_which_it_is_known(payments, labels):
    assert add_labels(payments, labels, "2025-03-10")["transaction_id"].tolist() == ["t1", "t2", "t3"]
    assert add_labels(payments, labels, "2025-03-09")["transaction_id"].tolist() == ["t1", "t2"]


def test_nothing_of_the_labels_but_the_label_comes_along(payments, labels):
    assert set(add_labels(payments, labels, "2025-12-31").columns) == {*payments.columns, "is_fraud"}
""")
Path("tests/test_features.py").write_text("""\
import pytest

from cardfraud.features import make_features, usual_amounts

COLUMNS = ["amount", "amount_to_usual", "hour", "weekday", "is_foreign", "card_present", "transactions_24h"]


def test_usual_is_the_median_so_one_large_fraud_does_not_move_it(payments):
    assert usual_amounts(payments).to_dict() == {"c1": 20.0, "c2": 50.0, "c3": 7.0}


def test_features_of_labelled_rows_hold_no_label(payments):
    labelled = payments.assign(is_fraud=1, known_on="2025-03-01")
    assert make_features(labelled, usual_amounts(payments)).columns.tolist() == COLUMNS


def test_what_stands_in_a_row(payments):
    features = make_features(payments, usual_amounts(payments))
    assert features.iloc[4].to_dict() == {
        "amount": 7.0,
        "amount_to_usual": 1.0,
        "hour": 14,
        "weekday": 0,
        "is_foreign": 1,
        "card_present": 1,
        "transactions_24h": 3,
    }
    assert features["card_present"].tolist() == [1, 1, 0, 0, 1]
    assert features["amount_to_usual"].tolist() == [0.5, 1.0, 4.5, 1.0, 1.0]


def test_a_customer_without_history_is_as_usual(payments):
    features = make_features(payments, usual_amounts(payments.head(3)))
    assert features["amount_to_usual"].tolist() == [0.5, 1.0, 4.5, 1.0, 1.0]


@pytest.mark.parametrize("rows", [slice(None), slice(2, 4), slice(None, None, -1)])
def test_rows_keep_their_order_and_the_input_stays_as_it_was(payments, rows):
    before = payments.copy()
    assert (
        make_features(payments[rows], usual_amounts(payments))["amount"].tolist()
        == payments[rows]["amount"].tolist()
    )
    assert payments.equals(before)
""")
Path("tests/test_model.py").write_text('''\
import pandas as pd
import pytest

from cardfraud.model import evaluate, train_model


@pytest.fixture
def table():
    """Frauds are large and foreign."""
    amounts = [5 + number % 7 for number in range(40)] + [900 + number for number in range(8)]
    features = pd.DataFrame({"amount": amounts, "is_foreign": [0] * 40 + [1] * 8})
    return features, pd.Series([0] * 40 + [1] * 8)


def test_the_same_seed_gives_the_same_scores(table):
    features, labels = table
    first, second = (train_model(features, labels, 7).predict_proba(features) for _ in range(2))
    assert (first == second).all()


def test_a_plain_fraud_scores_higher_than_a_plain_purchase(table):
    features, labels = table
    scores = train_model(features, labels, 7).predict_proba(features)[:, 1]
    assert scores[-1] > 0.5 > scores[0]


@pytest.mark.parametrize(
    ("labels", "flagged", "precision", "recall"),
    [
        ([1, 1, 1, 0, 0], [1, 0, 0, 1, 0], 1 / 2, 1 / 3),
        ([1, 0], [0, 0], 0.0, 0.0),
        ([0, 0], [1, 0], 0.0, 0.0),
        ([1, 0], [1, 0], 1.0, 1.0),
    ],
)
def test_precision_and_recall(labels, flagged, precision, recall):
    found = evaluate(pd.Series(labels), pd.Series(flagged))
    assert found == {"precision": pytest.approx(precision), "recall": pytest.approx(recall)}
''')
### END SOLUTION

# %% [markdown]
# ### Task 4: One command
#
# First the linter, on a file with three things wrong:

# %% language="bash"
# cd "$EXAMPLE"
# cat > src/rates/report.py <<'END'
# import os
# import pandas as pd
#
# def total(payments):
#     return pd.Series(payment).sum()
# END
# ruff check src tests --output-format concise
# echo "--- and what the formatter would change:"
# ruff format --diff src tests 2>&1 | head -n 20
# rm src/rates/report.py

# %% [markdown]
# `F401` and `F821` are rules of the group F (Pyflakes): an import that is not used, a name that is not defined. The
# second one is a crash that waits for somebody to call the function. `I001` is about the order of imports, a matter
# of taste that nobody shall have to discuss. Which rules are on by default has changed with ruff's versions, so a team
# writes down which it wants: under `[tool.ruff.lint]`, `select = ["E", "F", "I", "B"]` (B are likely bugs). ruff reads
# notebooks as well, so `ruff check .` would complain about this one: name the folders that you mean.
#
# Now a `Makefile`. Each target has a name, what it depends on, and commands, each on a line that begins with a
# **tab**:

# %% language="bash"
# cd "$EXAMPLE"
# printf '.PHONY: test lint unit\n\ntest: lint unit\n\nlint:\n\truff check src tests\n\nunit:\n\tpython -m pytest -q\n' > Makefile
# cat -A Makefile | grep -e ruff -e pytest
# make test 2>&1
# echo "status $?"

# %% [markdown]
# `cat -A` shows a tab as `^I` and a line end as `$`. With spaces instead, make says `missing separator`. make stops at
# the first command whose **status** is not 0, and then has such a status itself. The status is all that a build
# machine looks at. Whatever hides it (`-ruff check`, `|| true`, a `;` between two commands) makes the light green
# for ever. `.PHONY` says that `test` is no file: without it, make would find a file or folder of that name, and have
# nothing to do.
#
# Now yours: `make test` shall run the linter on `src` and `tests`, and all tests.
#
# <details><summary>Hint</summary>
#
# JupyterLab's editor writes four spaces when you press Tab, except where the file is known as a Makefile. `printf` as
# above writes real tabs, or let the first line be `.RECIPEPREFIX = >` and begin each command with `>`. To mend what
# the linter finds: `ruff check --fix src tests`, then `ruff format src tests`.
# </details>

# %% nbgrader={"grade": false, "grade_id": "make", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("Makefile").write_text("""\
.PHONY: test lint unit

test: lint unit

lint:
	ruff check src tests
	ruff format --check src tests

unit:
	python -m pytest -q
""")
### END SOLUTION

# %% language="bash" nbgrader={"grade": false, "grade_id": "make-test", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# make test
# ### END SOLUTION

# %% [markdown]
# ### Task 5: Commit
#
# Look at what git would take before it takes it:

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# git init --quiet --initial-branch=main
# git config user.name "Rates Example"
# git config user.email "rates@example.invalid"
# git status --short --untracked-files=all
# echo "--- with a .gitignore:"
# printf '__pycache__/\n.pytest_cache/\n.ruff_cache/\n' > .gitignore
# git status --short --untracked-files=all
# git add .
# git commit --quiet --message "Convert amounts into euros: package, tests, one command"

# %% [markdown]
# Commit `pyproject.toml`, `Makefile`, `src/` and `tests/`. What tools make again (`__pycache__`, caches) does not belong
# to it, nor does `data/`: tomorrow it gets a better home. A commit says what was changed, and why, in the imperative:
# "Take a month to its last second", not "fixes".
#
# <details><summary>Hint</summary>
#
# `git init` in this folder, your name with `git config user.name` and `user.email`, a `.gitignore` that also names
# `data/`, then `git add` and `git commit`. When you change something later, commit again: the check compares the files
# with the last commit.
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "commit", "locked": false, "schema_version": 3, "solution": true, "task": false}
# set -e
# ### BEGIN SOLUTION
# git init --quiet --initial-branch=main
# git config user.name "Fraud Team"
# git config user.email "fraud-team@example.invalid"
# printf '%s\n' data/ __pycache__/ .pytest_cache/ .ruff_cache/ .ipynb_checkpoints/ > .gitignore
# git add .gitignore pyproject.toml Makefile src tests
# git commit --quiet --message "Make a package of the fraud notebook, with tests and one command"
# git status --short
# ### END SOLUTION

# %% [markdown]
# ## Look
#
# Your tests pass. That says little: so does an empty file. Do what the checker does, and plant a fault yourself. The
# next cell copies the project, changes one text in one file, and runs your tests in the copy. Replace the examples by
# lines of your own code; each should end with `failed`.

# %%
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def with_fault(path, old, new):
    """Run the tests in a copy of the project in which `old` became `new`; return pytest's last line."""
    with tempfile.TemporaryDirectory() as copy:
        for name in ("src", "tests"):
            if Path(name).is_dir():
                shutil.copytree(name, Path(copy, name), ignore=shutil.ignore_patterns("__pycache__"))
        file = Path(copy, path)
        if not file.is_file() or old not in file.read_text():
            return f"there is no {old!r} in {path}"
        shutil.copy("pyproject.toml", copy)
        file.write_text(file.read_text().replace(old, new))
        command = [sys.executable, "-m", "pytest", "-q"]
        done = subprocess.run(command, cwd=copy, check=False, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]


for fault in [
    ("src/cardfraud/features.py", ".median()", ".mean()"),
    ("src/cardfraud/data.py", "<= known_by", "< known_by"),
]:
    print(*fault, "->", with_fault(*fault), sep="   ")

# %% [markdown]
# This is **mutation testing**, by hand. Line coverage, which is what most teams measure (`pytest --cov`, from the
# plugin pytest-cov), asks whether a line was run by a test. It does not ask whether the test looked. A suite without a
# single `assert` can cover 100%.
#
# And the package is of use: the whole notebook, in one cell, with the months as arguments. Nothing of it is typed
# twice.

# %%
sys.path.insert(0, "src")  # what an installed package would not need

import pandas as pd

try:
    from cardfraud.data import add_labels, select_month
    from cardfraud.features import make_features, usual_amounts
    from cardfraud.model import evaluate, train_model

    transactions, labels = pd.read_csv("data/transactions.csv"), pd.read_csv("data/labels.csv")
    history = add_labels(select_month(transactions, "2025-01"), labels, known_by="2025-03-31")
    usual = usual_amounts(history)
    model = train_model(make_features(history, usual), history["is_fraud"], seed=7)
    march = add_labels(select_month(transactions, "2025-03"), labels, known_by="2025-12-31")
    flagged = pd.Series(model.predict_proba(make_features(march, usual))[:, 1] > 0.3).astype(int)
    print(evaluate(march["is_fraud"].reset_index(drop=True), flagged))
except ImportError as error:
    print(f"not there yet: {error}")

# %% [markdown]
# ## Check
#
# The checker runs your tests about twenty times, so this takes some seconds. In a terminal: `checker grade 2`.

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** A colleague shows you a suite with 95% line coverage for a function that joins labels to transactions. It
# calls the function with the real file of March and asserts that the result has as many rows as the input. Name two
# faults that this suite would not notice, and for each the smallest table that would show it.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Labels joined by position instead of by id: two rows with different labels, and the labels in the other order. The
# label swapped (0 for fraud): a single row of which the label is known. Labels that were not known yet on the day of
# training: two rows, one known before the day and one after it. A column such as `known_on` that comes along: any
# row, and the list of columns that are expected.
#
# **Rubric** 1 mark for each fault (2 at most): half for a fault that leaves the number of rows as it is, half for a
# table of one to three rows, with the expected answer, in which it shows. "More coverage" or "more data" earns
# nothing: the lines are run already.

# %% [markdown]
# **2.** Your package is finished, and the scoring service is written in Java. Its team has written the seven features
# again. What can go wrong that no test of either side finds, and what would you put into which repository to notice
# it?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Both sides can be right by their own tests and differ from each other: Monday is 0 here and 1 there, hours in
# another time zone, the median of an even number of amounts, a new customer. The model then sees other features in
# service than in training (training/serving skew), and nothing fails. Remedy: one file of example transactions with
# the features that are expected, kept and versioned in one place, and run as a test by both repositories; or one
# implementation that both use (a feature store, a service, the package itself); besides, log the features that the
# service computes, and compare them with those that the package computes for the same payments.
#
# **Rubric** 1 mark for naming the difference between training and serving with one concrete example. 1 mark for a
# remedy that compares both on the same inputs, or leaves only one implementation, with a word on where it lives.
# "Better documentation" alone earns half a mark.

# %% [markdown]
# ## Go further
#
# **Templates and tools.** You wrote the layout by hand, once, to know what each file is for. Nobody does that for the
# tenth project.
#
# | tool | what it gives you | what it does not | take it when |
# |---|---|---|---|
# | Cookiecutter Data Science (`ccds`, version 2) | a folder layout for analyses (`data/raw`, `notebooks`, `models`, a Makefile), by questions and answers; built on cookiecutter | it is done after one copy: later changes of the template do not reach your project | a team wants to find things in the same place in every analysis |
# | copier | templates from a git repository; `.copier-answers.yml` remembers the answers, and `copier update` brings later changes of the template into the project | it brings no layout of its own: you write or choose the template | you keep ten projects alike for years. cruft adds updates to cookiecutter templates |
# | Kedro (LF AI & Data) | a framework: functions become nodes of a pipeline, a data catalog in YAML holds all paths; 1.0 came out in 2025 | light: your project has Kedro's structure and depends on it | many pipelines and people, and you want its rules; for one model it is much |
# | uv | environments, Python versions, `uv init --package`, a lock file `uv.lock`, `uv run`; very fast | what `test` means in your project, you still say elsewhere | a new project today. `uv run --frozen pytest` is a good line in a Makefile |
# | hatch | environments with a matrix and scripts in `pyproject.toml`; its backend hatchling builds your wheel | for applications, most projects pin with uv | libraries that are tested on several Pythons |
# | nox | sessions in plain Python (`noxfile.py`), each in a fresh environment, also made by uv | it is one more thing to install first | "run the tests with pandas 2 and 3, on Python 3.11 to 3.13" |
# | tox | the same idea as declarations, in `tox.ini` or `tox.toml`; old, known to everybody | logic is clumsy in it | libraries, and where it is there already |
# | make | names for commands, everywhere, nothing to install on Unix | no environments, tabs, little comfort on Windows; `just` is a friendlier cousin | a front door: `make test` may call uv or nox behind it |
#
# They do not exclude each other: a copier template with uv, nox and a Makefile of four lines is a common sight.
# Where you put what only developers need has a standard since 2024: `[dependency-groups]` in `pyproject.toml` (PEP
# 735), which uv, pip (25.1 and later, `--group`), tox and nox read.
#
# **What a big installation does differently.** The template is a product with an owner; a bot opens merge requests in
# hundreds of repositories when it changes. `make test` is the contract with the build machines: what is inside may
# differ between teams, the name does not. Linting happens while you type and again before each commit (pre-commit,
# or its faster rewrite prek), and the build machine runs it a third time, since the first two can be skipped. Data
# people share one internal package of features with its own tests, release notes and versions, and a model records
# which version it was trained with.
#
# Try one of these:
#
# 1. `python -m pytest --durations=5`: which tests are slow, and why? Can they be fast and say the same?
# 2. Add `[tool.ruff.lint]` with `select = ["ALL"]` and run `ruff check src tests --statistics`. Which of these groups
#    would you switch on for the whole team, and which never?
# 3. Write a property instead of an example, with Hypothesis, which is installed here: for **any** list of timestamps,
#    the months of `select_month` together give back every row exactly once. What does it find that your examples
#    do not?
# 4. mutmut and cosmic-ray plant faults by themselves, hundreds of them. How many would your suite kill? How long may
#    that take in a build?
