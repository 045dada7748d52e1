"""`git add --force` took the compiled files along, and the data."""

from _package import commit, run

REFUSED_BY = "work_is_committed"
AFTER = "solution"

run("python", "-m", "compileall", "-q", "src")
run("git", "add", "--force", "src", "data")
commit()
