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
# # Day 3: Data versioning
#
# ## Why
#
# The card-fraud team trains on raw months: one CSV file for each month of transactions. In May the payments team
# writes: "April had errors. Please use the corrected file." Somebody copies it over the old one, and the next
# model is trained on it. Two weeks later the model blocks honest customers, and the team asks three questions:
#
# - Which April was the model trained on?
# - What exactly changed between the two?
# - Can we have the old one back, today?
#
# Without versions the answers are "probably the new one", "nobody knows" and "no". The old bytes are gone.
#
# Git could keep both files, but git was made for source text. Each clone carries the whole history, so every
# version of every month would travel to each laptop and each build machine for ever. Deleting a file in a later
# commit makes nothing smaller. Many hosts refuse files of 100 MB and more.
#
# **DVC** splits the work. A small text file, which ends in `.dvc`, holds the MD5 sum of the data, and git keeps
# that. The bytes themselves lie in a cache, named by their sum, and `dvc push` copies them to a remote that the
# team shares. So a git commit names exact bytes, and git stays small.
#
# Today you version two months, take in the "corrected" April, find out what is wrong with it, and bring the old
# one back. Nobody has to remember anything: the history tells the whole story.
#
# ## End state
#
# <!-- end state -->
#
# It does not matter whether you work in this notebook or in a terminal. Only what is there at the end counts.
# Save and check as often as you like.
#
# ## Do
#
# Your workspace has these files:
#
# | path | what it is |
# |---|---|
# | `data/raw/2025-03.csv` | the transactions of March |
# | `data/raw/2025-04.csv` | the transactions of April |
# | `incoming/2025-04-corrected.csv` | the file from the payments team |
#
# Each task first shows the tool on something else: a tiny project with exchange rates, in a temporary folder.
# Then you do the step on the months. Run the next cell first. It makes the folder, and it tells DVC to send no
# usage statistics, which a bank would ask of you anyway.

# %%
import os
import tempfile

os.environ["EXAMPLE"] = tempfile.mkdtemp(prefix="rates-")
os.environ["DVC_NO_ANALYTICS"] = "1"
_ = os.environ.pop("FORCE_COLOR", None)  # Jupyter sets it, and DVC would draw moving dots into the output

# %% [markdown]
# Cells that begin with `%%bash` run in a shell of their own, in the folder of this notebook. `set -e` ends the
# cell at the first command that fails. Without it the cell goes on, and the error is easily missed.
#
# ### Task 1: Make the folder a repository
#
# DVC works on top of git, so git comes first. This is how it goes for the exchange rates:

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# git init --quiet --initial-branch=main
# git config user.name "Rates Example"
# git config user.email "rates@example.invalid"
# dvc init --quiet
# printf 'scratch/\n.ipynb_checkpoints/\n' > .gitignore
# git add .gitignore
# git commit --quiet --message "Set up git and DVC"
# git ls-files

# %% [markdown]
# - `git config` without `--global` writes to this repository only. A fresh machine has no name and no address,
#   and then `git commit` refuses to work.
# - `dvc init` made a folder `.dvc` and staged its settings for git. The cache will be in `.dvc/cache`, and DVC's
#   own `.dvc/.gitignore` keeps that out of git.
#
# Now your workspace. Set up git with a name and an address of your choice, set up DVC, and commit. Two folders of
# large files must never get into git: `incoming/`, and the folder that will be your remote in task 3. This lab
# calls it `dvc-remote/`. See to that in the same commit.
#
# <details><summary>Hint</summary>
#
# The same commands, with other lines in `.gitignore`. Look at `git status` before each commit: it lists what is
# staged, and also what git does not ignore yet. Do not commit `data/` now. `git add .` would do just that.
#
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-1", "locked": false, "schema_version": 3, "solution": true, "task": false}
# set -e
# ### BEGIN SOLUTION
# git init --quiet --initial-branch=main
# git config user.name "Fraud Team"
# git config user.email "fraud-team@example.invalid"
# dvc init --quiet
# printf '%s\n' incoming/ dvc-remote/ .ipynb_checkpoints/ > .gitignore
# git add .gitignore
# git commit --quiet --message "Set up git and DVC"
# git status --short
# ### END SOLUTION

