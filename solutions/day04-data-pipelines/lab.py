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
# # Day 4: Data pipelines
#
# About 75 minutes. You write files in this folder, with JupyterLab's editor, with another one, or from cells, and run
# commands in cells or in a terminal: only what stands at the end counts.

# %% [markdown]
# ## Why
#
# The fraud team's model is made by four scripts: split the payments, compute features, train, evaluate. A file
# `run_all.sh` runs them in order. On the real data that takes forty minutes, and whoever only wants another threshold
# for the alarms waits forty minutes for a number that takes two seconds.
#
# So people help themselves. One of them puts a `#` before the first three lines. The next one pulls the branch with
# better features, does not see the `#`, and evaluates a model that was trained on the old ones. The precision goes
# into a slide. When it does not come true in production, nobody can say which code, which data and which settings
# belong to that number. Some of the settings were never written down at all: they stood in the middle of a script, and
# somebody has changed them since.
#
# Two wishes seem to contradict each other: run **everything** again, so that all results fit together, and run **as
# little as possible**, since time is short. A pipeline tool fulfils both. You tell it once what each step reads and what
# it writes. It remembers the MD5 sum of every file and the value of every parameter of the last run, and then runs
# exactly the steps for which something is different.
#
# That promise is as good as what you declare. A step that reads a file it does not name, or a number that stands in
# the code, is left alone when it should run, and nothing warns you. Most of today is about that.

# %% [markdown]
# ## End state
#
# <!-- end state -->
#
# The parameters. The values are yours to choose; these are the ones that stand in the scripts now.
#
# | in `params.yaml` | today | what it is |
# |---|---|---|
# | `prepare.test_from` | `"2025-04"` | the first month to test on (`2025-02`, `2025-03` or `2025-04`); all payments before it are for training |
# | `features.usual` | `median` | `median` or `mean`: which average of a customer's amounts is what is usual |
# | `train.n_estimators`, `train.max_depth` | `40`, `6` | number and depth of the trees of the random forest |
# | `train.seed` | none | what the random forest begins from |
# | `evaluate.threshold` | `0.3` | a score of this or more is an alarm |
#
# How the checker looks at it: it reads `dvc.yaml` and `dvc.lock` and hashes the files itself. Then it takes your
# stages apart: in a copy, without a network, it makes a new empty folder for each stage, puts the declared
# dependencies and the declared parameters there, and runs the `cmd`. What the stage wrote, it hands to the next one.
# It does so for your parameters, then with some of them changed, then with other payments. A stage may take ten
# seconds of CPU time, and write 16 MiB. Neither git, nor DVC's folder, nor an environment variable of yours is there,
# so a script gets its parameters from `params.yaml` or from its command line (`${train.max_depth}` in a `cmd` works).
# `python` has the packages of this course. Write `dvc.yaml` without YAML anchors, `foreach` and `matrix`, and let
# `python` be called `python`.

# %% [markdown]
# ## Do
#
# What lies in this folder:
#
# | path | what it is |
# |---|---|
# | `data/payments.csv` | card payments of January to April, each with its label `is_fraud` |
# | `src/prepare.py` | splits them by month into `build/train.csv` and `build/test.csv` |
# | `src/features.py` | makes `build/train_features.csv` and `build/test_features.csv` of these |
# | `src/train.py` | trains a random forest and saves it as `build/model.joblib` |
# | `src/evaluate.py` | writes `scores.csv`, `metrics.json` and `curve.csv` (precision and recall by threshold) |
# | `src/common.py` | what they share |
# | `run_all.sh` | how the team runs it today |
#
# Open the scripts and read them; together they have fewer than a hundred lines. You may rewrite them, rename them,
# or split them further, as long as the end state is true. Each task below shows the tool on something else: two steps
# that convert amounts into euros, in a temporary folder. Run the next two cells to begin.

# %%
import os
import tempfile

