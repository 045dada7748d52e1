"""solutions/ -> labs/: an author's lab.py becomes the notebook that a learner gets.

Solutions are cleared, hidden tests removed and checksums saved by nbgrader's own preprocessors; the
section "End state" is written from the docstrings and marks of the checks. The same input gives the
same bytes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from checker import course as course_model
from checker import result
from checker.check import Check
from checker.course import Lab
from checker.errors import CheckerError
from checker.lint import lint
from checker.profiles import command
from checker.runner import load_checks

END_STATE = "<!-- end state -->"
STUB = "# Write your answer here."
IGNORED = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.pyc")


def build_labs(root: Path, labs: Iterable[Lab], *, write: bool, whole: bool = True) -> list[Path]:
    """Build `labs` below `root` and return the paths that differ from what is there; write them if asked.

    With `whole`, the JSON Schemas are built too, and folders of labs that are no longer there count as different.

    Raises:
        CheckerError: a lab breaks a rule of the content linter.
    """
    with tempfile.TemporaryDirectory(prefix="checker-build-") as scratch:
        fresh = Path(scratch)
        chosen = list(labs)
        for lab in chosen:
            _build(root, lab, fresh / "labs" / lab.name)
        if whole:
            _write_json(fresh / "course.schema.json", course_model.json_schema())
            _write_json(fresh / "checker" / "report" / "report.schema.json", result.json_schema())
        names = None if whole else {lab.name for lab in chosen}
        return _exchange(fresh, root, names, write)


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _build(root: Path, lab: Lab, target: Path) -> None:
    source = root / "solutions" / lab.name
    checks = load_checks(lab)
    notebook = solution_notebook(source, checks)
    if problems := lint(source, notebook, checks):
        raise CheckerError(
            f"{source.relative_to(root)}: " + "; ".join(problems),
            expected="a lab as CONTRIBUTING.md describes it",
            next_step="mend the named places, then run `checker build` again",
        )
    target.mkdir(parents=True)
    if (source / "files").is_dir():
        shutil.copytree(source / "files", target, dirs_exist_ok=True, ignore=IGNORED)
    import nbformat

    nbformat.write(released(notebook), target / "lab.ipynb")


def solution_notebook(source: Path, checks: Iterable[Check]) -> Any:
    """Return the notebook of `source`/lab.py with its End state filled in and its solutions kept.

    Raises:
        CheckerError: there is no lab.py.
    """
    import jupytext

    path = source / "lab.py"
    if not path.is_file():
        raise CheckerError(f"{path} is not there", expected="a lab in jupytext's percent format", next_step="write it")
    notebook = jupytext.read(path, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        # Ids from the place, not at random: the same source gives the same bytes.
        cell["id"] = cell.metadata.get("nbgrader", {}).get("grade_id") or f"cell-{number:02d}"
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace(END_STATE, end_state(checks))
    notebook.metadata.pop("jupytext", None)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def end_state(checks: Iterable[Check]) -> str:
    """Return the contract of a lab as a table: one line for each check, those for a cluster at the end."""
    made = list(checks)
    here = [check for check in made if check.profile == "local"]
    there = [check for check in made if check.profile != "local"]
    lines = ["| marks | what is true at the end | check |", "|---:|---|---|"]
    for check in (*here, *there):
        where = "" if check.profile == "local" else f" (On a cluster: `{command(check.profile, check.overlay)}`.)"
        lines.append(f"| {check.points:g} | {check.description}{where} | `{check.name}` |")
    told = f"Together {sum(check.points for check in here):g} marks."
    if there:
        told += f" On a cluster there {_more(sum(check.points for check in there))}; elsewhere nothing is lost by it."
    return "\n".join([*lines, "", told])


def _more(points: float) -> str:
    return "is 1 more" if points == 1 else f"are {points:g} more"


def released(notebook: Any) -> Any:
    """Return the learner's version of a solution notebook, as `nbgrader generate_assignment` makes it."""
    from nbgrader import preprocessors
    from traitlets.config import Config

    config = Config()
    config.ClearSolutions.code_stub = {"python": STUB}
    config.ClearSolutions.text_stub = "*Write your answer here.*"
    steps = (
        "LockCells",
        "ClearSolutions",
        "ClearOutput",
        "CheckCellMetadata",
        "ComputeChecksums",
        "ClearHiddenTests",
        "ClearMarkScheme",
        "ComputeChecksums",
        "CheckCellMetadata",
    )
    for step in steps:
        notebook, _ = getattr(preprocessors, step)(config=config).preprocess(notebook, {})
    return notebook


def _exchange(fresh: Path, root: Path, names: set[str] | None, write: bool) -> list[Path]:
    """Make `root` equal to `fresh`, and return what was not."""
    wanted = {path.relative_to(fresh): path.read_bytes() for path in fresh.rglob("*") if path.is_file()}
    folders = (root / "labs").iterdir() if (root / "labs").is_dir() else ()
    present = {
        path.relative_to(root)
        for folder in folders
        if names is None or folder.name in names
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
    }
    changed = []
    for path, content in wanted.items():
        target = root / path
        if not target.is_file() or target.read_bytes() != content:
            changed.append(target)
            if write:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    for path in present - set(wanted):
        changed.append(root / path)
        if write:
            (root / path).unlink()
    return sorted(changed)
