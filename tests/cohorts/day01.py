"""Day 1: a notebook with its recorded runs, and one that never ends."""

import json
import sys
from pathlib import Path

from checker.replay import run
from tests.cohorts.desk import Desk
from tests.cohorts.kinds import kind
from tests.support import ROOT

PARTS = ROOT / "solutions" / "day01-notebook-to-production" / "right"
AUDIT = "fault,cell\n" + "".join(
    f"{fault},{cell}\n"
    for fault, cells in {
        "outside-path": (2, 11), "late-import": (3,), "leakage": (5,), "unseeded": (5, 6, 7), "hidden-state": (7,),
        "typed-constant": (8,),
    }.items()
    for cell in cells
)  # fmt: skip
SOLVED = "import os; os.mkdir('runs')\nfrom _notebook import GOOD, imitate, write\nwrite(*GOOD)\nimitate()\n"


@kind("correct", day=1, marks=(6, 10))
def notebook_run_three_times(desk: Desk):
    with desk.started() as made:
        (made.path / "audit.csv").write_text(AUDIT)
        run([sys.executable, "-c", SOLVED], made.path, {"PYTHONPATH": str(PARTS), "OMP_NUM_THREADS": "1"})
        desk.hand_in(made)


@kind("partial", day=1, marks=(3, 4), words="seconds of CPU time")
def notebook_that_never_ends(desk: Desk):
    with desk.started() as made:
        (made.path / "audit.csv").write_text(AUDIT)
        cells = ("seed = 0\ndata = 'data/transactions.csv'\nout = 'result.json'", "while True:\n    pass")
        _write(made.path / "train.ipynb", cells)
        desk.hand_in(made)


def _write(path: Path, cells: tuple[str, ...]) -> None:
    code = [
        {
            "cell_type": "code", "id": f"cell-{number}", "source": source, "outputs": [], "execution_count": None,
            "metadata": {} if number else {"tags": ["parameters"]},
        }
        for number, source in enumerate(cells)
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": code}
    path.write_text(json.dumps(notebook), encoding="utf-8")
