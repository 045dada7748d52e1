# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] nbgrader={"grade": false, "grade_id": "title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Day 10: A stranger's run (broken)
#
# *About 75 minutes. You need the platform (`infra up`): the run that you investigate lies on the MLflow server.*

# %% [markdown] nbgrader={"grade": false, "grade_id": "why", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Why
#
# In July a colleague of the card-fraud team made the June review: a forest learned from five months of payments, and
# gave each payment of June a score. Some customers were called, some cards were blocked. The colleague has since moved
# to another department.
#
# Now internal audit asks for one thing: *make these scores again*. Nobody doubts them. It is what auditors do: they
# take one decision and ask you to show how it came about.
#
# Everything seems to be there. The code is in git. The data are in DVC. The run is in MLflow, with its parameters, its
# metrics and the commit that it was made of. The team has done what days 3 and 8 taught. You run the command, and the
# scores are other ones.
#
# Something was not versioned. In this workspace it is **three things**, out of six that could be. The learner beside
# you may have three others.
#
# What does "the same" mean? People mean three different things, and it is worth asking which:
#
# | word | what is equal | what it is good for |
# |---|---|---|
# | bitwise | every score, to the last digit | finding causes: either it is equal or something differs. Today's measure, within 1e-9 |
# | statistical | metrics within what chance does to them | another machine, a GPU, another release of a library |
# | the conclusion | "the new model is better", "these customers are called" | another team, other data. Science calls it replication |
#
# The weaker kinds are what one usually needs. The strict kind is what one investigates with, since a difference of
# 0.003 in a metric can be chance or a wrong month of data, and nobody sees which.

# %% [markdown] nbgrader={"grade": false, "grade_id": "end-state", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## End state
#
# This is the whole contract. How you get there is up to you: this notebook, a terminal, an editor.
#
# <!-- end state -->
#
# The six suspects. A cause is something for which **the project, as you were given it, cannot give what the run had**.
#
# | `cause` | what it means | what to write as `run_used` |
# |---|---|---|
# | `data` | one of the months is tracked in another version than the one that the run read | the MD5 sum of that file as the run read it; six digits or more |
# | `parameter` | the run used another value than `params.yaml` says | name and value, such as `max_features=3` |
# | `library` | the project lets in another release of `riskkit` than the run had | the version that it had |
# | `seed` | the seed of the forest is kept nowhere in the project, and drawn anew each time | the number |
# | `order` | in which order the training months are read is not said in the project, and the machine decides | the months in the order in which the run read them |
# | `future` | a feature counts the payments of whatever files lie in `data/`, also those that came after the review | the last month whose payments it counted |
#
# The column `evidence` is for whoever reads your findings: in a few words, where one sees it.
#
# What must stay as it was given: the command `python -m fraudrun` without further words, the months as
# `data/2025-01.csv` and so on, the two files that it writes and their columns. Everything else, you may write in another
# way. Notebook, ticket and `out/` are left out of git by the `.gitignore` that you were given.

# %% [markdown] nbgrader={"grade": false, "grade_id": "do", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Do
#
# Your workspace is the colleague's project. `ticket.md` says what is wanted, `README.md` what the project is. The six
# months of the run, and July, lie in `data/`.
#
# Each task shows the tools once on something else: a baker who wants to know how last week's number of loaves came
# about. Then it is your turn with the June review.

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": false, "schema_version": 3, "solution": false, "task": false}
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import mlflow
import pandas as pd
import yaml

os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
os.environ["DVC_NO_ANALYTICS"] = "1"
os.environ["EXAMPLE"] = str(Path(tempfile.mkdtemp(prefix="loaves-"), "bakery"))
os.environ.pop("FORCE_COLOR", None)  # Jupyter sets it, and DVC would draw moving dots into the output
print("The run lies on", mlflow.get_tracking_uri())
print(Path("ticket.md").read_text())

