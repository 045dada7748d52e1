"""The reports on a cohort, each written only if it was asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.text import plural

if TYPE_CHECKING:
    from checker.report.ledger import Ledger


def write(
    ledger: Ledger, *, html: Path | None, layout: Any, output: Path | None, gradebook: Path | None
) -> Iterator[str]:
    """Write the reports that are named and yield a line on each; the table goes to stdout without `output`.

    Raises:
        CheckerError: one of them cannot be written.
    """
    if html is not None:
        from checker.report.html import write_pages

        yield f"Pages: {write_pages(ledger, html)}"
    if layout is not None:
        from checker.report.table import write_table
        from checker.report.writing import whole

        if output is None:
            write_table(ledger, layout, sys.stdout)
        else:
            with whole(output) as file:
                write_table(ledger, layout, file)
            yield f"Table: {output}"
    if gradebook is not None:
        from checker.report.gradebook import write_gradebook

        yield f"Gradebook: {gradebook}, {plural(write_gradebook(ledger, gradebook), 'verdict')}"
