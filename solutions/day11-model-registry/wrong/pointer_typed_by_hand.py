"""The `.dvc` file of the summer was typed: the sum is right, and DVC never got the bytes."""

import hashlib
from pathlib import Path

from _registry import SPRING, SUMMER, pair, promote, track, train

REFUSED_BY = "lineage_holds"
AFTER = "start"

track(SPRING)
content = Path(SUMMER).read_bytes()
md5 = hashlib.md5(content).hexdigest()
Path(f"{SUMMER}.dvc").write_text(f"outs:\n- md5: {md5}\n  size: {len(content)}\n  hash: md5\n  path: summer.csv\n")
promote(*pair(train(SPRING), train(SUMMER)))
