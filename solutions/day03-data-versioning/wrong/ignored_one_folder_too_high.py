"""The `.gitignore` names the CSV files in `data`; the months lie in `data/raw`, and git would take them."""

from pathlib import Path

from _steps import commit, run

REFUSED_BY = "months_are_tracked"
AFTER = "solution"

run("git", "rm", "--quiet", "data/.gitignore")
with Path(".gitignore").open("a") as file:
    file.write("data/*.csv\n")
commit("One `.gitignore` is enough", ".gitignore")
