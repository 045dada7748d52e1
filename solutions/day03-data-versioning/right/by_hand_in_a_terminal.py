"""One shell script; the settings of DVC are typed, not made by its commands, and data is ignored by a pattern."""

from _steps import run

SCRIPT = r"""
set -e
git init --quiet
git config user.name terminal && git config user.email terminal@example.invalid
dvc init --quiet
cat > .dvc/config <<END
[core]
    analytics = false
    remote = "nas"
['remote "nas"']
    url = "../dvc-remote" # one disk
END
printf '*.csv\ndvc-remote\n' > .gitignore
git add . && git commit --quiet -m setup
dvc add --quiet data/raw/2025-03.csv && dvc add --quiet data/raw/2025-04.csv
git add . && git commit --quiet -m months
dvc push --quiet
cp data/raw/2025-04.csv /tmp/april.$$ && cp incoming/2025-04-corrected.csv data/raw/2025-04.csv
dvc add --quiet data/raw/2025-04.csv && git add . && git commit --quiet -m corrected
dvc push --quiet
cp /tmp/april.$$ data/raw/2025-04.csv && rm /tmp/april.$$
dvc add --quiet data/raw/2025-04.csv && git add . && git commit --quiet -m restored
"""
run("bash", "-c", SCRIPT)