# %% [markdown]
# ### Task 2: Track the months
#
# `dvc add` computes the MD5 sum of a file, puts a copy into the cache, and writes two small files for git:

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# printf 'currency,euros\nUSD,0.92\nGBP,1.17\nPLN,0.23\n' > rates.csv
# dvc add --quiet rates.csv
# cat rates.csv.dvc
# echo "--- .gitignore"
# cat .gitignore
# git add rates.csv.dvc .gitignore
# git commit --quiet --message "Track the exchange rates"
# echo "--- the bytes, named by their sum"
# find .dvc/cache/files -type f

# %% [markdown]
# The `.dvc` file is the pointer: path, size, MD5 sum. The `.gitignore` keeps the data itself out of git. Both
# belong into the commit. A pointer without its `.gitignore` is how data gets into git by accident: the next
# `git add .` takes it along, although nobody wanted that.
#
# Now track March and April, and commit. You may track the directory `data/raw` as one thing (one `.dvc` file, and
# the sum covers all files in it) or each file by itself. A directory is right for months that are read together.
# Single files are right where each has a life of its own.
#
# <details><summary>Hint</summary>
#
# `dvc add data/raw` writes `data/raw.dvc` and `data/.gitignore`, and it prints the `git add` that comes next.
# With `dvc config core.autostage true`, DVC does that `git add` for you; `git status` still shows what is staged.
# If DVC says that the output is already tracked by git, you committed data in task 1: as long as nobody else has
# your commits, delete the folder `.git`, and begin again.
#
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-2", "locked": false, "schema_version": 3, "solution": true, "task": false}
# set -e
# ### BEGIN SOLUTION
# dvc add --quiet data/raw
# git add data/raw.dvc data/.gitignore
# git commit --quiet --message "Track March and April 2025"
# cat data/raw.dvc
# ### END SOLUTION

# %% [markdown]
# ### Task 3: Give the data a second home
#
# So far the bytes are on this machine only, twice: in `data/raw` and in the cache. A colleague who clones the
# repository gets pointers to nothing. A **remote** is where DVC copies the objects. It may be a bucket, a server
# or a folder on a shared disk. The first remote that is marked as default is the one that `dvc push` uses.

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# mkdir -p scratch/remote
# dvc remote add --quiet --default storage scratch/remote
# cat .dvc/config
# git add .dvc/config
# git commit --quiet --message "Name the remote"
# dvc push
# find scratch/remote -type f

# %% [markdown]
# The address was turned into a path that starts in `.dvc`. It stands in `.dvc/config`, which is committed, so a
# clone knows where to fetch from. Passwords never go there. They go to `.dvc/config.local`, which git ignores:
# `dvc remote modify --local`.
#
# Now add a default remote for the months, commit the setting, and push. Take `dvc-remote` in your workspace, or
# any folder outside it. Only DVC's own cache is no remote: the cache is what you lose together with the machine.
#
# <details><summary>Hint</summary>
#
# `dvc status --cloud` compares the cache with the remote. After a push it says that both are in sync. `dvc push`
# makes the folder if it is not there. `dvc remote list` shows what you have set.
#
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-3", "locked": false, "schema_version": 3, "solution": true, "task": false}
# set -e
# ### BEGIN SOLUTION
# dvc remote add --quiet --default storage dvc-remote
# git add .dvc/config
# git commit --quiet --message "Name the default remote"
# dvc push
# dvc status --cloud
# ### END SOLUTION

# %% [markdown]
# ### Task 4: Take in the corrected April
#
# A new version is the same round again: change the data, `dvc add`, commit, push. With the exchange rates:

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# printf 'currency,euros\nUSD,92\nGBP,117\nPLN,23\n' > rates.csv
# dvc status
# dvc add --quiet rates.csv
# git diff -- rates.csv.dvc
# git commit --quiet --all --message "Take in the new rates"
# dvc push
# dvc diff HEAD~1

# %% [markdown]
# `dvc add` did not overwrite the old object. It lies in the cache and in the remote beside the new one, each under
# its own sum. The commit decides which of the two `rates.csv` is.
#
# Push each version when you make it. `dvc push` copies what the `.dvc` files in the workspace name now, and nothing
# older. The option `--all-commits` sounds like the remedy, but in DVC 3.67 it skips other versions of the same path.
# `dvc status --cloud --all-commits` does list them. So do not believe that a push was complete: ask.
#
# Now put the bytes of `incoming/2025-04-corrected.csv` in the place of `data/raw/2025-04.csv`, and make that a
# second version: tracked, committed, pushed. Say in the commit message where the file came from.
#
# <details><summary>Hint</summary>
#
# Use `cp` and leave the file in `incoming/` where it is. If you track `data/raw` as a directory, `dvc add data/raw`
# again. If you track single files, `dvc add data/raw/2025-04.csv`. Without the commit there is no second version,
# only a changed pointer, which the next `git restore` throws away.
#
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-4", "locked": false, "schema_version": 3, "solution": true, "task": false}
# set -e
# ### BEGIN SOLUTION
# cp incoming/2025-04-corrected.csv data/raw/2025-04.csv
# dvc status
# dvc add --quiet data/raw
# git add data/raw.dvc
# git commit --quiet --message "Take in the corrected April of the payments team"
# dvc push
# dvc diff HEAD~1
# ### END SOLUTION

