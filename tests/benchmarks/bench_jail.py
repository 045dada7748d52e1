"""What a task in the warm jail costs more than the same function called directly, in CPU time."""

import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import sklearn.ensemble
import skops.io

from checker.declarations import Recipe
from checker.jail import Jail, Limits
from checker.marking import WARM
from checker.prove import models, notebooks
from checker.recipes import make_table
from checker.tasks import score

TIMES = 20
TARGET = 0.050
MLMODEL = """\
flavors:
  python_function: {loader_module: mlflow.sklearn, model_path: model.skops, predict_fn: predict}
  sklearn: {pickled_model: model.skops, serialization_format: skops, skops_trusted_types: [sklearn.tree._tree.Tree]}
signature:
  inputs: '[{"name": "amount"}, {"name": "hour"}, {"name": "is_foreign"}]'
"""


def used(process: psutil.Process) -> float:
    """CPU seconds of a process, of all that it started, and of those that ended."""
    family = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:4]) for each in family)


def main() -> None:
    """Score one small model again and again, in the jail and here."""
    table = make_table(Recipe(table="features", months=(1,), rows=5000), 7)
    columns = ["amount", "hour", "is_foreign"]
    model = sklearn.ensemble.RandomForestClassifier(20, max_depth=6, random_state=0)
    model.fit(pd.DataFrame({name: table[name] for name in columns}), table["is_fraud"])
    with tempfile.TemporaryDirectory() as name:
        folder, here = Path(name, "payload"), Path(name, "here")
        for part in ("model", "tables", "hidden"):
            (folder / part).mkdir(parents=True)
        skops.io.dump(model, folder / "model" / "model.skops")
        (folder / "model" / "MLmodel").write_text(MLMODEL)
        np.savez(folder / "tables" / "t.npz", **{column: table[column] for column in columns})
        known = vars(score.plan(MLMODEL.encode()))
        # As the task finds it in its cell.
        shutil.copytree(folder / "model", here / "model")
        shutil.copytree(folder / "tables", here / "tables" / "tables")
        with contextlib.chdir(here):
            score.predict(known, ["t"])
            began = time.process_time()
            for _ in range(TIMES):
                direct_answer = score.predict(known, ["t"])
            direct = (time.process_time() - began) / TIMES
        request = {"models": {"m": "model"}, "tables": ["t"], "seconds": 30}
        preload = (*models.PRELOADED, *notebooks.PRELOADED, *WARM)
        with Jail(confined=True, preload=preload) as jail:
            answer = jail.run("score", request, folder, Limits())
            assert answer.value["m"] == direct_answer, answer
            me = psutil.Process()
            began = used(me)
            for _ in range(TIMES):
                jail.run("score", request, folder, Limits())
            jailed = (used(me) - began) / TIMES
    reached = "reached" if jailed - direct <= TARGET else "MISSED"
    print(
        f"warm jail task: {jailed * 1000:.0f} ms CPU; the same function called directly: {direct * 1000:.0f} ms; "
        f"{(jailed - direct) * 1000:.0f} ms more, at most {TARGET * 1000:.0f}: {reached}"
    )


if __name__ == "__main__":
    sys.exit(main())
