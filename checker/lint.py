"""The rules of a lab's content that a program can see. Everything else is for a reader."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checker.check import Check

SECTIONS = ("Why", "End state", "Do", "Look", "Check", "Reflect", "Go further")
FEWEST_WRONG = 5
IMAGE = re.compile(r"!\[([^\]]*)\]\(|<img\b([^>]*)>")
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
ADDRESS = re.compile(r"https?://(?:127\.0\.0\.1|localhost):\d+")


@dataclass(frozen=True)
class Script:
    """A way to do a lab that is kept beside the solution: a wrong answer, or another right one.

    `after` says what it begins from: `start` is the untouched workspace, `solution` the finished one.
    """

    path: Path
    description: str
    refused_by: str | None
    after: str


def read_script(path: Path) -> Script:
    """Read the docstring and the literals `REFUSED_BY` and `AFTER` of a script, without running it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    values = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    refused_by = values.get("REFUSED_BY")
    named = refused_by if isinstance(refused_by, str) else None
    return Script(path, ast.get_docstring(tree) or "", named, str(values.get("AFTER", "start")))


def scripts(source: Path, kind: str) -> list[Script]:
    """Return the scripts in `source`/wrong or `source`/right, sorted by name; files named `_*` are shared parts."""
    return [read_script(path) for path in sorted((source / kind).glob("*.py")) if not path.name.startswith("_")]


def lint(source: Path, notebook: Any, checks: Sequence[Check]) -> list[str]:
    """Return what is wrong with a lab's content, in words; empty when it may be built."""
    return [
        *_prose(notebook),
        *_cells(notebook),
        *_answers(source, checks),
        *_files(source),
    ]


def _prose(notebook: Any) -> Iterator[str]:
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    if tuple(heading for heading in headings if heading in SECTIONS) != SECTIONS:
        yield f"the sections must be {', '.join(SECTIONS)}, found {', '.join(headings) or 'none'}"
    tasks = re.split(r"^### Task ", text, flags=re.MULTILINE)[1:]
    if not 3 <= len(tasks) <= 6:
        yield f"three to six tasks (`### Task N: ...`) are expected, found {len(tasks)}"
    for number, task in enumerate(tasks, start=1):
        if "<summary>Hint" not in task.split("\n## ")[0]:
            yield f"task {number} has no hint (`<details><summary>Hint</summary>`)"
    for alt, attributes in IMAGE.findall(text):
        if not alt.strip() and not re.search(r'alt="[^"]+"', attributes):
            yield "an image has no alt text"
    for cell in notebook.cells:
        if found := EMOJI.search(cell.source):
            yield f"an emoji stands in place of a word: U+{ord(found[0]):04X}"
        if ADDRESS.search(cell.source):
            yield f"an address is written out: {ADDRESS.search(cell.source)[0]}"  # type: ignore[index]


def _cells(notebook: Any) -> Iterator[str]:
    ids = [cell.metadata["nbgrader"]["grade_id"] for cell in notebook.cells if "nbgrader" in cell.metadata]
    yield from (f"the grade_id {each!r} stands twice" for each in sorted({each for each in ids if ids.count(each) > 1}))
    if not any(cell.cell_type == "code" and "%check" in cell.source for cell in notebook.cells):
        yield "no cell runs %check"
    if any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells):
        yield "an output was left in lab.py"
    manual = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        and cell.metadata.get("nbgrader", {}).get("grade")
        and cell.metadata["nbgrader"].get("solution")
    ]
    if not manual:
        yield "no question to reflect on (a markdown cell with nbgrader's grade and solution)"
    if not all("Rubric" in cell.source for cell in manual):
        yield "a question to reflect on has no rubric"


def _answers(source: Path, checks: Sequence[Check]) -> Iterator[str]:
    names = {check.name for check in checks}
    local = {check.name for check in checks if check.profile == "local"}
    wrong = scripts(source, "wrong")
    tried = len([script for script in wrong if script.refused_by not in names - local])
    if not local:
        yield "no check can be made without a cluster"
    if tried < FEWEST_WRONG:
        apart = " that need no cluster" if tried < len(wrong) else ""
        yield f"{FEWEST_WRONG} wrong answers{apart} are expected, found {tried}"
    if not scripts(source, "right"):
        yield "no right answer that is done another way (right/*.py)"
    for script in wrong:
        if script.refused_by not in names:
            yield f"wrong/{script.path.name} names no check that refuses it (REFUSED_BY = {script.refused_by!r})"
    for script in (*wrong, *scripts(source, "right")):
        if not script.description:
            yield f"{script.path.name} does not say what it does"


def _files(source: Path) -> Iterator[str]:
    for path in sorted((source / "files").rglob("*.ipynb")) if (source / "files").is_dir() else ():
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        if any(cell.get("outputs") for cell in cells):
            yield f"an output was left in files/{path.name}"
