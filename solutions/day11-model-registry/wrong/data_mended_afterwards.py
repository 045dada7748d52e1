"""After the training somebody took rows out of the summer and ran `dvc add` again: the old bytes are gone."""

from pathlib import Path

from _registry import SPRING, SUMMER, dvc, pair, promote, track, train

REFUSED_BY = "lineage_holds"
AFTER = "start"

track()
promote(*pair(train(SPRING), train(SUMMER)))
lines = Path(SUMMER).read_text().splitlines(keepends=True)
Path(SUMMER).write_text("".join(lines[:-500]))
track(SUMMER)
dvc("gc", "--workspace", "--force", "--quiet")