# %% [markdown] nbgrader={"grade": false, "grade_id": "task1", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 1: Read what the run recorded
#
# Secure the evidence first, and touch nothing. A run in MLflow is what is left of a moment: what went in (parameters,
# datasets), what came out (metrics, artifacts), and what it was made of (the tag `mlflow.source.git.commit`).
#
# The baker's project has two commits. The run was made of the first one. The next cells make all that.

# %% language="bash" nbgrader={"grade": false, "grade_id": "example1-repository", "locked": false, "schema_version": 3, "solution": false, "task": false}
# set -e
# rm -rf "${EXAMPLE:?}" && mkdir "$EXAMPLE" && cd "$EXAMPLE"
# git init --quiet --initial-branch=main
# git config user.name "Bakery" && git config user.email "bakery@example.invalid"
# cat > loaves.py <<'END'
# import json
# import sys
#
# RAIN = 0.9
# sales = [112, 96, 130, 121, 88, 140, 125]
# days = int(sys.argv[1]) if len(sys.argv) > 1 else 7
# recent = sales[-days:]
# print(json.dumps({"loaves": round(sum(recent) / len(recent) * RAIN, 3)}))
# END
# git add loaves.py && git commit --quiet --message "Bake for the coming day"
# git tag run && python loaves.py 3 > ../output.json
# sed -i.old 's/RAIN = 0.9/RAIN = 0.8/' loaves.py && rm loaves.py.old
# git commit --quiet --all --message "Rain is worse than we thought"
# git log --oneline

# %% nbgrader={"grade": false, "grade_id": "example1-run", "locked": false, "schema_version": 3, "solution": false, "task": false}
bakery = os.environ["EXAMPLE"]


