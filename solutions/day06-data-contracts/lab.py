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
# # Day 6: Data contracts
#
# About 75 minutes. You write two files that say what a good month is, and a program that keeps the bad ones out. With
# JupyterLab's editor, with another one, or from cells: only what stands at the end counts.

# %% [markdown]
# ## Why
#
# In April the team behind the online shop releases a new version. From then on its payments arrive in cents. Nobody
# in the fraud team hears of it: the file has the same columns, every value is a positive number, the job that reads it
# ends with success. The model of day 1 sees that customers pay a hundred times what they usually pay, and calls a
# tenth of all online payments fraud. The next model is trained on the month, and finds large amounts quite normal. That
# one stays in production until somebody looks at a single payment in August.
#
# In the same month, as in every month, some records were delivered twice, some have no country, and some carry the
# date of a till that lost its clock. Those were found long ago: a script drops them. What else it drops nobody knows.
#
# These are two kinds of fault, and they need two kinds of answer:
#
# - A **row** is wrong, and you can see which. Take it out, keep it, write down why: **quarantine**. The other rows are
#   good, and the month can be used today.
# - A **month** is wrong, and no row says so. 350 may be a plane ticket in euros or a coffee in cents. Taking out the
#   large ones would keep the coffees, a hundred times too dear. The whole month must be **stopped** until somebody who
#   knows says what happened.
#
# What a good month is, is agreed between those who deliver it (the **producer**) and those who use it (the
# **consumer**). Written down so that a program can check it, the agreement is a **data contract**. Today you write one:
#
# - **Pandera** checks single rows: types, ranges, allowed values, uniqueness. It names every value that is wrong.
# - **Great Expectations** (GX) checks the batch as a whole: how many rows, how many of them bad, how large the amounts
#   of each channel are on average. It keeps the rules as JSON, each with a severity.
#
# Three words that are often mixed up: the *contract* is the promise. *Validation* compares one delivery with the
# promise, and has a verdict. *Monitoring* (days 22 and 23) watches how data change over time, and has a trend: the
# promise was kept, and the world moved on.

# %% [markdown]
# ## End state
#
# <!-- end state -->
#
# **The command.** `python -m gate MONTH INCOMING OUT`, for example
# `python -m gate 2025-03 incoming/2025-03.csv out/2025-03`, reads the CSV `INCOMING`, makes the folder `OUT` and
# writes three files into it: `accepted.csv`, `quarantine.csv` and `report.json`. The report is one object:
#
# ```json
# {"decision": "accepted", "accepted": 1984, "quarantined": 20, "reasons": [], "warnings": []}
# ```
#
# `decision` is `accepted` or `stopped`; `reasons` says why a month is stopped, `warnings` what failed and did not stop
# it; more keys are welcome. The status is 0 for `accepted` and 1 for `stopped`. The checker runs the command in a copy
# of your `*.py` files and the folders `gate/` and `contract/`, on months that are not in this folder.
#
# **The agreement** between the card systems (producer) and the fraud team (consumer), version 1.0.0:
#
# | column | promise for each row |
# |---|---|
# | `transaction_id` | not empty; each id once |
# | `timestamp` | local time as `2025-03-01T09:15:00`, in the month that is delivered |
# | `customer_id`, `merchant_id` | not empty |
# | `age_band` | `18-29`, `30-44`, `45-64` or `65+` |
# | `merchant_category` | `grocery`, `fuel`, `restaurant`, `clothing`, `electronics`, `travel`, `health` or `digital` |
# | `channel` | `chip`, `contactless`, `online` or `phone` |
# | `country` | `AT`, `DE`, `IT`, `FR`, `ES`, `GB`, `US`, `PL` or `TR`; never empty |
# | `amount` | euros, more than 0. There is no upper limit: a single payment may be of several thousand |
# | `transactions_24h` | a whole number, 1 or more |
#
# | the month as a whole | let it pass | stop it |
# |---|---|---|
# | the ten columns | all there | one is missing |
# | rows | 1,000 to 5,000 | fewer than 600, or none |
# | rows that break a rule | up to 3% | 20% or more |
# | mean amount of **each** channel | 10 to 250 euros | above 400 euros in any one |
#
# Between the two columns the decision is yours. The bounds are wide on purpose: in July people begin to pay online
# more often, and smaller sums, and fraudsters change their tactics. That is no fault of the delivery. The unit of a channel
# may change on any day of a month, so its mean need not be a hundred times as high.