os.environ["EXAMPLE"] = tempfile.mkdtemp(prefix="rates-")
os.environ["DVC_NO_ANALYTICS"] = "1"
_ = os.environ.pop("FORCE_COLOR", None)  # Jupyter sets it, and DVC would draw moving dots into the output

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# mkdir -p steps
# printf 'currency,amount\nUSD,10\nGBP,20\nPLN,400\nUSD,1\n' > payments.csv
# cat > steps/rates.py <<'END'
# RATES = {"USD": 0.92, "GBP": 1.17, "PLN": 0.23}
# END
# cat > steps/convert.py <<'END'
# import pandas as pd
# from rates import RATES
#
# payments = pd.read_csv("payments.csv")
# payments.assign(euros=payments["amount"] * payments["currency"].map(RATES)).to_csv("euros.csv", index=False)
# END
# cat > steps/report.py <<'END'
# import json
# import pandas as pd
#
# LARGE = 20
#
# euros = pd.read_csv("euros.csv")["euros"]
# json.dump({"payments": len(euros), "large": int((euros >= LARGE).sum())}, open("report.json", "w"))
# END
# python steps/convert.py
# python steps/report.py
# cat report.json

# %% [markdown]
# ### Task 1: Take the settings out of the code
#
# What counts as large stands in the middle of `report.py`. As long as it does, no tool can see that it changed, only
# that *something* in the script did. DVC reads parameters from a YAML file, by default `params.yaml`; a script reads
# the same file:

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# cat > params.yaml <<'END'
# report:
#   large: 20
# END
# cat > steps/report.py <<'END'
# import json
# import pandas as pd
# import yaml
#
# LARGE = yaml.safe_load(open("params.yaml"))["report"]["large"]
#
# euros = pd.read_csv("euros.csv")["euros"]
# json.dump({"payments": len(euros), "large": int((euros >= LARGE).sum())}, open("report.json", "w"))
# END
# python steps/report.py
# cat report.json

# %% [markdown]
# One section for each step is a custom, not a rule. It pays: a step that declares `report` gets all of its section.
#
# Now yours: write `params.yaml` with the six parameters of the table above, and let the four scripts read it. Look
# closely at `train.py`. It has two more faults, which you need not see yet; task 5 comes back to them.
#
# <details><summary>Hint</summary>
#
# Quote the month: `test_from: "2025-04"`. Without the quotes, YAML happens to read this one as a text as well, but
# `2025-04-01` would become a date, and comparing it with a text fails. In `train.py`, take the three values from
# `yaml.safe_load(Path("params.yaml").read_text())["train"]`; the seed is called `random_state` in scikit-learn. Do not
# put a default value into the code (`params.get("max_depth", 6)`): a parameter that is misspelt would never be missed.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "task-1", "locked": false, "schema_version": 3, "solution": true, "task": false}
# You can edit the files by hand and leave this cell as it is.
### BEGIN SOLUTION
from pathlib import Path

Path("params.yaml").write_text("""\
prepare:
  test_from: "2025-04"
features:
  usual: median
train:
  n_estimators: 40
  max_depth: 6
  seed: 7
evaluate:
  threshold: 0.3
""")


def edit(path, *changes):
    """Replace texts in a file, each of which must be there."""
    text = Path(path).read_text()
    for old, new in changes:
        assert old in text, f"{path} has no {old!r}"
        text = text.replace(old, new)
    Path(path).write_text(text)


PARAMS = 'yaml.safe_load(Path("params.yaml").read_text())'
edit(
    "src/prepare.py",
    ("import pandas as pd\n", "import pandas as pd\nimport yaml\n"),
    ('TEST_FROM = "2025-04"', f'TEST_FROM = {PARAMS}["prepare"]["test_from"]'),
)
edit(
    "src/features.py",
    ("import pandas as pd\n", "from pathlib import Path\n\nimport pandas as pd\nimport yaml\n"),
    ('USUAL = "median"', f'USUAL = {PARAMS}["features"]["usual"]'),
)
edit(
    "src/train.py",
    ("from datetime import datetime\n", "from datetime import datetime\nfrom pathlib import Path\n"),
    ("import pandas as pd\n", "import pandas as pd\nimport yaml\n"),
    ('train = pd.read_csv("build/train', f'params = {PARAMS}["train"]\ntrain = pd.read_csv("build/train'),
    ("n_estimators=40, max_depth=6", 'n_estimators=params["n_estimators"], max_depth=params["max_depth"]'),
)
edit(
    "src/evaluate.py",
    ("import pandas as pd\n", "import pandas as pd\nimport yaml\n"),
    ("THRESHOLD = 0.3", f'THRESHOLD = {PARAMS}["evaluate"]["threshold"]'),
)
### END SOLUTION

