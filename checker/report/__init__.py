"""Verdicts for people and for programs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

from checker.errors import CheckerError
from checker.result import Report


def render(report: Report, layout: Literal["text", "json", "junit"] | str, output: Path | None = None) -> None:
    """Write the report to `output` at once, or print it."""
    if layout == "text" and output is None:
        from checker.report import terminal

        terminal.print_report(report)
        return
    if layout == "junit":
        from checker.report.junit import to_junit

        text = to_junit(report)
    elif layout == "json":
        text = report.model_dump_json(indent=2) + "\n"
    else:
        from checker.report import terminal

        text = terminal.to_text(report)
    if output is None:
        sys.stdout.write(text)
        return
    draft = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(output)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CheckerError(
            f"{output} cannot be written: {error.strerror}",
            expected="a file in a folder that you can write",
            next_step="name another with `--output`",
        ) from error