def git(*words, folder="."):
    """What git says."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


mlflow.set_experiment("day10-scratch")
with mlflow.start_run(run_name="loaves") as baked:
    mlflow.log_param("days", 3)
    mlflow.set_tag("mlflow.source.git.commit", git("rev-parse", "run", folder=bakery))
    mlflow.log_artifact(str(Path(bakery, "..", "output.json")))
    mlflow.log_metric("loaves", json.loads(Path(bakery, "..", "output.json").read_text())["loaves"])

# From here on, we know nothing but the run's id.
old = mlflow.get_run(baked.info.run_id)
print("params   ", old.data.params)
print("metrics  ", old.data.metrics)
print("commit   ", old.data.tags["mlflow.source.git.commit"][:8])
for artifact in mlflow.artifacts.list_artifacts(run_id=old.info.run_id):
    print("artifact ", artifact.path, artifact.file_size)
kept = mlflow.artifacts.download_artifacts(run_id=old.info.run_id, dst_path=str(Path(bakery, "..", "kept")))
print(Path(kept, "output.json").read_text())

# %% [markdown] nbgrader={"grade": false, "grade_id": "task1-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# In a terminal, `mlflow runs describe --run-id ID` prints all of it as JSON, and the MLflow page shows it as tables.
# What the run read stands under `run.inputs.dataset_inputs`: each has a `dataset` with `name` and `digest`. This team
# logged DVC's MD5 sum as the digest.
#
# **Your turn.** Get the colleague's run by the id in `ticket.md`. Print its parameters, metrics, tags and datasets, and
# download its artifacts into `out/colleague`. Then read `run.log` and `environment.txt` slowly. Which of it would you
# look for in vain in the repository?
#
# <details><summary>Hint</summary>
#
# `re.search(r"id `([0-9a-f]+)`", ...)` finds the id in the text of the ticket. `out/` is in `.gitignore`, so what you
# put there stays out of your commits.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution1", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
RUN_ID = re.search(r"id `([0-9a-f]+)`", Path("ticket.md").read_text())[1]
run = mlflow.get_run(RUN_ID)
print("params ", run.data.params)
print("metrics", run.data.metrics)
print("tags   ", {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.log")})
digests = {each.dataset.name: each.dataset.digest for each in run.inputs.dataset_inputs}
for name, digest in digests.items():
    print("dataset", name, digest)
Path("out").mkdir(exist_ok=True)
COLLEAGUE = Path(mlflow.artifacts.download_artifacts(run_id=RUN_ID, dst_path="out/colleague"))
for name in ("run.log", "environment.txt"):
    print(f"--- {name}")
    print((COLLEAGUE / name).read_text())
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task2", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 2: Make it again, and measure how far off you are
#
# Before you look for causes you need two things: a way to run it, and a number that says how far you are. "It looks
# about right" finds nothing. And do not experiment in the repository that is the evidence: a **worktree** is a second
# folder of the same repository at another commit.

# %% language="bash" nbgrader={"grade": false, "grade_id": "example2", "locked": false, "schema_version": 3, "solution": false, "task": false}
# set -e
# cd "$EXAMPLE"
# git worktree add --quiet ../then-$$ run
# echo "recorded: $(cat ../kept/output.json)"
# echo "today:    $(python loaves.py)"
# echo "then:     $(cd ../then-$$ && python loaves.py)"
# git worktree remove ../then-$$

# %% [markdown] nbgrader={"grade": false, "grade_id": "task2-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# The commit that the run names does not give the recorded number either. So at least two things differ: one that
# changed since that commit, and one that was never in a commit.
#
# A worktree of your project has the pointers of DVC and not the data. `dvc pull` in it gets what the pointers of that
# commit name; it needs to be told where the remote is, since `.dvc/config` has a path that starts in the project:
#
# ```sh
# git worktree add ../then COMMIT
# cd ../then
# dvc remote modify --local storage url /path/to/your/workspace/dvc-remote
# dvc pull
# python -m fraudrun
# ```
#
# **Your turn.** Run the project as it was given to you, and write a function that compares two `predictions.csv`: how
# many scores differ, and by how much at most. Run it twice: does it even agree with itself?
#
# <details><summary>Hint</summary>
#
# Join on `transaction_id` and look at `(a - b).abs()`. In a notebook, `!python -m fraudrun` runs the command. It prints
# the same kind of lines as `run.log`: lay the two side by side, `diff` is a good detective.
#
# If two runs in a row differ, you have found something already. If they agree, nothing is cleared: what the machine
# decides is often the same on the same machine.
# </details>


# %% nbgrader={"grade": false, "grade_id": "solution2", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
def review():
    """Run the project; return what it printed."""
    done = subprocess.run([sys.executable, "-m", "fraudrun"], capture_output=True, text=True, check=False)
    print(done.stderr[-500:], end="")
    return done.stdout


def apart():
    """How many scores differ from the colleague's, and by how much at most."""
    both = pd.read_csv(COLLEAGUE / "predictions.csv").merge(
        pd.read_csv("out/predictions.csv"), on="transaction_id", suffixes=("_then", "_now")
    )
    differences = (both["score_then"] - both["score_now"]).abs()
    return int((differences > 1e-9).sum()), differences.max()


log_now = review()
print(log_now)
print("scores that differ, and the largest difference:", apart())
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task3", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 3: Find the three causes
#
# Now the investigation. Four questions lead to most causes, and each has its command:
#
# | question | command |
# |---|---|
# | What changed since the commit of the run? | `git diff --stat COMMIT HEAD`, `git log --oneline COMMIT..HEAD` |
# | When did this line, or this sum, come or go? | `git log -S TEXT --oneline -- FILE` |
# | Which data belonged to that commit? | `dvc diff COMMIT HEAD`, `dvc get . data/x.csv --rev COMMIT -o /tmp/x.csv` |
# | What did the run have that no commit says? | compare the run's parameters and artifacts with the files, one by one |
#
# A difference is not yet a cause. `git diff` may show ten of them, and most are innocent: a release that nobody uses,
# a month that nobody reads. So change **one thing at a time**, and measure:

# %% language="bash" nbgrader={"grade": false, "grade_id": "example3", "locked": false, "schema_version": 3, "solution": false, "task": false}
# set -e
# cd "$EXAMPLE"
# git log -S "RAIN = 0.9" --oneline -- loaves.py
# recorded=$(cat ../kept/output.json)
# python loaves.py > now.json
# sed 's/RAIN = 0.8/RAIN = 0.9/' loaves.py > rain.py && python rain.py > rain.json
# python loaves.py 3 > days.json
# python rain.py 3 > both.json
# echo "recorded $recorded"
# for name in now rain days both; do echo "$name $(cat $name.json)"; done
# rm ./*.json rain.py