# %% [markdown]
# ## Do
#
# What lies in this folder:
#
# | path | what it is |
# |---|---|
# | `incoming/2025-01.csv` to `2025-03.csv` | three months that were fine, each with some bad rows, as always |
# | `incoming/2025-04.csv` | the month of the story |
# | `incoming/2025-07.csv` | July: people pay otherwise than in spring, and the delivery is fine |
#
# Each task shows the tool on something else: exchange rates that another bank delivers each day. Run the next cell
# first. Importing Great Expectations takes some seconds. Releases of GX 1.x have sent usage statistics to its makers
# unless `GX_ANALYTICS_ENABLED` was `false`. The one that is installed here no longer brings the library for it; a bank
# sets the variable all the same, before the import, since the next version may be another.

# %%
import json
import os
import tempfile
from pathlib import Path

EXAMPLE = Path(tempfile.mkdtemp(prefix="rates-"))
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
import pandera.pandas as pa
from great_expectations.expectations.row_conditions import Column as Where
from pandera.pandas import Check, Column

# %% [markdown]
# ### Task 1: Rules for rows
#
# A Pandera schema says for each column its type and its checks. `lazy=True` collects everything that is wrong instead
# of stopping at the first:

# %%
rates = pd.DataFrame(
    {
        "currency": ["USD", "GBP", "USD", "XXX", "PLN"],
        "day": ["2025-03-03", "2025-03-03", "2025-03-03", "2025-03-04", "2025-02-28"],
        "rate": ["0.96", "1.21", "0.96", "1.00", "-0.24"],
    }
)
rate_schema = pa.DataFrameSchema(
    {
        "currency": Column(str, Check.isin(["USD", "GBP", "PLN"])),
        "day": Column(str, Check.str_matches(r"^\d{4}-\d\d-\d\d$")),
        "rate": Column(float, Check.in_range(0.001, 1000)),
    },
    unique=["currency", "day"],
    report_duplicates="exclude_first",
    coerce=True,
)
try:
    rate_schema.validate(rates, lazy=True)
except pa.errors.SchemaErrors as errors:
    failure_cases = errors.failure_cases
failure_cases

# %% [markdown]
# One line for each value that is wrong: `index` is the row, `column` and `check` say which rule it breaks. Read it
# closely, there are traps in it:
#
# - **Types.** The file is read as text (`dtype=str`), so that nothing is changed on its way to quarantine. With
#   `coerce=True` Pandera converts a copy before it checks: `"0.96"` becomes a number. A value that cannot be
#   converted gets the check `coerce_dtype`, and then the range of that column cannot be checked at all: a line
#   without an `index`. A gate must not overlook such a line.
# - **Duplicates.** By default both copies are reported (`report_duplicates="all"`), and a gate that quarantines what is
#   reported loses the record. `exclude_first` leaves the first one alone. For a single column, write
#   `Column(..., unique=True, report_duplicates="exclude_first")`.
# - **Empty cells.** `pd.read_csv` makes `NaN` of them, and Pandera's checks skip `NaN` (`ignore_na`); what finds it is
#   `nullable=False`, the default. With `keep_default_na=False` an empty cell stays an empty text, which is not
#   among the allowed values. Without it, the country `NA` (Namibia) would become empty, too.
# - **Missing columns** are lines without an `index` as well: `column_in_dataframe`.
#
# What depends on the day of the delivery does not belong into a fixed schema, but can be added when it is used:

# %%
of_march = rate_schema.update_column(
    "day", checks=[*rate_schema.columns["day"].checks, Check.str_startswith("2025-03-", error="not in the month")]
)
try:
    of_march.validate(rates, lazy=True)