# %% [markdown]
# ### Task 5: Look at it, and bring the old April back
#
# DVC says that April changed. It cannot say whether that is good: to DVC data is bytes. Somebody has to look. Any
# version can be read without touching the workspace, by path and revision:

# %%
import dvc.api
import pandas as pd

versions = {}
for revision in ("HEAD~1", "HEAD"):
    with dvc.api.open("rates.csv", repo=os.environ["EXAMPLE"], rev=revision) as file:
        versions[revision] = pd.read_csv(file)
both = versions["HEAD~1"].merge(versions["HEAD"], on="currency", suffixes=("_old", "_new"))
both.assign(ratio=both["euros_new"] / both["euros_old"])

# %% [markdown]
# The new rates are a hundred times the old ones: cents instead of euros. Now compare the two versions of April.
# Begin with the amounts, by channel, before and after the middle of the month. Say in one sentence what happened.
#
# <details><summary>Hint</summary>
#
# Join the two tables on `transaction_id`, after `drop_duplicates("transaction_id")`, and look at the ratio of the
# amounts: `groupby(["channel", first_half])["ratio"].median()`. Some records differ in other ways as well. Files
# that pass through many hands do.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "task-5-look", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
april = {}
for revision in ("HEAD~1", "HEAD"):
    with dvc.api.open("data/raw/2025-04.csv", rev=revision) as file:
        april[revision] = pd.read_csv(file).drop_duplicates("transaction_id")
both = april["HEAD~1"].merge(april["HEAD"], on="transaction_id", suffixes=("_old", "_new"))
both["ratio"] = both["amount_new"] / both["amount_old"]
both["half"] = (both["timestamp_old"].str[8:10].astype(int) < 15).map({True: "days 1 to 14", False: "day 15 on"})
both.groupby(["channel_old", "half"])["ratio"].median().unstack()
# From day 15 on, the online payments are in cents, and all others still in euros.
### END SOLUTION

# %% [markdown]
# The correction is worse than what it corrects. You want the old April back, and you want the history to say so.
# This is how it goes with the rates:

# %% language="bash"
# set -e
# cd "$EXAMPLE"
# git log --oneline -- rates.csv.dvc
# git checkout --quiet HEAD~1 -- rates.csv.dvc
# echo "--- git has the old pointer again, the workspace still has the new bytes:"
# head -2 rates.csv
# dvc checkout
# head -2 rates.csv
# git commit --quiet --message "Bring the old rates back: the new ones are in cents"
# git log --oneline -- rates.csv.dvc

# %% [markdown]
# Two steps, always: **git brings the pointer back, `dvc checkout` brings the bytes back.** The first without the
# second is the most common mistake of all. The repository says one thing, and the training reads another.
#
# `git revert` would make the same commit. `git reset --hard` would not: it removes the version from the history, as
# if the wrong file had never been used. A model was perhaps trained on it, and an auditor will ask.
#
# Bring the old April back, and commit it with the reason. Push at the end, so that the remote lacks nothing.
#
# <details><summary>Hint</summary>
#
# If April is its own `.dvc` file, take that file back. If you track the directory, take `data/raw.dvc` back.
# `git status` must be quiet about all `.dvc` files, and `dvc status` must say that everything is up to date.
# `dvc checkout` asks, or refuses, if it would lose bytes that are nowhere else.
#
# </details>

# %% language="bash" nbgrader={"grade": false, "grade_id": "task-5-restore", "locked": false, "schema_version": 3, "solution": true, "task": false}
# set -e
# ### BEGIN SOLUTION
# git checkout --quiet HEAD~1 -- data/raw.dvc
# dvc checkout
# git commit --quiet --message "Bring the first April back: in the corrected one, online payments are in cents from the 15th"
# dvc push
# dvc status
# ### END SOLUTION