# %% [markdown] nbgrader={"grade": false, "grade_id": "task3-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Neither change alone gives the recorded number. Both together do. That is the usual case, and it is why guessing
# fails: with three causes, mending one of them may even lead further away. Only what you *know* from the record can be
# set, one after the other, until the difference is zero.
#
# The traps:
#
# - **A parameter in MLflow is what the run used. A parameter in `params.yaml` is what the next run will use.**
# - **A commit in a tag says what was checked out,** not that nothing was changed beside it, nor what was typed after
#   the command.
# - **An open requirement has no version.** `riskkit` means "whatever is newest when you look".
# - **A folder is not a dataset.** Code that reads "all files in `data/`" reads something else next month. In a review of
#   the past, such a feature knows the future.
# - **A machine has an order of its own.** `glob`, `os.listdir`, a `set`, a query without `ORDER BY`: none promises one.
#
# **Your turn.** Go through the six suspects of the table above. Clear those that are innocent, and write `findings.csv`
# with the three others: `cause`, `run_used`, `evidence`.
#
# <details><summary>Hint: where to look first</summary>
#
# Begin with the datasets: compare the six digests with the `md5` in `data/*.dvc`. Then the parameters with
# `params.yaml`, line by line. Then `run.log` and `environment.txt` with what your own run prints. Every suspect can be
# cleared, or not, by one such comparison and a look at one short file of the package.
# </details>
# <details><summary>Hint: innocent or not?</summary>
#
# A corrected file is innocent if the run read the corrected one. A new release is innocent if `requirements.txt` names
# the old one. A seed is innocent if `params.yaml` has it. An order is innocent if the code reads the months as
# `params.yaml` lists them. A new month is innocent if the code says up to when it counts.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution3", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
params = yaml.safe_load(Path("params.yaml").read_text())
log = (COLLEAGUE / "run.log").read_text()
used = {}

for path, digest in digests.items():
    if yaml.safe_load(Path(f"{path}.dvc").read_text())["outs"][0]["md5"] != digest:
        used["data"] = (f"{path} {digest}", f"dataset of the run; {path}.dvc has another sum")
for name in ("n_estimators", "max_depth", "min_samples_leaf"):
    if int(run.data.params[name]) != params["train"][name]:
        used["parameter"] = (
            f"{name}={run.data.params[name]}",
            f"params of the run; params.yaml: {params['train'][name]}",
        )
if "==" not in Path("requirements.txt").read_text():
    release = re.search(r"riskkit==(\S+)", (COLLEAGUE / "environment.txt").read_text())[1]
    used["library"] = (release, "environment.txt of the run; requirements.txt names no version")
if "seed" not in params["train"]:
    used["seed"] = (run.data.params["seed"], "params of the run; fraudrun/model.py takes the clock")
months = re.findall(r"read (\S+)\.csv", log)[:-1]
if "glob" in Path("fraudrun/data.py").read_text():
    used["order"] = (" ".join(months), "run.log; fraudrun/data.py takes the order of the folder")
if "known_until" not in params.get("features", {}):
    last = re.search(r"to (\S+)", log)[1]
    used["future"] = (last[:7], "run.log: usual amounts; fraudrun/features.py reads all files in data/")

