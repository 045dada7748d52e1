"""Read profiles that whylogs wrote: each in a cell of its own, since its sketches are parsed by native code."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from checker.tasks.cells import Cells, Late, Silent, Work, in_turn

LONGEST_PROBLEM = 300


def run(request: dict[str, Any], cells: Cells) -> dict[str, Any]:
    """Return for each profile {"columns": [...]} with its figures, or {"problem": text}.

    `request`: `profiles` maps names to files in the folder `profiles` of the payload; `columns` are those to look at;
    `seconds` is what one may take.
    """

    def one(file: str) -> dict[str, Any]:
        work = Work("checker.tasks.profiles:read", {"file": file, "columns": request["columns"]})
        try:
            answer, _ = cells.run(work, {"profiles": "profiles"}, request["seconds"])
        except Late:
            raise
        except Silent as silence:
            return {"problem": f"whoever read it {silence}"}
        return answer if isinstance(answer, dict) else {}

    return in_turn(request["profiles"], one)


def read(file: str, columns: list[str]) -> dict[str, Any]:
    """In a cell: what the profile says of these columns."""
    from whylogs.core import DatasetProfileView

    try:
        view = DatasetProfileView.read(str(Path("profiles", file).absolute()))
        return {"columns": [_column(name, view.get_column(name)) for name in columns if view.get_column(name)]}
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {error}"[:LONGEST_PROBLEM]}


def _column(name: str, column: Any) -> dict[str, Any]:
    counts, numbers, different = (column.get_metric(each) for each in ("counts", "distribution", "cardinality"))
    figures: dict[str, Any] = {"column": name, "rows": int(counts.n.value)}
    figures["missing"] = int(counts.null.value) + int(counts.nan.value)
    if numbers is not None and numbers.n > 0:
        figures |= {"least": numbers.min, "most": numbers.max, "mean": numbers.mean.value}
    if different is not None:
        figures["distinct"] = different.estimate
    odd = {key: None for key, value in figures.items() if isinstance(value, float) and not math.isfinite(value)}
    return figures | odd
