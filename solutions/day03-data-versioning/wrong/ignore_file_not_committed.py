"""The pointer was committed without the `.gitignore` beside it: the next `git add .` takes the data along."""

from _steps import run

REFUSED_BY = "months_are_tracked"
AFTER = "solution"

run("git", "rm", "--quiet", "--cached", "data/.gitignore")
run("git", "commit", "--quiet", "--message", "Only the pointer")
