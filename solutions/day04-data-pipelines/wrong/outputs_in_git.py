"""The training rows are kept in git instead of in DVC's cache."""

from pathlib import Path

from _pipeline import commit, declare, declared, lock

REFUSED_BY = "work_is_committed"
AFTER = "solution"

stages = declared()
stages["prepare"]["outs"] = [{"build/train.csv": {"cache": False}}, "build/test.csv"]
declare(stages)
ignored = Path("build/.gitignore")
ignored.write_text(ignored.read_text().replace("/train.csv\n", ""))
lock()
commit()
