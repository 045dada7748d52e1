"""`metrics.json` is an output like any other: `dvc metrics show` finds nothing."""

from _pipeline import commit, declare, declared, lock, run

REFUSED_BY = "metrics_and_plots_are_declared"
AFTER = "solution"

stages = declared()
stages["evaluate"]["outs"].append("metrics.json")
del stages["evaluate"]["metrics"]
declare(stages)
with open(".gitignore", "a") as file:
    file.write("/metrics.json\n")
run("git", "rm", "--quiet", "--cached", "metrics.json")
lock()
commit()
