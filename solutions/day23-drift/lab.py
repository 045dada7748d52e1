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
# # Day 23: Drift
#
# About 90 minutes. Work in this notebook, in files of your own, or in a terminal: only what stands at the end counts.

# %% [markdown]
# ## Why
#
# The card-fraud team scores each payment by a **scorecard**: points for what a payment shows, added up. It was built on
# January to March. Whether a payment was fraud is known 30 to 60 days later, when customers have complained and
# somebody has looked. So for two months nobody can say how good the scores of today are. What can be seen today is what
# goes in and what comes out: whether payments still look as they did when the scorecard was built (**data drift**), and
# whether its scores do (**prediction drift**).
#
# The team has a drift report. It has failed in every way in which such a report can fail:
#
# - It wrote a mail each month, because some p-value was always below 0.05. After half a year a rule moved the mails to
#   a folder.
# - In June it alarmed and was right: the web team had delivered cents in the place of euros. Two people
#   looked for a new fraud ring for a week. The corrected delivery came on the third day; the report that went to the
#   board was still the one about the first.
# - Then somebody raised the thresholds until it was quiet. In July customers and fraudsters changed their ways. It was
#   quiet about that, too.
#
# Today you make one that can be relied on: about the right data, with thresholds that are chosen and defended, which
# speaks up about September and does not about June. **Concept drift**, the third kind (the same payment now means
# something else), does not show in either: that takes labels, and is day 25.

# %% [markdown]
# ## End state
#
# <!-- end state -->
#
# ### What lies in this folder
#
# | path | what it is |
# |---|---|
# | `data/2025-01.csv`, `02`, `03` | the months that the scorecard was built on: the **reference**, all three together |
# | `data/2025-04.csv`, `05` | two more months in which all was well |
# | `data/2025-06.csv` | June, as it was delivered first |
# | `data/2025-06-corrected.csv` | June, delivered again two days later; it has taken the place of the first |
# | `data/2025-09.csv` | September |
# | `scorecard.json` | the scorecard |
#
# ### What is watched
#
# Seven columns: `amount`, `transactions_24h` and `score` as numbers (numerical); `age_band`, `merchant_category`,
# `channel` and `country` as categories (categorical). Six of them are in the files.
#
# The seventh, `score`, is the sum of the points for five fields. For `amount`, `hour` (of the `timestamp`, 0 to 23) and
# `transactions_24h`, the scorecard has pairs `[least, points]`: the last pair whose `least` is not above the value
# gives the points; below the first pair there are none. For `channel` and `country` it names points for each value;
# countries that are not named are `other`. So:
#
# | `amount` | time | `transactions_24h` | `channel` | `country` | score |
# |---|---|---|---|---|---|
# | 39.99 | 05:59 | 2 | chip | AT | 3 + 15 + 0 + 0 + 0 = 18 |
# | 40.00 | 06:00 | 3 | online | DE | 8 + 0 + 6 + 16 + 18 = 48 |
# | 12.50 | 23:10 | 7 | phone | TR | 0 + 0 + 14 + 20 + 18 = 52 |
#
# ### What size of drift is worth an alarm
#
# The team has agreed on this table. Each change is made in a month that was quiet before; in "to another value", the
# payments move from the column's most frequent value to its second most frequent.
#
# | column | must alarm | must not alarm |
# |---|---|---|
# | `amount` | all amounts 30% higher | all amounts 2% higher |
# | `score` | all scores 25% higher | what comes of it when all other changes in this column of the table are made together |
# | `transactions_24h` | one payment in five moves to another value | one in a hundred does |
# | `age_band`, `merchant_category`, `channel`, `country` | one payment in ten moves to another value | one in a hundred does |
#
# And in months in which nothing changed, no column may alarm.
#
# ### The files that you write
#
# **`thresholds.yaml`** (YAML or JSON), one entry for each of the seven columns:
#
# ```yaml
# amount:
#   method: wasserstein
#   threshold: 0.5
#   reason: the sentence that you would say if somebody asked why
# ```
#
# A distance that reaches its threshold alarms, and a p-value below it. The checker recomputes these methods, by the
# names that Evidently gives them, from all rows and with Evidently's own settings: for numbers `wasserstein`, `ed`,
# `jensenshannon`, `psi`, `kl_div`, `hellinger`, `ks`, `t_test`, `mannw`; for categories `jensenshannon`, `psi`,
# `kl_div`, `hellinger`, `chisquare`.
#
# **`reports/2025-06.json`** and **`reports/2025-09.json`**: what `save_json` of Evidently writes.
#
# **`reports/sources.yaml`** (YAML or JSON), one entry for each of the two reports. Sums are SHA-256 in hexadecimal.
# Under `reference` and `current`, a list of sums, or a mapping of paths to sums, will do:
#
# ```yaml
# 2025-06:
#   report: 5d41...
#   reference: {data/2025-01.csv: 7d79..., data/2025-02.csv: 9f86..., data/2025-03.csv: 60b7...}
#   current: {data/2025-06-corrected.csv: fd61...}
# ```
#
# **`profiles/`**: six profiles of whylogs, as the table of marks at the top of the End state names them. Profiles may have more columns than the
# seven.