except pa.errors.SchemaErrors as errors:
    print(
        errors.failure_cases.loc[lambda cases: cases["column"] == "day", ["column", "check", "failure_case", "index"]]
    )

# %% [markdown]
# Now the schema for the ten columns of a month, as the agreement under End state has them. Try it on
# `incoming/2025-03.csv`: some rows fail, and you can say for each of them why. Leave out what depends on the month.
#
# <details><summary>Hint</summary>
#
# `pd.read_csv("incoming/2025-03.csv", dtype=str, keep_default_na=False)`. Not empty: `Check.str_length(min_value=1)`.
# More than 0: `Check.gt(0)` on a `Column(float, ...)`. Give `age_band`, `merchant_category`, `channel` and `country`
# their values with `Check.isin`. The schema needs `coerce=True`.
# </details>

# %% nbgrader={"grade": false, "grade_id": "rows", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Your schema, and what it says about March.
### BEGIN SOLUTION
CATEGORIES = ["grocery", "fuel", "restaurant", "clothing", "electronics", "travel", "health", "digital"]
CHANNELS = ["chip", "contactless", "online", "phone"]
schema = pa.DataFrameSchema(
    {
        "transaction_id": Column(str, Check.str_length(min_value=1), unique=True, report_duplicates="exclude_first"),
        "timestamp": Column(str, Check.str_matches(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")),
        "customer_id": Column(str, Check.str_length(min_value=1)),
        "age_band": Column(str, Check.isin(["18-29", "30-44", "45-64", "65+"])),
        "merchant_id": Column(str, Check.str_length(min_value=1)),
        "merchant_category": Column(str, Check.isin(CATEGORIES)),
        "channel": Column(str, Check.isin(CHANNELS)),
        "country": Column(str, Check.isin(["AT", "DE", "IT", "FR", "ES", "GB", "US", "PL", "TR"])),
        "amount": Column(float, Check.gt(0)),
        "transactions_24h": Column(int, Check.ge(1)),
    },
    coerce=True,
    name="transactions",
    description="Card transactions of one month: what is promised of each row, version 1.0.0",
)
try:
    schema.validate(pd.read_csv("incoming/2025-03.csv", dtype=str, keep_default_na=False), lazy=True)
except pa.errors.SchemaErrors as errors:
    print(errors.failure_cases[["column", "check", "failure_case", "index"]])
### END SOLUTION

# %% [markdown]
# ### Task 2: The schema as a file
#
# A contract that lives in the code of one side is no contract. As a file it can be read by the producer, reviewed,
# versioned, and used by a program in another repository:

# %%
rate_schema.to_yaml(EXAMPLE / "rates.yaml")
print((EXAMPLE / "rates.yaml").read_text())
again = pa.DataFrameSchema.from_yaml(EXAMPLE / "rates.yaml")
print("the file says the same:", again.columns["rate"].checks == rate_schema.columns["rate"].checks)

# %% [markdown]
# Pandera's own checks travel (`isin`, `in_range`, `str_matches` and their like). A check that is a lambda does not: it
# is code, and `to_yaml` skips it with a warning. So stay with the built-in ones.
#
# Write yours to `contract/schema.yaml`, and read the file as the producer would: is each promise in it?
#
# <details><summary>Hint</summary>
#
# `Path("contract").mkdir(exist_ok=True)`, then `schema.to_yaml("contract/schema.yaml")`. You may also write or change
# the YAML by hand; `pa.DataFrameSchema.from_yaml` tells you whether it can be read. YAML aliases (`&id001`, `*id001`)
# appear where one Python list is used in two columns: use two lists, the checker reads plain YAML only.
# </details>

# %% nbgrader={"grade": false, "grade_id": "schema-file", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
Path("contract").mkdir(exist_ok=True)
schema.to_yaml("contract/schema.yaml")
print(Path("contract/schema.yaml").read_text())
### END SOLUTION

# %% [markdown]
# ### Task 3: Rules for the whole
#
# In Great Expectations a rule is an **expectation**, and rules that belong together are a **suite**. A **context**
# knows where data and suites are; the ephemeral one lives in memory. A **batch** is the data of one validation:

# %%
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
rate_suite = gx.ExpectationSuite(name="rates", meta={"version": "2.1.0", "owner": "treasury"})
rate_suite.add_expectation(gxe.ExpectTableRowCountToBeBetween(min_value=3, max_value=100))
rate_suite.add_expectation(
    gxe.ExpectColumnMeanToBeBetween(
        column="rate", min_value=1.1, max_value=1.4, row_condition=Where("currency") == "GBP"
    )
)
rate_suite.add_expectation(
    gxe.ExpectColumnMedianToBeBetween(column="rate", min_value=1.0, max_value=1.1, severity="warning")
)

numbers = rates.assign(rate=pd.to_numeric(rates["rate"], errors="coerce"))
asset = context.data_sources.add_pandas("deliveries").add_dataframe_asset("rates")
batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": numbers})
validated = batch.validate(rate_suite)
print("success:", validated.success)
for result in validated.results:
    rule = result.expectation_config
    print(rule.severity.value, rule.type, result.success, result.result["observed_value"])

# %% [markdown]
# - `row_condition` picks rows: the mean of the British pound only. An average over everything hides what happens in a
#   small part of it.
# - `severity` says what follows: `critical` (the default) stops, `warning` and `info` do not. GX only carries the word;
#   what is done about it is your program's business. A suite in which everything is critical is switched off after
#   the third false alarm; one in which all is a warning is read by nobody.
# - A result has `exception_info`, too: an expectation about a column that is not there does not raise. It fails.
#
# Which statistic? Choose one that moves when the fault is there, and stays where it is when life goes on. The **median**
# of a channel hardly moves while fewer than half of its rows are in cents: of a change on the 20th it sees nothing. The
# **mean** does, since a hundredfold amount counts a hundredfold. The **maximum** moves when one customer buys a car.
#
# The suite as data, there and back:

# %%
text = json.dumps(rate_suite.to_json_dict(), indent=2)
print(text[:620], "...")
print("again:", batch.validate(gx.ExpectationSuite(**json.loads(text))).success)

# %% [markdown]
# Now write yours to `contract/suite.json`, with `version` and `owner` in its `meta`:
#
# - the number of rows, and the mean amount of each of the four channels, with bounds that respect the agreement;
# - the share of rows that are in quarantine. GX sees only the batch that you give it, so give it all rows of the month
#   with one more column, `reason`, which is empty (`None`) for sound rows. Then it is a rule about the share of values
#   that are not null: `ExpectColumnProportionOfNonNullValuesToBeBetween`.
# - if you like, something of severity `warning` that you would want to hear about, such as the median of all amounts.
#
# <details><summary>Hint</summary>
#
# A loop over the channels adds the four. Print the four means of each month in `incoming/` first. Then choose: between
# 250, which is promised to pass, and 400, which must be stopped. Building a suite needs a context, even if you
# only write it to a file: call `gx.get_context(mode="ephemeral")` first.
# </details>

# %% nbgrader={"grade": false, "grade_id": "suite", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
suite = gx.ExpectationSuite(name="transactions", meta={"version": "1.0.0", "owner": "card systems, payments data"})
suite.add_expectation(gxe.ExpectTableRowCountToBeBetween(min_value=800, max_value=10_000))
suite.add_expectation(gxe.ExpectColumnProportionOfNonNullValuesToBeBetween(column="reason", max_value=0.1))
for channel in CHANNELS:
    suite.add_expectation(
        gxe.ExpectColumnMeanToBeBetween(
            column="amount", min_value=5, max_value=320, row_condition=Where("channel") == channel
        )
    )
suite.add_expectation(
    gxe.ExpectColumnMedianToBeBetween(column="amount", min_value=20, max_value=35, severity="warning")
)
Path("contract/suite.json").write_text(json.dumps(suite.to_json_dict(), indent=2))
for path in sorted(Path("incoming").glob("*.csv")):
    print(path.name, pd.read_csv(path).groupby("channel")["amount"].mean().round(1).to_dict())
### END SOLUTION

# %% [markdown]
# ### Task 4: The gate
#
# The gate is a program that reads the contract and keeps it. It holds **no rule itself**, except for what depends on
# the month. The checker changes the two files in a copy of your work, and looks whether the gate does something else.
#
# Reasons are made of failure cases: one text for each row, whatever number of rules it breaks:

# %%
in_rows = failure_cases[failure_cases["index"].notna()]
rate_reasons = (in_rows["column"] + ": " + in_rows["check"]).groupby(in_rows["index"].astype(int)).agg("; ".join)
print(rate_reasons)
print(rates.drop(index=rate_reasons.index))

# %% [markdown]
# And status and report, as any program gives them:
#
# ```python
# def main(day, incoming, out):
#     ...
#     Path(out).mkdir(parents=True, exist_ok=True)
#     Path(out, "report.json").write_text(json.dumps(report))
#     return 1 if report["reasons"] else 0
#
#
# if __name__ == "__main__":
#     sys.exit(main(*sys.argv[1:]))
# ```
#
# Write `gate.py` (or a package with `gate/__main__.py`). In this order:
#
# 1. Read the rows as text. Read the schema from `contract/schema.yaml`, add that `timestamp` lies in `MONTH`, validate.
# 2. Failure cases with an `index` are rows for quarantine. Those without one are about the whole table (a column is
#    missing, a check could not be done): they stop the month. When in doubt, a gate stays shut.
# 3. Read the suite from `contract/suite.json`, and validate the batch of **all** rows with the column `reason`, and with
#    `amount` as numbers. Failed `critical` expectations stop the month, others are `warnings`.
# 4. Only then write. `accepted.csv` has the rows as they came, `quarantine.csv` these columns and `reason`. When a month
#    is stopped, all of it goes to quarantine: nothing is accepted, and nothing is lost.
#
# `reason` names the column that is at fault and no other, since somebody will count by it: which producer has to mend
# what? In the `reasons` of a stopped month, name the expectation, its column and channel, and what was observed:
# it is read at three in the morning.
#
# Try it on March and July, which must pass. (April is the next task.)
#
# <details><summary>Hint</summary>
#
# `pa.errors.SchemaErrors` is raised only if something is wrong; without it there are no faults. `update_column` returns
# a new schema. `reasons.reindex(rows.index)` puts the reasons beside the rows, empty where there is none.
# `rule.kwargs` of a failed expectation has its column and condition. A month without rows has no mean, and GX calls
# that failed. In `failure_cases`, what is wrong with several columns together has no single column name: keep
# uniqueness in `Column(..., unique=True)`.
# </details>

# %% nbgrader={"grade": false, "grade_id": "gate", "locked": false, "schema_version": 3, "solution": true, "task": false}
# You can write gate.py in the editor, and leave this cell as it is.
### BEGIN SOLUTION
Path("gate.py").write_text('''\
"""Let a month in, or stop it: python -m gate MONTH INCOMING OUT."""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
import pandas as pd
import pandera.pandas as pa

CONTRACT = Path("contract")


def find_faults(rows, month):
    """Return what is wrong with single rows (position -> reason), and with the table as a whole."""
    schema = pa.DataFrameSchema.from_yaml(CONTRACT / "schema.yaml")
    in_month = pa.Check.str_startswith(f"{month}-", error="not in the month")
    schema = schema.update_column("timestamp", checks=[*schema.columns["timestamp"].checks, in_month])
    try:
        schema.validate(rows, lazy=True)
    except pa.errors.SchemaErrors as found:
        cases = found.failure_cases
        alone = cases[cases["index"].notna()]
        whole = cases[cases["index"].isna()]
        reasons = (alone["column"] + ": " + alone["check"]).groupby(alone["index"].astype(int)).agg("; ".join)
        return reasons, [f"{case.check}: {case.failure_case}" for case in whole.itertuples()]
    return pd.Series(dtype=object), []


def judge(rows, reasons):
    """Return the expectations that the month as a whole does not meet: those that stop it, and mere warnings."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = context.suites.add(gx.ExpectationSuite(**json.loads((CONTRACT / "suite.json").read_text())))
    table = rows.assign(reason=reasons.reindex(rows.index))
    for column in ("amount", "transactions_24h"):
        if column in table:
            table[column] = pd.to_numeric(table[column], errors="coerce")
    asset = context.data_sources.add_pandas("deliveries").add_dataframe_asset("month")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": table})
    failed = {"critical": [], "warning": [], "info": []}
    for result in batch.validate(suite).results:
        if not result.success:
            rule = result.expectation_config
            kwargs = {name: value for name, value in rule.kwargs.items() if name != "batch_id"}
            observed = result.result.get("observed_value")
            failed[rule.severity.value].append(f"{rule.type} {json.dumps(kwargs)}: observed {observed}")
    return failed["critical"], failed["warning"] + failed["info"]


def main(month, incoming, out):
    rows = pd.read_csv(incoming, dtype=str, keep_default_na=False)
    faults, whole = find_faults(rows, month)
    critical, warnings = judge(rows, faults)
    reasons = whole + critical
    if reasons:
        faults = faults.reindex(rows.index).fillna("the month was stopped")
    quarantine = rows.loc[faults.index.sort_values()]
    quarantine = quarantine.assign(reason=faults.reindex(quarantine.index))
    accepted = rows.drop(index=quarantine.index)
    report = {
        "month": month,
        "decision": "stopped" if reasons else "accepted",
        "accepted": len(accepted),
        "quarantined": len(quarantine),
        "reasons": reasons,
        "warnings": warnings,
    }
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    accepted.to_csv(folder / "accepted.csv", index=False)
    quarantine.to_csv(folder / "quarantine.csv", index=False)
    (folder / "report.json").write_text(json.dumps(report, indent=2))
    print(json.dumps(report, indent=2))
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
''')
### END SOLUTION

# %% language="bash" nbgrader={"grade": false, "grade_id": "gate-run", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# for month in 2025-03 2025-07; do
#     python -m gate "$month" "incoming/$month.csv" "out/$month"
#     echo "status $?"
# done
# ### END SOLUTION

# %% [markdown]
# ### Task 5: Stop April, mend it, replay it
#
# Run the gate on April: it must stop, and say what is wrong. Then ask. A gate only tells that something happened; the
# **owner** of the data tells what. Here is the answer of the online team:
#
# > Our release of 15 April, 00:00, sends the amounts of the channel `online` in cents. It is mended in May. April stays
# > as it was delivered; from that second to the end of the month, divide by 100.
#
# This is what quarantine is for. Nothing was thrown away, so the month can be mended and **replayed**: it goes through
# the same gate again, not around it. What was mended stays visible: a script or a commit, and never a cell that changes
# the delivered file. On the rates, if the pound had come in pence from 4 March on:

# %%
pence = (rates["currency"] == "GBP") & (rates["day"] >= "2025-03-04")
mended_rates = rates.assign(rate=rates["rate"].where(~pence, (pd.to_numeric(rates["rate"]) / 100).map("{:.4f}".format)))
mended_rates.to_csv(EXAMPLE / "mended-rates.csv", index=False)

# %% [markdown]
# Mend a **copy** of April, and run the gate on it with `out/2025-04` as the place for what comes out. It must pass, and
# the ordinary bad rows of April are in quarantine as in any month.
#
# <details><summary>Hint</summary>
#
# Timestamps of this form can be compared as texts: `rows["timestamp"] >= "2025-04-15"`. Amounts have two decimals:
# `"{:.2f}".format`. Then `python -m gate 2025-04 replay/2025-04.csv out/2025-04`.
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "april-stopped", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# python -m gate 2025-04 incoming/2025-04.csv out/2025-04
# echo "status $?"
# ### END SOLUTION

# %% nbgrader={"grade": false, "grade_id": "april-mended", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
april = pd.read_csv("incoming/2025-04.csv", dtype=str, keep_default_na=False)
in_cents = (april["channel"] == "online") & april["timestamp"].between("2025-04-15T00:00:00", "2025-04-30T23:59:59")
euros = (pd.to_numeric(april["amount"]) / 100).map("{:.2f}".format)
Path("replay").mkdir(exist_ok=True)
april.assign(amount=april["amount"].where(~in_cents, euros)).to_csv("replay/2025-04.csv", index=False)
### END SOLUTION

# %% language="bash" nbgrader={"grade": false, "grade_id": "april-replayed", "locked": false, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# python -m gate 2025-04 replay/2025-04.csv out/2025-04
# echo "status $?"
# ### END SOLUTION

# %% [markdown]
# ## Look
#
# First, what is in quarantine, counted by reason. This table goes to the producers each month:

# %%
for path in sorted(Path("out").glob("*/quarantine.csv")):
    print(path.parent.name)
    print(pd.read_csv(path)["reason"].value_counts().to_string(), end="\n\n")

# %% [markdown]
# Then the amounts of each channel, month by month, on a logarithmic scale. The box holds the middle half of the
# payments, the line in it is the median, the cross is the mean. What does the median of `online` in April say, and what
# does the mean? And would a rule that July breaks have been a good rule?

# %%
import matplotlib.pyplot as plt

months = {path.stem: pd.read_csv(path) for path in sorted(Path("incoming").glob("*.csv"))}
figure, axes = plt.subplots(1, 4, figsize=(14, 4), sharey=True)
for axis, channel in zip(axes, ["chip", "contactless", "online", "phone"], strict=True):
    amounts = [rows.loc[(rows["channel"] == channel) & (rows["amount"] > 0), "amount"] for rows in months.values()]
    axis.boxplot(amounts, whis=(1, 99), showfliers=False, showmeans=True, meanprops={"marker": "x"})
    axis.set_xticks(range(1, len(months) + 1), [name[5:] for name in months])
    axis.set(title=channel, xlabel="month of 2025", yscale="log")
axes[0].set_ylabel("amount as delivered")
figure.suptitle("Amounts of each channel by month: box of the middle half, median as line, mean as cross")
plt.show()

# %% [markdown]
# Last, GX's own view of a validation. The same results, with what was expected and what was observed, as a page for
# people, are called Data Docs; they need a file context (`gx.get_context(mode="file")`), which keeps suites, validation
# definitions and checkpoints in a folder `gx/`. For one result, the JSON is enough:

# %%
print(json.dumps(validated.results[1].to_json_dict(), indent=2, default=str)[:900])

# %% [markdown]
# ## Check
#
# The checker runs your gate fourteen times, so this takes some seconds. In a terminal: `checker grade 6`.

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** In the month after, the product team starts a new channel, `wallet`, with a third of all payments, and tells
# nobody. What does your gate do? What should the contract's next version be, who has to agree to it, and what happens
# to the month meanwhile?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# A third of the rows breaks the rule for `channel`, so they get reasons, and the share of rows in quarantine stops the
# month. That is right: accepting two thirds would give the model a month without its new payments. A new allowed value
# is a change that old consumers may not cope with (a model that never saw it, a report that lists four channels), so it
# is a new version, with a new number that shows it (2.0.0, or at least 1.1.0 by the team's rule), with a rule for the
# amounts of the new channel. The producer proposes it, the consumers (fraud, reporting) agree in a review of the two
# files, with a date from which it holds. The month waits in quarantine and is replayed with the version that was agreed
# for it; loosening the rule at night to get the month through is what the contract is there to prevent.
#
# **Rubric** 1 mark for what the gate does and why (rows with reasons, share, whole month stopped). 1 mark for a
# version that producer and consumers agree on before the month is replayed; half of it for only "add the value".

# %% [markdown]
# **2.** July breaks no rule, but a warning about the median of all amounts would have gone off. Somebody proposes to
# make it critical, since a model trained on spring is worse in July. What speaks against it, and where does that
# concern belong?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The delivery is right: the amounts are what people paid. Stopping it would withhold true data, exactly those from which
# a new model would have to learn, and the producer could not mend anything, since nothing is broken. A gate that stops
# good months is soon bypassed, and then stops no bad ones either. Whether the world has moved away from what a model
# learned is drift: it is watched over time (monitoring), against the training data of a given model, and what follows is
# an investigation or a retraining, not a quarantine. The warning is a useful first hint and may stay one.
#
# **Rubric** 1 mark for: the data are correct, nobody can mend them, a false stop costs trust or delays data. 1 mark
# for naming monitoring/drift as the place, with an answer that fits (look, retrain).

# %% [markdown]
# ## Go further
#
# **Other tools.** They differ in where they stand: in the code, before the table, in the table, after it.
#
# | tool | what it is good at | what it is not | take it when |
# |---|---|---|---|
# | Pandera | schemas as Python code next to the functions that use them, on pandas, Polars, Dask, PySpark, Ibis; every failing value by index; schemas as YAML | no history, no pages for others; statistics of a batch only through checks that you write | rows in Python pipelines, function arguments in tests |
# | Great Expectations (GX Core 1.x) | a large catalogue of expectations on pandas, Spark and SQL; results and Data Docs that others can read; severity | heavy to import, many concepts for one rule; its 1.0 of 2024 changed the whole API, so most tutorials you find do not run | batches, many tables, people who do not read Python |
# | Soda Core | checks as YAML, run by SQL inside the warehouse; version 4 (January 2026) made data contracts its main syntax, and replaced its older check language | data frames are not its home | the data are in a warehouse and shall stay there |
# | dbt tests | `unique`, `not_null`, `accepted_values`, `relationships` and your own SQL beside each model; `severity: warn`, `store_failures` keeps the bad rows; `contract: enforced` fixes columns and types of a model | only what dbt builds; tests run after the table was built, unless you build to a side table first | the transformations are in dbt already |
# | Delta `CHECK` constraints | the table itself refuses a write that breaks a rule, whoever writes | all or nothing for the write, row rules only, no reason per row, no quarantine | the last line of defence, behind a gate |
# | Pydantic | one record at a time, with excellent messages: requests, events, configuration | a hundred thousand rows are slow, and uniqueness or means are out of its sight | the border of a service (day 17) |
# | TFDV (TensorFlow Data Validation) | infers a schema from statistics; skew between training and serving; drift between days; scales over Beam | depends on TensorFlow and Beam; few releases since 2024 (1.17 is the newest one we know of), and in May 2026 its wheels still ended at Python 3.11 | you run TFX already. For a new project its ideas are worth more than its package |
#
# The agreement itself has a standard form, too: the **Open Data Contract Standard** (of Bitol, at the Linux Foundation)
# is a YAML with schema, quality rules, owners, service levels and versions, from which tools make checks for several of
# the engines above.
#
# **What a big installation does differently.** The contract lives with the producer, in the repository of the service
# that emits the data, and a change that breaks it fails **their** build: the cents would have been stopped before
# the release, and not in our inbox. Events carry a schema with a version in a registry (Avro or Protobuf) that refuses
# incompatible changes; note that no such schema sees a unit, unless the field is called `amount_cents`. Quarantine is a
# table with an owner, an age and an alert, since a quarantine that nobody empties is a slow way to drop rows. Batches
# are written to a side branch or staging table, audited there, and published only then (write, audit, publish; day 5's
# tables do this well). And a stopped month has a deadline: a gate that stays shut needs somebody on call.
#
# Try one of these:
#
# 1. Loosen `max_value` of one channel in `contract/suite.json` with an editor, and run the gate on April. What was
#    accepted? How would you find out three months later?
# 2. Put `"n/a"` into one amount of March. What does the gate do, and is it what you want? Change the gate so that such
#    a row goes to quarantine and the other rows are still checked.
# 3. Write the same row rules as a class (`pa.DataFrameModel`) and decorate a function with `@pa.check_types`. When is
#    that better than a gate?
# 4. Add `contract/CHANGELOG.md` and version 1.1.0 with the channel `wallet`. Which months are to be validated with which
#    version, and how does the gate know?