# %% [markdown]
# ### Task 2: Say what each step reads and writes
#
# A pipeline lives in a git repository with DVC, as on day 3. Then each step becomes a **stage** in `dvc.yaml`. The
# command `dvc stage add` writes one, and an editor does as well:

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# git init --quiet --initial-branch=main
# git config user.name "Rates Example"
# git config user.email "rates@example.invalid"
# dvc init --quiet
# echo __pycache__/ > .gitignore
# dvc stage add --quiet --name convert --deps steps/convert.py --deps payments.csv --outs euros.csv \
#   python steps/convert.py
# cat >> dvc.yaml <<'END'
#   report:
#     cmd: python steps/report.py
#     deps:
#     - steps/report.py
#     - euros.csv
#     params:
#     - report.large
#     metrics:
#     - report.json:
#         cache: false
# END
# cat dvc.yaml
# dvc dag

# %% [markdown]
# - **`deps`**: all that the stage reads. The data, and also the **script itself** and **what it imports**: when the
#   code changes, its results are out of date as well.
# - **`outs`**: what it writes. DVC deletes them before the stage runs, moves them into its cache afterwards, and
#   writes the `.gitignore` that keeps them out of git. An output belongs to one stage only.
# - **`params`**: keys of `params.yaml`. With `report.large`, a change of any other key leaves the stage alone. With
#   `report`, its whole section counts.
# - **`metrics`** and **`plots`** are outputs that DVC can show and compare. They are small, so teams often keep them in
#   git with `cache: false`, and reviewers see them in the diff. A plot may say what is drawn: `x`, `y`, `title`.
# - **Nobody writes the order down.** `report` depends on `euros.csv`, `convert` makes it: that is the order. What you
#   get is a graph and no list, so two stages that do not need each other may stand in any order.
#
# Did you see what is missing above? Keep it in mind until task 3.
#
# Now yours. Set up git and DVC, see to it that `data/payments.csv` does not get into git (day 3 has shown
# `dvc add`), and write `dvc.yaml` with the stages `prepare`, `features`, `train` and `evaluate`. Name for each all that
# it reads, and only that.
#
# <details><summary>Hint</summary>
#
# Go through one script after the other, and write down each path that it opens and each module of `src/` that it
# imports. `metrics.json` is a metric, `curve.csv` makes a good plot with `x: recall` and `y: precision`, and
# `scores.csv` is an output. If `dvc dag` draws lines that lead from `prepare` through all boxes to `evaluate`, the
# files fit together. If DVC says that an output is already tracked by git, you have committed it: `git rm --cached FILE`.
#
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-2", "locked": false, "schema_version": 3, "solution": true, "task": false}
# set -e
# ### BEGIN SOLUTION
# git init --quiet --initial-branch=main
# git config user.name "Fraud Team"
# git config user.email "fraud-team@example.invalid"
# dvc init --quiet
# dvc add --quiet data/payments.csv
# printf '%s\n' __pycache__/ .ipynb_checkpoints/ dvc_plots/ >> .gitignore
# cat > dvc.yaml <<'END'
# stages:
#   prepare:
#     cmd: python src/prepare.py
#     deps:
#     - src/prepare.py
#     - data/payments.csv
#     params:
#     - prepare.test_from
#     outs:
#     - build/train.csv
#     - build/test.csv
#   features:
#     cmd: python src/features.py
#     deps:
#     - src/features.py
#     - src/common.py
#     - build/train.csv
#     - build/test.csv
#     params:
#     - features.usual
#     outs:
#     - build/train_features.csv
#     - build/test_features.csv
#   train:
#     cmd: python src/train.py
#     deps:
#     - src/train.py
#     - src/common.py
#     - build/train_features.csv
#     params:
#     - train
#     outs:
#     - build/model.joblib
#   evaluate:
#     cmd: python src/evaluate.py
#     deps:
#     - src/evaluate.py
#     - src/common.py
#     - build/model.joblib
#     - build/test_features.csv
#     params:
#     - evaluate.threshold
#     outs:
#     - scores.csv
#     metrics:
#     - metrics.json:
#         cache: false
#     plots:
#     - curve.csv:
#         cache: false
#         title: Precision and recall of the alarms
#         x: recall
#         y: precision
# END
# dvc dag
# ### END SOLUTION