# %% [markdown]
# ## Look
#
# What git knows: three versions of a few lines of text, and who made them when.

# %% language="bash"
# git log --stat --format='%h %ad %an: %s' --date=iso

# %% [markdown]
# What DVC knows: the outputs, and the state of the data against git, the cache and the remote. `dvc dag` draws
# what depends on what. Today these are only single boxes; tomorrow they become a pipeline.

# %% language="bash"
# dvc list . --dvc-only --recursive
# echo "--- dvc data status"
# dvc data status
# echo "--- dvc status --cloud"
# dvc status --cloud
# echo "--- dvc dag"
# dvc dag

# %% [markdown]
# Where the bytes are. Compare the size of `.git` with that of the cache. March was stored once, although each
# version of the directory contains it: objects are named by their content, so equal content is one object.

# %% language="bash"
# set -e
# du -sh .git .dvc/cache data/raw
# echo "--- files in the default remote, by size in bytes"
# name=$(dvc config core.remote)
# cd "$(dvc config "remote.$name.url")"
# find . -type f -size +0 -exec wc -c {} \; | sort -rn

# %% [markdown]
# A colleague's view: clone the repository to an empty folder, and fetch the data from the remote. The clone names
# the remote by the path in `.dvc/config`. If that path is inside your workspace, it leads nowhere from another
# place, so this cell tells the clone where the folder is. With a bucket or a shared disk this step falls away.

# %% language="bash"
# set -e
# name=$(dvc config core.remote)
# remote=$(dvc config "remote.$name.url")
# clone=$(mktemp -d)
# git clone --quiet . "$clone"
# cd "$clone"
# dvc remote modify --local "$name" url "$remote"
# dvc pull
# ls -l data/raw
# rm -rf "$clone"

# %% [markdown]
# And the two versions of April. The cell asks git for the commits that changed the pointer to April, and DVC for
# the bytes that each of them names.

# %%
import subprocess

import dvc.api
import matplotlib.pyplot as plt
import pandas as pd

pointers = ["data.dvc", "data/raw.dvc", "data/raw/2025-04.csv.dvc"]
command = ["git", "log", "--reverse", "--format=%h %s", "--", *pointers]
revisions = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
styles = [("o", "-"), ("s", "--"), ("^", ":"), ("x", "-.")]
figure, axes = plt.subplots(figsize=(9, 4))
for line, (marker, style) in zip(revisions, styles, strict=False):
    revision, subject = line.split(" ", 1)
    with dvc.api.open("data/raw/2025-04.csv", rev=revision) as file:
        table = pd.read_csv(file)
    online = table[(table["channel"] == "online") & table["timestamp"].str.startswith("2025-04")]
    daily = online.groupby(online["timestamp"].str[8:10].astype(int))["amount"].median()
    axes.plot(daily.index, daily.values, marker=marker, linestyle=style, label=f"{revision}: {subject[:40]}")
axes.set_yscale("log")
axes.set_xlabel("day of April 2025")
axes.set_ylabel("median amount (as recorded, log scale)")
axes.set_title("Online payments in each tracked version of April")
if revisions:
    axes.legend(loc="upper left")
plt.show()

# %% [markdown]
# Line 1 and line 3 lie on each other: the same bytes. Line 2 leaves them on the 15th.
#
# ## Check

# %%
# %load_ext checker
# %check

# %% [markdown]
# ## Reflect
#
# **Question 1.** The remote grows with every version, and storage costs money. A colleague wants to run
# `dvc gc --workspace --cloud` every night, which deletes from the cache and the remote everything that the current
# workspace does not use. What would be lost in today's repository? What must be true before a version may be
# deleted, and who decides that?

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-1", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Model answer: The objects of the corrected April would go, from the cache and from the remote. The commit would
# stay and point to nothing: `dvc checkout` at that commit fails, and nobody can say any more what a model that was
# trained on it has seen. Objects that only other branches, tags or colleagues' unmerged work use would go, too.
# A version may be deleted when no model in use or under audit was trained on it, no branch, tag or colleague
# needs it, and the time for which the bank must keep it is over, or when a law demands that it goes (a customer's
# right to erasure). The owner of the data decides, together with compliance, and not whoever pays the bill. The
# command must keep what is named (`--all-branches`, `--all-tags`, `--all-commits`), is tried with `--dry` first,
# and a bucket with versioning or a backup allows a way back.
#
# **Rubric** (2 marks)
#
# - 1 mark: says that the corrected version's bytes are lost while its commit stays, so that the history can no
#   longer be reproduced. Half a mark for "old versions are lost" without the consequence.
# - 1 mark: names at least two conditions (no model depends on it, other branches or people, retention or audit,
#   a legal duty) and somebody other than the person who runs the command as the one who decides.

