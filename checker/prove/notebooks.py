"""Run a learner's notebook again, on their data and on data that they never saw."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checker.collect.reading import Unreadable, matching, read_plain
from checker.course import Lab, NotebookProof
from checker.evidence.foreign import ForeignText, parse_json
from checker.evidence.proofs import NotebookRun
from checker.jail import Limits, run_task
from checker.recipes import make_fixtures, make_table
from checker.workspace import Workspace

LARGEST_COPIED = 32 << 20
LARGEST_OUTPUT = 1 << 20


def rerun(proof: NotebookProof, lab: Lab, workspace: Workspace, key: bytes) -> Iterator[NotebookRun]:
    """Run the notebook case by case, each in a copy of the declared files in a folder of its own."""
    if not (workspace.path / proof.notebook).is_file():
        for name in proof.cases:
            yield NotebookRun(notebook=proof.notebook, case=name, problem="it is not there")
        return
    with tempfile.TemporaryDirectory(prefix="checker-rerun-") as scratch:
        cases: dict[str, Any] = {}
        rows: dict[str, dict[str, int]] = {}
        outputs: dict[str, Path] = {}
        fixtures = make_fixtures(lab, workspace.identity.seed)
        try:
            for name, case in proof.cases.items():
                folder = Path(scratch, name)
                _copy(lab, workspace.path, folder, fixtures)
                parameters = dict(case.parameters)
                rows[name] = {}
                for parameter, recipe in case.data.items():
                    table = make_table(recipe, workspace.identity.seed, key)
                    (folder / f"hidden-{parameter}.csv").write_bytes(table.to_csv())
                    parameters[parameter] = f"hidden-{parameter}.csv"
                    rows[name][parameter] = len(table)
                outputs[name] = folder / "checker-output" / "scores.json"
                outputs[name].parent.mkdir()
                parameters[proof.output] = str(outputs[name].relative_to(folder))
                cases[name] = {"folder": str(folder), "parameters": parameters}
        except Unreadable as error:
            for name in proof.cases:
                yield NotebookRun(notebook=proof.notebook, case=name, problem=f"a declared file {error}")
            return
        request = {"notebook": proof.notebook, "cases": cases}
        answer = run_task("notebook", request, Path(scratch), Limits(seconds=proof.seconds, cpu_seconds=proof.seconds))
        problems = answer.value if isinstance(answer.value, dict) else {}
        for name in proof.cases:
            problem = answer.problem or problems.get(name)
            output = None
            if problem is None:
                output, problem = _output(outputs[name], Path(scratch), proof.output)
            yield NotebookRun(
                notebook=proof.notebook,
                case=name,
                output=output,
                rows=rows[name],
                problem=None if problem is None else str(problem)[:500],
            )


def _copy(lab: Lab, source: Path, target: Path, fixtures: dict[str, bytes]) -> None:
    """Copy the declared files, and put the world's own data where the learner may have changed it."""
    target.mkdir()
    total = 0
    for path in matching(source, (*lab.evidence.files, *lab.evidence.notebooks)):
        content = read_plain(source / path, source, LARGEST_COPIED)
        total += len(content)
        if total > LARGEST_COPIED:
            raise Unreadable("is one too many: together they have more than 32 MiB")
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)
    for path, content in fixtures.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)


def _output(path: Path, root: Path, parameter: str) -> tuple[object, str | None]:
    """Return the JSON that the notebook wrote, or what is wrong with it."""
    try:
        return parse_json(read_plain(path, root, LARGEST_OUTPUT).decode("utf-8")), None
    except FileNotFoundError:
        return None, f"it ran, but wrote nothing to the path that its parameter `{parameter}` names"
    except (Unreadable, UnicodeDecodeError, ForeignText, OSError) as error:
        return None, f"what it wrote to `{parameter}` {error}"