# %% [markdown]
# ### Task 3: Run it, and do not trust it yet
#
# `dvc repro` runs what is out of date, which at first is everything, and writes `dvc.lock`:

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# dvc repro
# echo "--- once more:"
# dvc repro
# echo "--- what it remembers of the second stage:"
# sed -n '/report:/,$p' dvc.lock
# git add .
# git commit --quiet --message "Describe the pipeline and run it"

# %% [markdown]
# `dvc.lock` is the memory: the command, the value of each parameter, the sum of each file. It belongs into the commit.
# Together with `dvc.yaml` and the code it says how every result came about, and `dvc pull` brings the bytes.
#
# Now change the exchange rates:

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# sed -i 's/1.17/0.50/' steps/rates.py
# dvc status

# %% [markdown]
# **Up to date**, says DVC, and it is wrong. `convert.py` imports `rates.py`, and nobody declared that. `run_all.sh`
# would have got it right. A pipeline that was not told everything is worse than none, since one believes it.
#
# How do you find what is missing? Run the stage where nothing else is: a new folder, the declared dependencies, the
# `cmd`. That is what `dvc repro` on a clean build machine, a container, or this checker would do.

# %% language="bash"
# cd "$EXAMPLE"
# alone=$(mktemp -d)
# cp --parents steps/convert.py payments.csv "$alone"
# (cd "$alone" && python steps/convert.py 2>&1 | tail -n 1)
# echo "--- with steps/rates.py among its deps:"
# sed -i 's|^    - steps/convert.py|    - steps/convert.py\n    - steps/rates.py|' dvc.yaml
# dvc repro --quiet
# git commit --quiet --all --message "Convert depends on the rates"
# cat report.json

# %% [markdown]
# Now run yours, look at the metrics, and commit what git shall know: `dvc.yaml`, `dvc.lock`, `params.yaml`, the code,
# and the small files that DVC wrote beside it. Then try the function in the next cell on each stage.
#
# <details><summary>Hint</summary>
#
# `dvc repro`, `dvc metrics show`, `git add .`, then `git status` before you commit: no file of `build/` and no
# `data/payments.csv` may be listed. DVC has written a `.gitignore` beside its outputs for that.
#
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-3", "locked": false, "schema_version": 3, "solution": true, "task": false}
# set -e
# ### BEGIN SOLUTION
# dvc repro
# dvc metrics show
# git add .
# git status --short
# git commit --quiet --message "Describe the fraud pipeline and run it"
# ### END SOLUTION

# %%
import shutil
import subprocess
from pathlib import Path

import yaml


def alone(name):
    """Run a stage where nothing is but what it declares; return the last line of its output, or what it wrote."""
    if not Path("dvc.yaml").is_file():
        return "there is no dvc.yaml yet"
    stage = yaml.safe_load(Path("dvc.yaml").read_text())["stages"][name]
    outs = [
        each if isinstance(each, str) else next(iter(each))
        for field in ("outs", "metrics", "plots")
        for each in stage.get(field, [])
    ]
    with tempfile.TemporaryDirectory() as folder:
        for path in [*stage["deps"], "params.yaml"]:
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if Path(path).is_dir():
                shutil.copytree(path, target, dirs_exist_ok=True)
            else:
                shutil.copy(path, target)
        for path in outs:
            Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(stage["cmd"], shell=True, cwd=folder, check=False, capture_output=True, text=True)
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
        return "wrote " + ", ".join(path if Path(folder, path).exists() else f"NO {path}" for path in outs)