# %% [markdown]
# ## Do

# %%
import os

# Both tools report their use to their makers, unless they are told not to.
os.environ["DO_NOT_TRACK"] = "1"
os.environ["WHYLOGS_NO_ANALYTICS"] = "1"

# %% [markdown]
# ### Task 1: Is it the world, or is it the pipeline?
#
# The examples below are about something else: the till of an ice-cream parlour. Its price list was made in May.

# %%
import numpy as np
import pandas as pd

rng = np.random.default_rng(23)


def sales(count, dearer=1.0, flavours=(0.5, 0.3, 0.2)):
    """Some sales: a number, a category, and a number of the receipt."""
    return pd.DataFrame(
        {
            "receipt": [f"r{number}" for number in rng.integers(0, 10**9, count)],
            "price": (rng.lognormal(1.2, 0.5, count) * dearer).round(2),
            "flavour": rng.choice(["vanilla", "lemon", "nut"], count, p=flavours),
        }
    )


may, july = sales(6000), sales(3000, dearer=1.15, flavours=(0.45, 0.38, 0.17))

# %% [markdown]
# A **report** of Evidently compares two tables. A `DataDefinition` says what each column is; a preset makes one
# metric of each. To import Evidently takes a while, the first time most of all.

# %%
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

definition = DataDefinition(numerical_columns=["price"], categorical_columns=["flavour"])
of_may, of_july = (Dataset.from_pandas(each[["price", "flavour"]], data_definition=definition) for each in (may, july))
snapshot = Report([DataDriftPreset()], include_tests=True).run(of_july, of_may)

for metric in snapshot.dict()["metrics"]:
    config = metric["config"]
    if config["type"].endswith(":ValueDrift"):
        print(f"{config['column']:<10} {config['method']:<32} {metric['value']:.3f}, threshold {config['threshold']}")

# %% [markdown]
# Read it with care:
#
# - **The order is `run(current, reference)`,** July before May here. The other way round nothing complains, and half of the methods say
#   something else: the Wasserstein distance is divided by the standard deviation of the *reference*.
# - **There is no column `drifted`.** For a distance, drift is a value of the threshold or more; for a p-value, less. With
#   `include_tests=True` there is one test for each column, which says `SUCCESS` or `FAIL`.
# - **Evidently chose the method.** For more than 1000 rows of reference it takes distances with a threshold of 0.1,
#   below that p-values with 0.05. Nobody has asked what 0.1 means for prices of ice cream. That is task 3.
# - **The receipt was left out.** An identifier is new each time: it drifts whatever happens. So does a timestamp.
# - **All of it is about one column at a time.** Two columns that each keep their shape may well have changed together.
#
# Now yours. Write a function that reads a file and adds `score`; try the three payments of the table above. Then
# compare `data/2025-06.csv` (the **first** delivery) with the reference. Which columns drift, and which do not? Drift
# is an alarm and no diagnosis. Before you call it a change of the world, cut it into pieces: by channel, and by day.
# Then do the same with the corrected delivery.
#
# <details><summary>Hint</summary>
#
# - `table["timestamp"].str[11:13].astype(int)` is the hour.
# - For the pairs: begin with zeros; for each pair in order, set the points where the value is not below `least`.
#   `numpy.searchsorted` or `pandas.cut(..., right=False)` do it as well.
# - `table["country"].map(points).fillna(points["other"])`
# - `table.groupby(["channel", day])["amount"].median().unstack(0)`, where `day` is `table["timestamp"].str[8:10]`.
# - An `amount` that drifts while the `channel` does not is strange: who pays a hundred times more in the same shops?
# </details>