with open("findings.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["cause", "run_used", "evidence"])
    writer.writerows([cause, *said] for cause, said in used.items())
print(Path("findings.csv").read_text())
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task4", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 4: Mend it, and commit
#
# A mend is more than the right number. "Call it with `--set train.max_depth=8`" gives the right number today, and it is
# again something that somebody has to remember. What the run depends on must stand in files that git has, or in
# pointers that git has.
#
# | cause | mended means |
# |---|---|
# | data | the pointer in the last commit names the bytes that the run read |
# | parameter | `params.yaml` says what the run used |
# | library | one release is named, and no newer one is let in, however close its number is |
# | seed | the number stands in a file, and the code takes it from there |
# | order | the order stands in a file or in the code |
# | future | the code counts nothing from after the day on which the review was made, whatever lies there |
#
# Do not go back to the old commit. What came since is right for next month: July, the new release, perhaps a corrected
# file. Add your commits on top of the history.
#
# The baker mends two things in one commit, and tries it in a clone, since a clone has nothing but what was committed:

# %% language="bash" nbgrader={"grade": false, "grade_id": "example4", "locked": false, "schema_version": 3, "solution": false, "task": false}
# set -e
# cd "$EXAMPLE"
# sed -i.old -e 's/RAIN = 0.8/RAIN = 0.9/' -e 's/else 7/else 3/' loaves.py && rm loaves.py.old
# git commit --quiet --all --allow-empty --message "Bake as the run did: three days, and the first factor for rain"
# git clone --quiet . ../clone-$$
# (cd ../clone-$$ && python loaves.py)
# cat ../kept/output.json

# %% [markdown] nbgrader={"grade": false, "grade_id": "task4-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# **Your turn.** Mend the three causes, run, compare: no score may differ. Then commit, together with `findings.csv`, and
# say in the message what was not versioned. Git wants to know who you are: `git config user.name` and `user.email`.
#
# <details><summary>Hint: data</summary>
#
# The sum that the run recorded stood in an earlier commit: `git log -p -- data/2025-03.csv.dvc`. Take that pointer with
# `git checkout COMMIT -- data/2025-03.csv.dvc`, then `dvc pull data/2025-03.csv.dvc` brings the bytes, and the commit
# makes it last.
# </details>
# <details><summary>Hint: parameter, library, seed</summary>
#
# `params.yaml` is the place for parameter and seed; the code must read the seed from there, and not ask the clock. In
# `requirements.txt`, `==` names one version, and `~=` or `<` do not.
# </details>
# <details><summary>Hint: order, future</summary>
#
# `params.yaml` has a list of the training months. A list has an order: write it as the run had it, and build the paths
# from the list instead of asking the folder. For the feature, drop the payments with a `timestamp` that was not known
# yet, after reading and before counting: as texts in this form, timestamps can be compared.
# </details>
# <details><summary>Hint: it is close and not equal</summary>
#
# Then something is still missing, or was mended with another value. Compare the lines that your run prints with
# `run.log` once more, and `riskkit` is among them.
# </details>


# %% nbgrader={"grade": false, "grade_id": "solution4", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
def change(path, *pairs):
    """Replace texts in a file."""
    text = Path(path).read_text()
    for old_text, new_text in pairs:
        assert old_text in text, (path, old_text)
        text = text.replace(old_text, new_text)
    Path(path).write_text(text)


if "data" in used:
    path, digest = used["data"][0].split()
    for commit in git("log", "--format=%h", "--", f"{path}.dvc").split():
        if digest in git("show", f"{commit}:{path}.dvc"):
            git("checkout", commit, "--", f"{path}.dvc")
    subprocess.run(["dvc", "pull", "--quiet", f"{path}.dvc"], check=True)
if "parameter" in used:
    name, value = used["parameter"][0].split("=")
    change("params.yaml", (f"{name}: {params['train'][name]}\n", f"{name}: {value}\n"))
if "library" in used:
    change("requirements.txt", ("riskkit", f"riskkit=={used['library'][0]}"))
if "seed" in used:
    change("params.yaml", ("score:\n", f"  seed: {used['seed'][0]}\nscore:\n"))
    change("fraudrun/model.py", ("int(time.time()) % 100_000", 'params["seed"]'), ("import time\n\n", ""))
if "order" in used:
    in_order = ", ".join(f'"{month}"' for month in months)
    change("params.yaml", (Path("params.yaml").read_text().split("months: ")[1].split("\n")[0], f"[{in_order}]"))
    change(
        "fraudrun/data.py",
        (
            '[path for path in Path(folder).glob("*.csv") if path.stem in months]',
            '[Path(folder, f"{month}.csv") for month in months]',
        ),
    )
if "future" in used:
    change("params.yaml", ('  month: "2025-06"\n', '  month: "2025-06"\nfeatures:\n  known_until: "2025-07-01"\n'))
    change(
        "fraudrun/features.py",
        (
            "    first, last =",
            '    history = history[history["timestamp"] < params["features"]["known_until"]]\n    first, last =',
        ),
    )

print(review())
print("scores that differ, and the largest difference:", apart())
git("config", "user.name", "Fraud Team")
git("config", "user.email", "fraud-team@example.invalid")
git("add", "--update", ".")
git("add", "findings.csv")
git("commit", "--message", f"Make the June review reproducible: {', '.join(used)} were not versioned")
print(git("log", "--oneline", "-3"))
print(git("status", "--short") or "nothing is left to commit")
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "task5", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Task 5: Leave a record that the next one can use
#
# A reproduction that nobody can find is made again next year. It belongs where the first run is, and it says what the
# first one did not. Runs are linked by tags; there is no other link between runs that are not parent and child.

# %% nbgrader={"grade": false, "grade_id": "example5", "locked": false, "schema_version": 3, "solution": false, "task": false}
with mlflow.start_run(run_name="loaves, made again"):
    mlflow.set_tag("reproduces", baked.info.run_id)
    mlflow.set_tag("git_commit", git("rev-parse", "HEAD", folder=bakery))
    mlflow.log_params({"days": 3, "rain": 0.9})
    done = subprocess.run([sys.executable, "loaves.py"], cwd=bakery, check=True, capture_output=True, text=True)
    mlflow.log_metrics(json.loads(done.stdout))
print(done.stdout)

# %% [markdown] nbgrader={"grade": false, "grade_id": "task5-yours", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Why a tag of your own for the commit? MLflow sets `mlflow.source.git.commit` by itself when a *script* in a repository
# starts a run. From a notebook it does not, and nobody notices until the day when it is needed. And it never says
# whether there were changes that were not committed. Ask `git status --porcelain` for that, and refuse to train when it
# prints something.
#
# **Your turn.** Log a run into the experiment `day10-strangers-run`: the tags `reproduces` and `git_commit`, the
# parameters `n_estimators`, `max_depth`, `min_samples_leaf` and `seed`, and the metrics `average_precision` and
# `log_loss` of your mended run. Keep beside it what the run was made of: the scores, `requirements.txt`, `params.yaml`, and DVC's pointers.
#
# <details><summary>Hint</summary>
#
# `mlflow.set_experiment("day10-strangers-run")` first. `out/metrics.json` has the metrics, `params.yaml` the parameters.
# Commit before you log: the commit that you name must be yours. `mlflow.log_artifact("requirements.txt")` keeps a file.
# </details>

# %% nbgrader={"grade": false, "grade_id": "solution5", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
train = yaml.safe_load(Path("params.yaml").read_text())["train"]
metrics = json.loads(Path("out/metrics.json").read_text())
mlflow.set_experiment("day10-strangers-run")
with mlflow.start_run(run_name="june-review, made again"):
    mlflow.set_tags({"reproduces": RUN_ID, "git_commit": git("rev-parse", "HEAD")})
    mlflow.log_params({name: train[name] for name in ("n_estimators", "max_depth", "min_samples_leaf", "seed")})
    mlflow.log_param("months", " ".join(train["months"]))
    mlflow.log_metrics({name: metrics[name] for name in ("average_precision", "log_loss")})
    for path in ("out/predictions.csv", "requirements.txt", "params.yaml", "findings.csv"):
        mlflow.log_artifact(path)
    for pointer in sorted(Path("data").glob("*.dvc")):
        mlflow.log_artifact(str(pointer), "data")
### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "look", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Look
#
# Open the page of the experiment (the next cell prints its address), mark both runs and press **Compare**. Parameters
# that are equal are shown as equal. Which rows would have told you of the causes at once, had the colleague's run had
# them?

# %% nbgrader={"grade": false, "grade_id": "look-page", "locked": false, "schema_version": 3, "solution": false, "task": false}
experiment = mlflow.get_experiment_by_name("day10-strangers-run")
print(f"{mlflow.get_tracking_uri().rstrip('/')}/#/experiments/{experiment.experiment_id}")
runs = mlflow.search_runs([experiment.experiment_id], order_by=["start_time"])
told = [name for name in runs if name.startswith(("params.", "metrics.", "tags.reproduces", "tags.git_commit"))]
runs.set_index("tags.mlflow.runName")[told].T

# %% [markdown] nbgrader={"grade": false, "grade_id": "look-history", "locked": true, "schema_version": 3, "solution": false, "task": false}
# And what git tells now. A colleague who reads this in a year needs no notebook of yours:

# %% language="bash" nbgrader={"grade": false, "grade_id": "look-git", "locked": false, "schema_version": 3, "solution": false, "task": false}
# git log --stat --format='%h %ad %an: %s' --date=short -2
# echo "--- params.yaml"
# cat params.yaml

# %% [markdown] nbgrader={"grade": false, "grade_id": "check", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Check
#
# The checker takes the files of your last commit, lays the months of the run beside them, and runs your command: as it
# is, with newer releases and a month more, and with payments that nobody has seen. It makes the colleague's scores
# itself and believes neither your `out/` nor the artifact.

# %% nbgrader={"grade": false, "grade_id": "check-load", "locked": false, "schema_version": 3, "solution": false, "task": false}
# %load_ext checker

# %% nbgrader={"grade": false, "grade_id": "check-run", "locked": false, "schema_version": 3, "solution": false, "task": false}
# %check

# %% [markdown] nbgrader={"grade": false, "grade_id": "reflect", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Reflect
#
# **Question 1.** For each of your three causes: who could have prevented it, and by what, so that it does not depend on
# anybody's memory? Name a mechanism, and what it would have done on the day of the run.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# The answer depends on the causes. Model sentences: *data*: the run logs the MD5 sums (it did), and a step before
# training refuses to run when `dvc status` is not clean; a pipeline with `dvc.lock` ties data, code and parameters
# together in one commit. *Parameter*: no switch on the command line that wins over the file, or the run logs the whole
# command; DVC experiments commit the changed `params.yaml` with the result. *Library*: a lock file with exact versions
# and hashes, an image built from it, and the image's digest in the run. *Seed*: the seed is a parameter with a value in
# the file, and a test trains twice and compares. *Order*: the months are a list, the data are sorted by a key after
# reading, and a test shuffles the files and expects the same model. *Future*: features take the day as an argument; a
# test adds a later month and expects the same features (a point-in-time join, as in a feature store).
#
# **Rubric.** 1 mark: a mechanism for each cause that acts by itself (lock file, refusal, test, pipeline), not "be more
# careful" or "document it". 1 mark: says for at least two of them what would have happened on the day of the run.

# %% [markdown] nbgrader={"grade": false, "grade_id": "reflect-question-2", "locked": true, "schema_version": 3, "solution": false, "task": false}
# **Question 2.** After your mend all scores are equal to the last digit. The auditor asks: "So this proves that the
# colleague's run was made from exactly these data, with this code?" What do you answer? And if the scores differed by
# 1e-7 on the auditor's machine, would the review be wrong?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Equal scores are strong evidence and no proof. They show that this code with these data gives these numbers. Another
# path could give the same: a month that is read and does not matter, code that was changed where it makes no
# difference. What MLflow records is a claim of whoever wrote it; that the claim leads to the same 1,200 numbers makes it
# very hard to have been invented. A difference of 1e-7 on another machine is no sign of a fault: other processors and
# libraries add floats in another order, and parallel sums are not exact. Then one compares what the review is for: the
# same customers above the threshold, metrics within chance. Which of the three meanings of "the same" is asked for must
# be agreed on before one compares.
#
# **Rubric.** 1 mark: distinguishes "gives the same numbers" from "was made this way", with a reason. 1 mark: says that
# tiny differences between machines are expected, and names a suitable weaker measure (statistical, or the conclusion).

# %% [markdown] nbgrader={"grade": false, "grade_id": "further", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Go further
#
# **What to record for each run.** The list that would have saved you the afternoon:
#
# | what | how | what the run here had |
# |---|---|---|
# | code | commit, and that nothing was changed beside it | the commit alone |
# | command | the words with which it was called, and the environment variables that count | nothing |
# | data | the sum of each file, from the tool that keeps the bytes | yes |
# | parameters | those that were really used, after all overriding | yes |
# | seed | one number, drawn or given, for all random generators | yes, after the fact |
# | environment | a lock file or an image digest, not a list of what one remembers | a list |
# | order and time | sorted input; the day as of which features are made | only in a log |
# | output | predictions on fixed rows, beside the metrics | yes, and without it no cause could have been found |
#
# **Tools that take one worry off you, and what they leave.**
#
# | tool | what it fixes | what it leaves open |
# |---|---|---|
# | MLflow autologging and system tags | parameters of the estimator, metrics, model, and for scripts the commit | data versions, uncommitted changes, order; a commit tag from a notebook |
# | DVC pipelines and experiments | data, parameters and code in one commit (`dvc.lock`, `dvc exp run`, `dvc exp apply`); `-S` writes the override into `params.yaml` | packages, seeds, what a stage reads and does not declare |
# | uv (`uv.lock`), pip-tools, Poetry | exact versions and hashes of Python packages | the interpreter's build, C libraries, drivers |
# | conda-lock, pixi | the same, and compiled libraries and compilers of a platform | the kernel, the driver, the processor |
# | Docker images, named by digest | all files of the system | the build itself: `apt-get` and `pip` in a Dockerfile get something else next month. Keep the image, not only its recipe |
# | Nix, Guix | the build as well: same inputs, same files, back to the compiler | the learning curve, large CUDA packages, what the hardware adds |
# | archives such as Zenodo, Software Heritage, Code Ocean capsules | that it can still be found and run in years, under a permanent name | that it was right in the first place |
# | determinism flags: `torch.use_deterministic_algorithms(True)`, `tf.config.experimental.enable_op_determinism()` | the order of sums on one kind of GPU with one release | other GPUs and releases; some operations have no deterministic version, and speed is lost |
#
# Begin with the cheap ones: a lock file, a list of months, a seed in `params.yaml`, a refusal to train from a tree with
# changes. They cost an hour and would have prevented most of what you found today.
#
# **What a big installation does differently.**
#
# - **Nobody trains by hand for production.** A pipeline does, from a commit, in an image that is named by its digest.
#   There is no command line on which something could be overridden.
# - **The pipeline signs what it made.** An attestation (in-toto, SLSA) says: this model came from this commit, these
#   inputs, this builder. It can be checked without asking a person.
# - **Reproduction is a scheduled job.** Once a month, one run is drawn and made again from its record, and somebody is
#   called when it differs. A record that is never used is always incomplete.
# - **Data have an "as of".** Features come from a feature store that answers for a point in time (day 7), and tables
#   have snapshots (day 5), so that "all files in the folder" is not a question that code can ask.
# - **The weaker kinds of sameness are written down.** For models on GPUs, the tolerance is agreed on when the model is
#   approved, and not after the audit asked.
#
# **Try it.**
#
# - Write the test that would have caught one of your causes: train on one month twice, with the files copied in another
#   order, with a later month beside them, with another `PYTHONHASHSEED`.
# - `dvc exp run -S train.max_depth=8` in a project with a pipeline (day 4): look at what it commits, and where.
# - `git bisect run` finds the commit that changed a result by itself, if you give it a script that compares. Try it on
#   a cause that came with a commit. On which of the six can it not help?
#
# To read on: the MLflow documentation on tracking and on dataset tracking; the DVC documentation on experiments; the
# notes on reproducibility in the documentation of PyTorch; the badges for repeatability, reproducibility and
# replicability of the ACM.