alone("features")

# %% [markdown]
# This gives the stage the whole `params.yaml`. The checker is stricter: it leaves out the keys that the stage does not
# declare.
#
# ### Task 4: Change something, and see what runs
#
# Before you run anything, ask what would run:

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# sed -i 's/large: 20/large: 100/' params.yaml
# dvc status
# dvc repro
# echo "--- against the last commit:"
# dvc metrics diff
# dvc params diff

# %% [markdown]
# `convert` was skipped. Now change it back: DVC does not even run `report`, it takes the result out of its **run
# cache**, where it keeps what every stage ever made of which inputs.
#
# | you want to | command | remark |
# |---|---|---|
# | run what is out of date | `dvc repro` | all stages before it included |
# | run a stage whatever DVC thinks | `dvc repro --force --single-item train` | without `--single-item`, all that it depends on runs as well |
# | see the plan only | `dvc status`, `dvc repro --dry` | `--dry` of DVC 3.67 may say `is cached` of a stage that it would have to run |
# | never run a stage again | `frozen: true` in `dvc.yaml`, `dvc freeze` | DVC then believes its outputs, whatever changes before it. For a download that shall stay as it is |
# | always run a stage | `always_changed: true` | it asks a server what is new, say. All that comes after it runs if it wrote something else |
# | try values without a commit for each | `dvc exp run --set-param train.max_depth=4` | runs the pipeline, keeps the result as an experiment; `dvc exp show` is a table of them, `dvc exp apply` takes one over |
# | keep the run cache on the remote | `dvc push --run-cache` | a colleague or a build machine need not run what you have run |
#
# Now yours. Change `evaluate.threshold`, see that only `evaluate` would run, and run it. Then change a parameter of
# `train`. Keep the values that you like best, and commit `params.yaml` together with `dvc.lock` and the metrics. If a
# stage runs that has no use for your change, it declares too much.
#
# <details><summary>Hint</summary>
#
# `dvc metrics diff` compares with the last commit, so look before you commit. Which threshold is best is a question of
# money: a missed fraud costs its amount, a false alarm costs a phone call. Higher means fewer alarms, more precision,
# and less recall.
#
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-4", "locked": false, "schema_version": 3, "solution": true, "task": false}
# set -e
# ### BEGIN SOLUTION
# sed -i 's/threshold: 0.3/threshold: 0.2/' params.yaml
# dvc status
# dvc repro
# dvc metrics diff
# git commit --quiet --all --message "Alarm from a score of 0.2 on: more frauds found, for more calls"
# ### END SOLUTION

# %% [markdown]
# ### Task 5: The same inputs, the same bytes
#
# DVC compares sums. A stage that writes the time of day into its output, or draws at random without a seed, writes
# other bytes each time, and all that comes after it runs again for nothing. Worse, the number in the slide cannot be
# made again:

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# cat >> steps/convert.py <<'END'
# from datetime import datetime
# open("euros.csv", "a").write(f"# made at {datetime.now()}\n")
# END
# for attempt in 1 2; do
#   python steps/convert.py
#   md5sum euros.csv
#   sleep 1
# done
# git checkout --quiet steps/convert.py
# python steps/convert.py