# %% nbgrader={"grade": false, "grade_id": "scores", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Scores, and a first look at the first delivery of June.
### BEGIN SOLUTION
import json
from pathlib import Path

CARD = json.loads(Path("scorecard.json").read_text())
NUMBERS = ["amount", "transactions_24h", "score"]
CATEGORIES = ["age_band", "merchant_category", "channel", "country"]
COLUMNS = NUMBERS + CATEGORIES


def points(pairs, values):
    total = np.zeros(len(values), dtype=int)
    for least, worth in pairs:
        total[values >= least] = worth
    return total


def with_score(table):
    hour = table["timestamp"].str[11:13].astype(int)
    score = points(CARD["amount"], table["amount"]) + points(CARD["hour"], hour)
    score = score + points(CARD["transactions_24h"], table["transactions_24h"])
    score = score + table["channel"].map(CARD["channel"])
    country = CARD["country"]
    return table.assign(score=score + table["country"].map(country).fillna(country["other"]).astype(int))


def load(name):
    return with_score(pd.read_csv(f"data/{name}.csv"))


three = pd.DataFrame(
    {
        "amount": [39.99, 40.0, 12.5],
        "timestamp": ["2025-01-01T05:59:00", "2025-01-01T06:00:00", "2025-01-01T23:10:00"],
        "transactions_24h": [2, 3, 7],
        "channel": ["chip", "online", "phone"],
        "country": ["AT", "DE", "TR"],
    }
)
assert with_score(three)["score"].tolist() == [18, 48, 52]

months = {name: load(name) for name in ("2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06", "2025-09")}
months["2025-06-corrected"] = load("2025-06-corrected")
built_on = pd.concat([months[name] for name in ("2025-01", "2025-02", "2025-03")], ignore_index=True)

definition = DataDefinition(numerical_columns=NUMBERS, categorical_columns=CATEGORIES)


def dataset(table):
    return Dataset.from_pandas(table[COLUMNS], data_definition=definition)


def drift(current, metrics):
    """Column -> drift value."""
    told = Report(metrics).run(dataset(current), dataset(built_on)).dict()["metrics"]
    return {each["config"]["column"]: each["value"] for each in told if each["config"]["type"].endswith(":ValueDrift")}


first_look = {name: drift(months[name], [DataDriftPreset()]) for name in ("2025-06", "2025-06-corrected", "2025-09")}
print(pd.DataFrame(first_look).round(3))
june = months["2025-06"]
print(june.groupby([june["timestamp"].str[8:10], "channel"])["amount"].median().unstack().iloc[10:20])
### END SOLUTION

# %% [markdown]
# ### Task 2: Profiles
#
# To compare two months, you need both of them: all rows, with customers in them. In a year there will be billions, on
# machines that may not hand them out. A **profile** keeps what is needed to compare, and no row: counts, minimum,
# maximum, mean, and *sketches*, small summaries from which quantiles, the number of different values and the most
# frequent ones can be estimated with a known error. Profiles have one more property that makes them worth it: they
# can be **merged**. The profile of Monday and that of Tuesday give the profile of both days, and nobody needs the
# rows again. An average of averages cannot do that, nor can a median of medians.

# %%
import whylogs as why

monday, tuesday = may.head(2000), may.tail(4000)
view = why.log(monday).view().merge(why.log(tuesday).view())

