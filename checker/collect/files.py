"""Collect files and notebooks."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from checker.collect.reading import Unreadable, matching, open_plain, read_plain
from checker.evidence.files import FileRecord, Files
from checker.evidence.foreign import LARGEST, ForeignText, mapping, parse_json, sequence
from checker.evidence.notebook import Cell, Notebook, Notebooks

LARGEST_NOTEBOOK = 20 << 20
LONGEST_SOURCE = 200_000
MOST_CELLS = 2_000


def collect_files(root: Path, patterns: tuple[str, ...]) -> Files:
    """Read the files below `root` that match: digest and size of each, and the text of small UTF-8 ones."""
    return Files(records=tuple(_file(root, path) for path in matching(root, patterns)))


def _file(root: Path, path: str) -> FileRecord:
    try:
        with open_plain(root / path, root) as file:
            size = os.fstat(file.fileno()).st_size
            text = None
            if size <= LARGEST:
                content = file.read(LARGEST)
                sha256 = hashlib.sha256(content).hexdigest()
                try:
                    text = content.decode("utf-8")
                except UnicodeDecodeError:
                    text = None
            else:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except (Unreadable, OSError) as error:
        return FileRecord(path=path, problem=str(error) if isinstance(error, Unreadable) else "cannot be read")
    return FileRecord(path=path, size=size, sha256=sha256, text=text)


def collect_notebooks(root: Path, patterns: tuple[str, ...]) -> Notebooks:
    """Read the notebooks below `root` that match, without nbformat and without running anything."""
    return Notebooks(records=tuple(_notebook(root, path) for path in matching(root, patterns)))


def _notebook(root: Path, path: str) -> Notebook:
    try:
        content = read_plain(root / path, root, LARGEST_NOTEBOOK)
        data = parse_json(content.decode("utf-8"), LARGEST_NOTEBOOK)
    except Unreadable as error:
        return Notebook(path=path, problem=str(error))
    except (OSError, UnicodeDecodeError):
        return Notebook(path=path, problem="cannot be read as UTF-8 text")
    except ForeignText as error:
        return Notebook(path=path, problem=f"is no notebook: {error}")
    cells = [each for each in sequence(mapping(data).get("cells")) if isinstance(each, dict)]
    if not isinstance(data, dict) or "cells" not in data:
        return Notebook(path=path, problem="is no notebook: it has no cells")
    if len(cells) > MOST_CELLS:
        return Notebook(path=path, problem=f"has {len(cells)} cells, more than the {MOST_CELLS} that are read")
    return Notebook(path=path, cells=tuple(map(_cell, cells)), sha256=hashlib.sha256(content).hexdigest())


def _cell(data: dict[str, Any]) -> Cell:
    source = data.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    kind = data.get("cell_type")
    count = data.get("execution_count")
    outputs = [each for each in sequence(data.get("outputs")) if isinstance(each, dict)]
    errors = [str(each.get("ename", "error")) for each in outputs if each.get("output_type") == "error"]
    return Cell(
        kind=kind if kind in ("code", "markdown") else "raw",
        source=str(source)[:LONGEST_SOURCE],
        execution_count=count if isinstance(count, int) else None,
        tags=tuple(each for each in sequence(mapping(data.get("metadata")).get("tags")) if isinstance(each, str)),
        outputs=len(outputs),
        error=errors[0][:100] if errors else None,
    )
