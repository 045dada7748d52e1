"""What the scripts share: the loop of the solution, with changes, and its run on the platform."""

import re
import runpy
import sys
from pathlib import Path

LAB = Path(__file__).parent.parent / "lab.py"
WRITTEN = re.compile(r"^Path\(\"\w+\.py\"\)\.write_text\('''.*?^'''\)$", re.MULTILINE | re.DOTALL)
NAME = "day24-card-fraud"


def write():
    """Write the files of the solution."""
    for cell in WRITTEN.findall(LAB.read_text(encoding="utf-8")):
        exec(cell, {"Path": Path})


def change(path, *pairs):
    """Replace parts of a file, each of which must be there once."""
    file = Path(path)
    text = file.read_text(encoding="utf-8")
    for old, new in pairs:
        assert text.count(old) == 1, f"{text.count(old)} times in {path}: {old}"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def begin():
    """Register the first champion, as the handed-over script does."""
    runpy.run_path("first_champion.py", run_name="__main__")


def call(*months):
    """Call the loop on the platform, as a scheduler would."""
    sys.path.insert(0, str(Path.cwd()))
    for month in months:
        sys.argv = ["loop", month]
        try:
            runpy.run_module("loop", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            assert not end.code, end.code