price = view.get_column("price")
print(price.get_metric("counts").to_summary_dict())
print({name: round(float(value), 2) for name, value in price.get_metric("distribution").to_summary_dict().items()})
print("really, the median is", may["price"].median())
print(view.get_column("receipt").get_metric("cardinality").to_summary_dict(), "for", may["receipt"].nunique())

# %%
import tempfile

till = tempfile.mkdtemp(prefix="till-")
why.log(july).writer("local").option(base_dir=till, base_name="july.bin").write()
print(os.listdir(till), os.path.getsize(os.path.join(till, "july.bin")), "bytes for", len(july), "sales")
again = why.read(os.path.join(till, "july.bin")).view()
print(again.get_column("flavour").get_metric("frequent_items").to_summary_dict()["frequent_strings"])

# %% [markdown]
# Minimum, maximum, mean and counts are exact; the number of different receipts is an estimate, a per cent or two off.
# Look at the last line, too: a profile keeps the most frequent values themselves. Of a flavour that is no secret. Of a
# column with names or card numbers it would be one, so think before you profile those.
#
# Write a profile of each of the three months of the reference, of June and of September, with their scores:
# `profiles/2025-01.bin`, `profiles/2025-02.bin`, `profiles/2025-03.bin`, `profiles/2025-06.bin`,
# `profiles/2025-09.bin`. Of the two deliveries of June, take the one that is valid. Then merge the first three,
# without reading the rows again, into `profiles/reference.bin`.
#
# <details><summary>Hint</summary>
#
# - What `merge` returns is a view. It has `writer("local")` as well.
# - Read back what you wrote, and look at `counts`: does the merged one have as many rows as the three files?
# - Merging is no union: a profile that is merged twice is counted twice.
# </details>

# %% nbgrader={"grade": false, "grade_id": "profiles", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Six profiles.
### BEGIN SOLUTION
Path("profiles").mkdir(exist_ok=True)
for name in ("2025-01", "2025-02", "2025-03", "2025-06-corrected", "2025-09"):
    target = name.removesuffix("-corrected") + ".bin"
    why.log(months[name]).writer("local").option(base_dir="profiles", base_name=target).write()

merged = why.read("profiles/2025-01.bin").view()
for name in ("2025-02", "2025-03"):
    merged = merged.merge(why.read(f"profiles/{name}.bin").view())
merged.writer("local").option(base_dir="profiles", base_name="reference.bin").write()
print(why.read("profiles/reference.bin").view().get_column("score").get_metric("counts").to_summary_dict())
### END SOLUTION

# %% [markdown]
# ### Task 3: Thresholds, chosen and defended
#
# First, what not to take. A **p-value** answers the question: if nothing had changed, how surprising would this
# difference be? With enough rows, any difference is surprising, however small:

# %%
from evidently.metrics import ValueDrift


def value(current, reference, column, method):
    """What a method says of a column, alone."""
    kind = {"numerical_columns": ["price"]} if column == "price" else {"categorical_columns": ["flavour"]}
    tables = [
        Dataset.from_pandas(table[[column]], data_definition=DataDefinition(**kind)) for table in (current, reference)
    ]
    metric = ValueDrift(column=column, method=method)
    return Report([metric]).run(*tables).dict()["metrics"][0]["value"]


rows = {}
for count in (300, 3000, 30000):
    one, other = sales(count), sales(count, dearer=1.03)
    rows[count] = {method: value(other, one, "price", method) for method in ("ks", "wasserstein")}
print("prices 3% higher:")
print(pd.DataFrame(rows).T.round(4))

# %% [markdown]
# The prices are 3% higher in each line. With more rows, the Wasserstein distance settles near one number; the p-value
# of the Kolmogorov-Smirnov test falls from anything to nothing. It measures how *sure* you may be that something
# changed, and not how *much*. (And it assumes that rows are independent. Payments are not: the same customers come
# back. So p-values of payments are too small even when nothing changed at all.)
#
# A **distance** measures size. But in which unit? Here is what different distances make of the same shift: of the
# flavours, one sale in ten goes from the most frequent to the second; of the prices, all are 30% higher.