# %% [markdown]
# **Question 2.** Suppose that somebody wants to hide that the broken April was ever used. What could a person with
# write access to the git server and to the remote do? Name one thing that would still give it away, and one setting
# that would have prevented it.

# %% [markdown] nbgrader={"grade": true, "grade_id": "reflect-2", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# Model answer: They could rewrite the branch so that the commit never existed (`git rebase`, `git reset` and a
# forced push) and delete its objects from the remote. Names and dates of commits can be chosen freely, too. What
# gives it away: every commit's name depends on its parents, so all later commits have new names, and older clones,
# the server's log of pushes, build logs, or an experiment record that names the old commit or the old MD5 sum do not
# fit any more. What prevents it: a protected branch without forced pushes and with reviews, signed commits, a
# remote on which nobody can delete (object lock, versioning), and separate rights for git and for the data.
#
# **Rubric** (2 marks)
#
# - 1 mark: a rewritten history (forced push) together with deleted objects, and one trace that remains.
# - 1 mark: one setting that really prevents it. "We trust each other" or "backups" alone is no mark.

# %% [markdown]
# ## Go further
#
# **The same idea in other tools.** All of them name an exact state of data. They differ in what the unit is: a file,
# a table, a bucket.
#
# | tool | unit | how you go back | choose it when | what it does not do |
# |---|---|---|---|---|
# | DVC | files and directories, next to code | `git checkout`, then `dvc checkout` | data and code change together, in batches | no queries, no transactions, slow with millions of small files |
# | Git LFS | single large files | `git checkout` | designers' or model files in a git host that has it | needs an LFS server, as a rule that of the git host; no pipelines |
# | lakeFS | a whole object store | a branch, a commit or a revert over a bucket | many teams share a lake, and a load must be tried on a branch and merged whole | a service to run; readers go through its address |
# | Delta Lake | one table | `VERSION AS OF`, `RESTORE` | rows are added and changed all day, with SQL or Spark | versions end with `VACUUM`; one table at a time |
# | Hugging Face Hub (Xet) | repositories of models and data sets | a revision when loading | sharing with others; changed chunks of a large file are stored once | the Hub, not your disk, is the centre |
# | MLflow datasets | a record in a run | nothing: it notes source, schema and digest | saying what a run has read, together with one of the others | keeps no bytes |
# | versioning of a bucket | one object | the old version of that object | protection against deletion and overwriting | no common state of many objects, no message, no author |
#
# DVC and lakeFS are close relatives: DVC's source now lives with the makers of lakeFS (`dvc init` prints the
# address). You meet Delta Lake and lakeFS on day 5.
#
# **What a big installation does differently**
#
# - The remote is a bucket with object lock and versioning. People may read and add. Only a job of the platform team
#   may delete, after the retention time.
# - The cache is shared on a fast disk (`dvc cache dir`, `dvc config cache.shared group`), and the workspace has links
#   instead of copies (`dvc config cache.type reflink,hardlink,copy`). With links, nobody may edit a tracked file in
#   place: `dvc unprotect` first.
# - A check in continuous integration refuses a merge whose `.dvc` files point to objects that the remote lacks, and
#   one that adds a large file to git. A hook does the same earlier: `dvc install` adds hooks for `git commit`,
#   `git push` and `git checkout`.
# - Each training run records the commit and the MD5 sums of its data, so that "which April?" is a look-up. That is
#   day 8.
# - Nobody takes in a file because a message calls it corrected. A contract for the data stops it. That is day 6.
#
# **Try it**
#
# - `git tag april-first COMMIT`, then `dvc get . data/raw/2025-04.csv --rev april-first -o /tmp/april.csv`: one file of
#   one version, without a clone and without touching the workspace. The same works with the address of a git server.
# - Delete `.dvc/cache` and `data/raw`, then run `dvc pull`. What took how long?
# - Cut off an object in a copy of your remote and make the copy the remote of a clone. `dvc status --cloud` still says
#   that all is in sync, since it looks at names. Then pull into an empty cache. Who notices, and when?
