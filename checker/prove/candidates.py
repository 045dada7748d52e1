"""Make the models that a learner's command is handed, in the jail: in the grader, scikit-learn is not imported."""

from __future__ import annotations

import base64
import random
import tempfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from checker.declarations import Recipe
from checker.errors import Unavailable
from checker.evidence.foreign import mapping
from checker.jail import Jail, Limits
from checker.keys import derive
from checker.recipes import make_table

Tables = Mapping[str, tuple[tuple[int, ...], int]]
TABLES: Tables = {"train": ((4, 5), 10_000), "rows": ((6,), 20_000)}
"""Months, and rows in each: what the candidates learn from, and what a gate judges them by."""
SHARED = "shared"
SECONDS = 120
PRELOADED = (
    "pandas",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "skops.io",
    "mlflow.sklearn",
    "narwhals._pandas_like.dataframe",
    "narwhals._pandas_like.namespace",
)


def make_candidates(
    wanted: Iterable[str], seed: int, key: bytes, jail: Jail, tables_of: Tables = TABLES
) -> dict[str, dict[str, bytes]]:
    """Return candidate -> path -> content, and under SHARED the files that lie beside each that has none of its own.

    They are the same for the same seed and key, but for the numbers that MLflow draws.

    Raises:
        Unavailable: they could not be made, which is not the learner's fault.
    """
    names = sorted(set(wanted))
    # The order in which they are made tells nothing about them.
    random.SystemRandom().shuffle(names)
    with tempfile.TemporaryDirectory(prefix="checker-candidates-") as scratch:
        tables = Path(scratch, "tables")
        tables.mkdir()
        for name, (months, rows) in tables_of.items():
            for kind in ("labelled", "features"):
                recipe = Recipe(table=kind, months=months, holdout=True, rows=rows)
                (tables / f"{name}-{kind}.csv").write_bytes(make_table(recipe, seed, key).to_csv())
        own = int.from_bytes(derive(key, "candidates", str(seed))[:6], "big")
        request = {"wanted": names, "seed": own, "seconds": SECONDS}
        answer = jail.run("candidates", request, Path(scratch), Limits(seconds=2 * SECONDS), PRELOADED)
    said = mapping(answer.value)
    files = mapping(said.get("files"))
    problem = answer.problem or said.get("problem")
    if problem is not None or set(files) != {SHARED, *names}:
        raise Unavailable(
            f"the models for the command could not be made: {problem or 'some are missing'}",
            expected="a machine with two free processors and 2 GiB of memory",
            next_step="grade again when the machine has less to do",
        )
    return {
        name: {path: zlib.decompress(base64.b64decode(content)) for path, content in mapping(made).items()}
        for name, made in files.items()
    }