# %%
moved = may.copy()
vanilla = moved.index[moved["flavour"] == "vanilla"]
moved.loc[vanilla[: len(moved) // 10], "flavour"] = "lemon"
moved["price"] = moved["price"] * 1.3
again = sales(6000)

methods = ("wasserstein", "jensenshannon", "psi", "hellinger")
told = {
    ("price", method): (value(again, may, "price", method), value(moved, may, "price", method)) for method in methods
}
told |= {
    ("flavour", method): (value(again, may, "flavour", method), value(moved, may, "flavour", method))
    for method in methods[1:]
}
print(pd.DataFrame(told, index=["nothing changed", "shifted"]).T.round(4))

# %% [markdown]
# Two columns of numbers, and between them lies the threshold. The left one is the **noise**: what the method says when
# nothing changed. The right one is the **effect**: what it says of the smallest change that is worth somebody's time.
# How large that is, no tool can know. In this lab it stands in the End state; at work, you ask those who will be woken.
#
# - **Rules of thumb** come from another place. "PSI below 0.1 is stable, above 0.25 has shifted" was coined for credit
#   scores cut into ten bins with equally many customers in each. Evidently's bins are equally *wide*: with a few very large
#   amounts in a month, nearly all payments lie in the first bin, and PSI sees next to nothing.
# - **One number for all columns** has a different meaning in each: 0.1 in Jensen-Shannon is about one payment in eight in
#   another channel.
# - **If noise and effect overlap, take another method**, more rows, or a wider window. No threshold can mend that.
# - **A window** of one month sees slow changes and sees them late; one of a day wakes people on Sundays, since Sundays
#   are unlike Mondays. Compare Sundays with Sundays, and December with December, if you can.
# - **The reference** is a choice as well. The months that the model was built on say whether it still applies. The month
#   before says whether something happened: but drift by a little each month goes unseen for ever.
# - **Seven columns, twelve months.** With a false alarm in a hundred each, you are woken for nothing nearly once a year; with
#   two hundred columns, twice a month. That is what is called alert fatigue.
#
# Measure noise and effect for each of the seven columns: for the noise you have two quiet months, and for the effect
# you make the changes of the End state in one of them. Choose a method and a threshold for each column, and write
# `thresholds.yaml`. The checker takes other months of your bank, quiet ones and shifted ones, and looks who alarms.
#
# <details><summary>Hint</summary>
#
# - You have the months 04 and 05; each month of the reference against the other two is a third, fourth and fifth.
# - Each quiet month is one draw of the noise: leave room above the largest that you saw. Half way between noise and effect
#   is a good place, by ratio (the root of their product) rather than by difference.
# - `value_counts().index[:2]` are the most frequent values. Change a copy. Compute the score before you change it by 25%.
# - YAML reads `1e-6` as a text; the checker takes it for the number that it is meant to be.
# - The reason is read by your instructor: name noise and effect, and what a miss or a false alarm costs.
# </details>

# %% nbgrader={"grade": false, "grade_id": "thresholds", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Noise and effect for each column, and thresholds.yaml.
### BEGIN SOLUTION
import yaml

METHOD = {column: "wasserstein" if column in NUMBERS else "jensenshannon" for column in COLUMNS}
metrics = [ValueDrift(column=column, method=METHOD[column]) for column in COLUMNS]

shifted = months["2025-05"].copy()
for column in COLUMNS:
    if column == "amount":
        shifted[column] *= 1.3
    elif column == "score":
        shifted[column] *= 1.25
    else:
        first, second = shifted[column].value_counts().index[:2]
        count = len(shifted) // (5 if column == "transactions_24h" else 10)
        rows = shifted.index[shifted[column] == first][:count]
        shifted.loc[rows, column] = second

quiet = pd.DataFrame({name: drift(months[name], metrics) for name in ("2025-04", "2025-05")})
table = pd.DataFrame({"noise": quiet.max(axis=1), "effect": pd.Series(drift(shifted, metrics))})
table["threshold"] = np.sqrt(table["noise"].clip(lower=0.015) * table["effect"]).round(3)
print(table.round(4))

thresholds = {
    column: {
        "method": METHOD[column],
        "threshold": float(row["threshold"]),
        "reason": f"Quiet months reach {row['noise']:.3f}, the smallest change that we want to hear of gives "
        f"{row['effect']:.3f}: the threshold is as far from either, by ratio.",
    }
    for column, row in table.iterrows()
}
Path("thresholds.yaml").write_text(yaml.safe_dump(thresholds, sort_keys=False, width=110))
print(Path("thresholds.yaml").read_text()[:300])
### END SOLUTION

# %% [markdown]
# ### Task 4: Two reports that say what they are about
#
# Evidently takes a method and a threshold for each column: in one `ValueDrift` after the other, or in the preset. What
# `save_json` writes is for machines, `save_html` for people:

# %%
import json

preset = DataDriftPreset(
    per_column_method={"price": "wasserstein", "flavour": "jensenshannon"},
    per_column_threshold={"price": 0.15, "flavour": 0.05},
)
snapshot = Report([preset], include_tests=True).run(of_july, of_may)
snapshot.save_json(os.path.join(till, "july.json"))
with open(os.path.join(till, "july.json")) as file:
    written = json.load(file)
print("what is in it:", {name: len(parts) for name, parts in written.items()})
print(written["metrics"][-1])

# %% [markdown]
# Look at what is **not** in it: neither the name of a file nor a date, nor how many rows there were. A month later
# nobody can tell whether a report is about the first delivery or the second. (`Report.run` takes `metadata` and a
# `timestamp`. They go where Evidently stores the whole snapshot, into its workspace, and not into this file.) So a
# **manifest** stands beside the reports, which binds each of them to the bytes that it is about:

# %% language="bash"
# cd "$(mktemp -d)"
# echo "price,flavour" > may.csv
# sha256sum may.csv

# %% [markdown]
# A sum binds in one direction: it says that these bytes were meant. Whether the numbers in the report really come from
# them, one only knows who computes them again. The checker does, with a program of its own.
#
# Make the two reports, with the methods and thresholds of `thresholds.yaml`, and `reports/sources.yaml`. If you run a
# report again, its sum changes: write the manifest last.
#
# <details><summary>Hint</summary>
#
# - `hashlib.file_digest(open(path, "rb"), "sha256").hexdigest()` in Python 3.11 and later.
# - Make the thresholds for Evidently from the file, so that both can never differ.
# - In `tests`, September should have at least three that failed, and June none.
# </details>

# %% nbgrader={"grade": false, "grade_id": "reports", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Two reports and their manifest.
### BEGIN SOLUTION
import hashlib

limits = yaml.safe_load(Path("thresholds.yaml").read_text())
metrics = [
    ValueDrift(column=column, method=limit["method"], threshold=limit["threshold"]) for column, limit in limits.items()
]


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


Path("reports").mkdir(exist_ok=True)
sources = {}
snapshots = {}
for month, name in {"2025-06": "2025-06-corrected", "2025-09": "2025-09"}.items():
    snapshots[month] = Report(metrics, include_tests=True).run(dataset(months[name]), dataset(built_on))
    snapshots[month].save_json(f"reports/{month}.json")
    sources[month] = {
        "report": sha256(f"reports/{month}.json"),
        "reference": {f"data/2025-{each}.csv": sha256(f"data/2025-{each}.csv") for each in ("01", "02", "03")},
        "current": {f"data/{name}.csv": sha256(f"data/{name}.csv")},
    }
    print(month, {test["name"].split()[-1]: test["status"].name for test in snapshots[month].dict()["tests"]})
Path("reports/sources.yaml").write_text(yaml.safe_dump(sources))
### END SOLUTION

# %% [markdown]
# ## Look
#
# The report as a page: write `snapshot.save_html("reports/2025-09.html")`, and open it from JupyterLab's file browser
# with a right click and "Open in New Browser Tab". It is some 4 MB large, since it brings its own JavaScript. Click
# on a column, and see both distributions.
#
# What stands behind September's alarm? The next cell reads the files itself, so it runs whatever you called your
# variables. First the amounts of the reference and of two months:

# %%
import matplotlib.pyplot as plt

files = {"January to March": ["01", "02", "03"], "June, corrected": ["06-corrected"], "September": ["09"]}
shown = {
    label: pd.concat([pd.read_csv(f"data/2025-{part}.csv") for part in parts], ignore_index=True)
    for label, parts in files.items()
}
figure, axes = plt.subplots(figsize=(7, 4))
for style, (label, table) in zip(("-", "--", ":"), shown.items(), strict=True):
    ordered = np.sort(table["amount"])
    axes.plot(ordered, np.linspace(0, 1, len(ordered)), style, label=label)
axes.set(xscale="log", xlabel="amount in euros", ylabel="share of payments up to it", title="Amounts by month")
axes.legend()
plt.show()

# %% [markdown]
# The line of June lies on that of the reference. That of September lies to the left: payments have become smaller. The
# largest vertical gap between two lines is what Kolmogorov-Smirnov looks at, the area between them is the Wasserstein
# distance. Now by segment:

# %%
columns = {label: table.groupby("channel")["amount"].agg(["size", "median"]) for label, table in shown.items()}
by_channel = pd.concat(columns, axis=1)
for label in columns:
    size = by_channel[label, "size"]
    by_channel[label, "share"] = (size / size.sum()).round(3)
print(by_channel.drop(columns="size", level=1).sort_index(axis=1).to_string())

# %% [markdown]
# Amounts fell in every channel, and more payments are made online. Both at once: had only the mix of the channels
# changed, the medians within them would have stayed. It is not a unit this time, for that would be a factor of 100 in
# one place. Customers pay otherwise than they did, and that is all that drift can tell. Are there more frauds, or
# others? Nothing here says so. Frauds are one or two payments in a hundred: they may change altogether without moving
# any of these columns by a hair.
#
# And this is drift from profiles alone, without a row. whylogs compares by p-values of Kolmogorov-Smirnov and
# chi-square unless told otherwise; you know by now what to think of the `category` that it prints from a p-value. The cell says so if your profiles
# are not there yet.

# %%
from pathlib import Path

if Path("profiles/reference.bin").is_file() and Path("profiles/2025-09.bin").is_file():
    from whylogs.viz.drift.column_drift_algorithms import Hellinger, KS

    old, new = (why.read(f"profiles/{name}.bin").view().get_column("amount") for name in ("reference", "2025-09"))
    print("Kolmogorov-Smirnov:", KS().calculate(new, old).to_dict())
    print("Hellinger:         ", Hellinger().calculate(new, old).to_dict())
else:
    print("no profiles yet: do task 2")

# %% [markdown]
# ## Check
#
# The checker makes your months again, recomputes each figure with its own statistics, and tries your thresholds on
# months that you have not seen. In a terminal: `checker grade 23`.

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** Pick one of your seven thresholds and defend it against two colleagues: one says that it should be half as
# high, "to be on the safe side", the other that it should be the 0.1 that everybody uses. Use your own numbers.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# For `channel`, by Jensen-Shannon, quiet months gave up to about 0.01 and one payment in ten in another channel about
# 0.08; the threshold lies between them, near 0.03. Half of it lies at what a quiet month can reach by chance: with
# seven columns and twelve months that means false alarms each year, and an alarm that is often false is not read, so
# that "safe" is the less safe choice. With 0.1, a shift of one payment in ten goes unseen: the number is Evidently's
# default, and says nothing about our channels or about what such a shift costs us. If the costs differ, the threshold
# moves: where a missed shift costs far more than a morning's look, towards the noise, but never into it.
#
# **Rubric** 1 mark for noise and effect as measured, with numbers. Half a mark against "half as high" (false alarms,
# alert fatigue, several columns and months). Half a mark against 0.1 (a default has another meaning in each column,
# and misses the effect).

# %% [markdown]
# **2.** September's report alarms, and it is the first of October. Labels for September will be complete in December.
# Your manager asks: "Do we retrain now?" What do you answer, what do you do this week, and what would have to be seen
# before you retrain?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Not yet. First the pipeline is ruled out: units, a source that is missing, a second delivery, a release in these
# days. Then: which segments, since when, is there a reason that people in the bank know (a campaign, a new shop)?
# Drift of inputs says that the scorecard is asked about payments that are unlike those it was built on, and the drift
# of scores that other numbers of alarms come out. Neither says that it finds less fraud. And there are no labels to
# retrain on: what is known of September today are the frauds that were found fast, which are not like the rest. This
# week: look at the number of alarms and at the load of those who handle them, adjust the cut-off if they drown, have
# a sample of payments from the drifted segments looked at by hand, and take the labels of July and August, which are
# arriving. Retrain when labels show that recall, precision or cost got worse, with a challenger that is better on the
# newest labelled weeks.
#
# **Rubric** Half a mark for ruling out the data pipeline first. Half a mark for: drift is not a loss of quality. Half
# a mark for something useful to do without complete labels (early labels, review of a sample, cut-off, segments).
# Half a mark for a condition for retraining that rests on labels or cost. "Retrain at once" alone earns nothing.

# %% [markdown]
# ## Go further
#
# **The same with other tools.**
#
# | tool | what it gives you | what it does not | take it when |
# |---|---|---|---|
# | Evidently (0.7, Apache 2.0) | reports and tests with some twenty methods, a page for people, a small workspace to collect reports in | alarms that wake somebody, memory of what a report was about; importing it costs seconds | reports in a batch job. Most teams begin here |
# | whylogs (1.6, Apache 2.0) | profiles that merge, small and without rows; written where the data is | a place to send them: its company, WhyLabs, was bought by Apple in 2025 and has closed its service. Its platform's code is public; whylogs itself sees few changes now | data that may not leave its machine, or far too much of it. Weigh that it is hardly developed any more |
# | NannyML | estimates how *good* a classifier still is without labels, from calibrated scores; drift of single columns and of all together by reconstruction | sight of concept drift: the estimate holds while a score still means what it meant | labels come late, as here, and the model is well calibrated |
# | Alibi Detect | tests of many columns at once (MMD, classifier-based), images and texts, online detectors | free use in production: since January 2024 its licence is the Business Source License | high-dimensional data, and a licence that suits you |
# | Great Expectations (1.x) | drift as an expectation: `ExpectColumnKLDivergenceToBeLessThan` beside all others of the suite | a picture of drift over time | the contract of day 6 is checked anyway, and one gate shall do both |
# | Arize, Fiddler (commercial) | drift, quality and explanations as a service: segments found for you, late labels joined, alarms, users and rights. (Phoenix, Arize's open tool, is about language models) | a price that you can see, and data that stays at home, unless you pay for that | dozens of models, and nobody to run a platform |
#
# **What a big installation does differently.** Each service writes a profile for each hour, and windows are merged
# from them afterwards. Thresholds are not typed: they are learned from the history of each column and segment, season
# included, and reviewed as code. Alarms are grouped, since one fault upstream moves forty columns; they name an
# owner, and each ends in a note of what it was, from which the share of false alarms is computed, like the precision
# of a model. Columns are weighted by how much the model leans on them: drift in one that it ignores can wait. And
# drift of inputs is the second line: first come delays and schemas of the pipeline (day 6), last the money (day 25).
#
# Try one of these:
#
# 1. Run `DataDriftPreset(method="psi", threshold=0.2)` on September. Which columns does it hide? Cut `amount` into ten bins
#    of equal numbers of payments yourself, and compute PSI again.
# 2. Train a classifier to tell the rows of the reference from those of September. Its area under the curve is a measure of
#    drift over all columns together, and its most important features say where to look.
# 3. Report each of the four channels apart. How much larger is the noise with a quarter of the rows? Which of your
#    thresholds still hold?
# 4. Profile `data/2025-06.csv` by days and find the day on which the unit changed from the profiles alone.