# %% [markdown]
# Where time and commit are wanted, they belong into a log or into the experiment tracker (day 8), and not into an
# output. Random numbers are fine, as long as their seed is a parameter.
#
# Now look for it in yours: run `train` twice with `dvc repro --force --single-item train`, and compare what `dvc.lock`
# says of `build/model.joblib`. `src/train.py` has two reasons for what you see. Mend both, run the pipeline, and commit
# everything for the last time.
#
# <details><summary>Hint</summary>
#
# `git diff dvc.lock` after the second run shows the sum before and after. Does anybody read `trained_at`? And what
# does `RandomForestClassifier` do with the seed that stands in `params.yaml`?
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "task-5", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
edit(
    "src/train.py",
    ("from datetime import datetime\n", ""),
    ('max_depth=params["max_depth"]', 'max_depth=params["max_depth"], random_state=params["seed"]'),
    ('{"model": forest, "trained_at": datetime.now().isoformat()}', '{"model": forest}'),
)
### END SOLUTION

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-5-run", "locked": false, "schema_version": 3, "solution": true, "task": false}
# set -e
# ### BEGIN SOLUTION
# dvc repro
# md5sum build/model.joblib
# dvc repro --quiet --force --single-item train
# md5sum build/model.joblib
# git commit --quiet --all --message "Train with the seed of params.yaml, and keep the time out of the model"
# dvc status
# git status --short
# ### END SOLUTION

# %% [markdown]
# ## Look
#
# The graph, and the metrics of all commits. `dvc plots show` and `dvc plots diff HEAD~1` write a page
# `dvc_plots/index.html` that you can open in a browser; put `dvc_plots/` into `.gitignore`.

# %% language="bash"
# dvc dag
# dvc metrics show --all-commits 2>/dev/null || dvc metrics show

# %% [markdown]
# Metrics and plots with `cache: false` lie in git, so each version of the curve can be read with git alone:

# %%
import io

import matplotlib.pyplot as plt
import pandas as pd

command = ["git", "log", "--reverse", "--format=%h %s", "--", "curve.csv"]
revisions = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
figure, axes = plt.subplots(figsize=(7, 4))
for line, style in zip(revisions[-4:], ["-", "--", ":", "-."], strict=False):
    revision, subject = line.split(" ", 1)
    shown = subprocess.run(["git", "show", f"{revision}:curve.csv"], capture_output=True, text=True, check=False)
    if shown.returncode == 0:
        curve = pd.read_csv(io.StringIO(shown.stdout))
        axes.plot(curve["recall"], curve["precision"], marker="o", linestyle=style, label=f"{revision}: {subject[:40]}")
axes.set_xlabel("recall: share of the frauds that raise an alarm")
axes.set_ylabel("precision: share of the alarms that are frauds")
axes.set_title("Precision and recall in each committed version")
if axes.lines:
    axes.legend(loc="lower left")
plt.show()

# %% [markdown]
# ## Check
#
# The checker reproduces your pipeline nine times, as far as it must, so this takes some seconds. In a terminal:
# `checker grade 4`.

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# Your instructor reads these two answers. A few sentences each.
#
# **1.** A colleague's first stage has the `cmd` `python src/load.py`, which asks the bank's database for "all payments
# of the last 90 days" and writes `data/payments.csv`. Its only dependency is the script. What does `dvc repro` do
# tomorrow, and why? Name two ways to set this up so that tomorrow's data come in, and so that the model of today can
# still be made again.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Nothing: the script and the command are the same, so the stage counts as up to date, although the database has
# changed. The database is a dependency that DVC cannot see, and "the last 90 days" depends on the clock. Ways: make
# the day a parameter (`load.until: 2025-04-30`), so that changing it is what makes the stage run, and the same day
# gives the same query; take the load out of the pipeline, let a scheduled job write dated snapshots that DVC tracks
# (`dvc add`, or `dvc import-url` with `dvc update` where the source is a file or an object), and let the pipeline
# begin with them; `always_changed: true` brings new data, but each run then sees other data, and only what lies in the
# cache under the committed sum can be had again.
#
# **Rubric** 1 mark: nothing runs, because neither database nor clock is declared. 1 mark for two workable ways, of
# which at least one keeps the old state reproducible (half a mark for `always_changed` or `--force` alone).

