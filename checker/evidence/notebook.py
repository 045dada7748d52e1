"""Notebooks: their cells and what is left of their last execution."""

from __future__ import annotations

from typing import Literal

from checker.errors import Failed
from checker.evidence.base import Record


class Cell(Record):
    """One cell. `error` is the name of the exception in its output, if one is there."""

    kind: Literal["code", "markdown", "raw"]
    source: str
    execution_count: int | None = None
    tags: tuple[str, ...] = ()
    outputs: int = 0
    error: str | None = None


class Notebook(Record):
    """One `.ipynb` file; `problem` says why it could not be read."""

    path: str
    cells: tuple[Cell, ...] = ()
    sha256: str = ""
    problem: str | None = None

    @property
    def code(self) -> tuple[Cell, ...]:
        """The code cells that are not empty, in order."""
        return tuple(cell for cell in self.cells if cell.kind == "code" and cell.source.strip())

    @property
    def ran_in_order(self) -> bool:
        """Whether every code cell ran once, from top to bottom, in one fresh kernel."""
        counts = [cell.execution_count for cell in self.code]
        return bool(counts) and counts == list(range(1, len(counts) + 1))


class Notebooks(Record):
    """The declared notebooks that exist, sorted by path."""

    records: tuple[Notebook, ...] = ()

    def get(self, path: str, next_step: str = "") -> Notebook:
        """Return the notebook at `path`; the check fails when it is missing or broken."""
        found = next((notebook for notebook in self.records if notebook.path == path), None)
        if found is None:
            raise Failed(
                f"no notebook `{path}`",
                expected=f"the notebook `{path}` in your workspace",
                next_step=next_step or f"make `{path}`",
            )
        if found.problem:
            raise Failed(
                f"`{path}` {found.problem}",
                expected="a notebook that Jupyter can open",
                next_step=next_step or f"save `{path}` again from JupyterLab",
            )
        return found