# %% [markdown]
# **2.** You review a merge request: `dvc.lock` has changed, and `metrics.json` shows a precision that is better by a
# tenth. All sums in `dvc.lock` fit the files. Why does that not prove that the pipeline made these numbers? What would
# you let the build machine do with each merge request, and what does that cost?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Sums only say that lock file and files belong together. Anybody can write both: edit `metrics.json`, then
# `dvc commit --force`, or type the sum. Code that reads something that is not declared, or a run with local changes,
# also gives files that fit. The build machine checks out the commit into a clean folder, pulls the data, runs
# `dvc repro --force` (or at least the stages that the change touches, without the author's run cache), and compares
# `dvc.lock` with the committed one: a difference fails the build. That needs deterministic stages and costs a whole
# run each time, so where training takes hours one reruns evaluation for each merge request, and all of it every
# night or before a release, on the same kind of machine.
#
# **Rubric** 1 mark: consistent sums can be written by hand or by `dvc commit`, so they show that files belong
# together, not where they come from. 1 mark: reproduce from a clean checkout and compare, with one word on its
# cost and how to bound it.

# %% [markdown]
# ## Go further
#
# **The same idea in other tools.**
#
# | tool | what makes a step run | where results go | take it when | what it does not do |
# |---|---|---|---|---|
# | make | a file that is older than what it depends on | files, where they lie | code is compiled, few steps, everywhere at hand | it looks at times and not at content: `touch` or a fresh `git clone` makes it run or skip the wrong things; no parameters, no cache |
# | Snakemake | times, and since version 7 also changed code, parameters, inputs and software environment | files | many samples through the same steps, on a cluster (it comes from bioinformatics); rules with wildcards | it does not version the data |
# | DVC pipelines | changed content, commands, parameters | DVC's cache, named in git | one repository, code and data change together, results shall be compared between commits | no schedule, no retries, no workers; stages of one `dvc repro` run one after the other |
# | `dvc exp` | the same pipeline with other parameters | hidden git references, shared with `dvc exp push` | tens of trials, one table, no server | no live curves in the browser of everybody: that is an experiment tracker, day 8 |
# | Kedro | you run it, whole or from a node on | a data catalog in YAML | Python functions as nodes, one structure for many projects | it sees whether an output is there (`--only-missing-outputs`), not whether it is up to date |
# | Airflow | a schedule, a finished task or an updated asset | wherever your tasks put them | each night, with retries, alarms, backfills, and people on call. Day 14 | it does not know whether the data changed, unless you tell it |
# | Dagster | a schedule, a sensor, or an asset that is out of date by its code version and its inputs | input and output managers | data assets with lineage, and checks on them. Day 14 | it is a service to run |
# | Kubeflow Pipelines (kfp) | you or a schedule; a step with the same component and inputs comes from the cache | an object store, with ML metadata | each step in its own container on a cluster. Day 15 | small steps: a container each costs seconds |
#
# They meet in the middle: teams let Airflow or a build machine call `dvc repro` at night. The first says **when**, the
# second says **what**.
#
# **What a big installation does differently**
#
# - Each step runs in a container that holds its declared inputs and nothing else, without a network. What is not
#   declared is not there: Bazel calls it hermetic, and it is what this checker did with your stages.
# - The cache is shared by all: a step that anybody has run with the same inputs is not run again (the key is made of
#   image, command, parameters and sums of the inputs, as DVC's run cache does it).
# - Data do not fit into a folder. Stages read and write tables by version (day 5), and what travels between them
#   are names and sums.
# - The lineage is written down by the tool and not by people (OpenLineage, ML Metadata), so that "which models have
#   seen this wrong month?" is a query.
#
# **Try it**
#
# 1. `dvc exp run --queue --set-param 'train.max_depth=2,4,8'`, then `dvc exp run --run-all` and `dvc exp show`. Which
#    stages ran for the three of them?
# 2. Delete `build/` and all of `scores.csv`, then run `dvc checkout`. What had to be computed?
# 3. Delete the outputs **and** `dvc.lock`, then run `dvc repro`. Why is it so fast? And with `--no-run-cache`?
# 4. Write the same four steps as a `Makefile`. What do you do about a changed threshold?
