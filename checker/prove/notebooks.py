"""Run a learner's notebook again, on their data and on data that they never saw.

A case may be a control: its labels are shuffled. Nothing can be learnt from those, so a score that stays
high there was not measured on rows that the model had not seen.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.collect.reading import Unreadable, matching, read_plain
from checker.course import Lab, NotebookCase, NotebookProof
from checker.evidence.foreign import ForeignText, mapping, parse_json
from checker.evidence.proofs import NotebookRun
from checker.jail import Limits, run_task
from checker.keys import derive
from checker.recipes import make_fixtures, make_table
from checker.workspace import Workspace
from checker.world.facts import LABEL

if TYPE_CHECKING:
    from checker.world import Table

LARGEST_COPIED = 32 << 20
OUTPUT = Path("output", "result.json")
STARTING = 60
"""Seconds for the imports; each case has its own limit, so that a slow one costs no other its turn."""


def rerun(
    proof: NotebookProof, lab: Lab, workspace: Workspace, key: bytes, confined: bool = False
) -> Iterator[NotebookRun]:
    """Run the notebook case by case, each in a folder of its own with the notebook, its modules and its data."""
    names = list(proof.cases)
    if not (workspace.path / proof.notebook).is_file():
        yield from _all(proof, names, "it is not there")
        return
    with tempfile.TemporaryDirectory(prefix="checker-rerun-") as scratch:
        root = Path(scratch)
        requests: dict[str, Any] = {}
        facts: dict[str, dict[str, Any]] = {}
        fixtures = make_fixtures(lab, workspace.identity.seed)
        try:
            for number, (name, case) in enumerate(proof.cases.items()):
                # Neither folder nor file names tell the notebook which case it is in.
                folder = root / f"run-{number}"
                _copy(proof, lab, workspace.path, folder, fixtures)
                tables = _tables(case, workspace.identity.seed, key)
                facts[name] = _facts(tables)
                parameters = dict(case.parameters)
                for parameter, table in tables.items():
                    parameters[parameter] = f"input/{parameter}.csv"
                    (folder / "input").mkdir(exist_ok=True)
                    (folder / "input" / f"{parameter}.csv").write_bytes(table.to_csv())
                (folder / OUTPUT.parent).mkdir(exist_ok=True)
                parameters[proof.output] = str(OUTPUT)
                requests[name] = {"folder": str(folder), "parameters": parameters}
        except Unreadable as error:
            yield from _all(proof, names, f"a declared file {error}")
            return
        request = {
            "notebook": proof.notebook,
            "output": str(OUTPUT),
            "seconds": proof.seconds,
            "cases": requests,
        }
        limits = Limits(proof.seconds * len(names) + STARTING, proof.seconds)
        answer = run_task("notebook", request, root, limits, confined=confined)
        answers = mapping(answer.value)
        for name in names:
            output, problem = (None, answer.problem) if answer.problem else _output(answers.get(name), proof.output)
            yield NotebookRun(
                notebook=proof.notebook,
                case=name,
                output=output,
                **facts[name],
                problem=problem,
            )


def _all(proof: NotebookProof, names: list[str], problem: str) -> Iterator[NotebookRun]:
    for name in names:
        yield NotebookRun(notebook=proof.notebook, case=name, problem=problem)


def _tables(case: NotebookCase, seed: int, key: bytes) -> dict[str, Table]:
    """Return parameter -> table; in a control, with the labels in another order."""
    tables = {parameter: make_table(recipe, seed, key) for parameter, recipe in case.data.items()}
    return {name: _shuffled(table, key) for name, table in tables.items()} if case.shuffled else tables


def _shuffled(table: Table, key: bytes) -> Table:
    import numpy as np

    if LABEL not in table.columns:
        return table
    labels = table[LABEL].tolist()
    random.Random(derive(key, "control", str(len(labels)))).shuffle(labels)  # noqa: S311 - no secret hangs on it
    return table.with_columns({LABEL: np.array(labels)})


def _facts(tables: dict[str, Table]) -> dict[str, Any]:
    """Return the counts of rows, and which rows are positive, for each parameter."""
    return {
        "rows": {name: len(table) for name, table in tables.items()},
        "positives": {
            name: tuple(number for number, label in enumerate(table[LABEL].tolist()) if label)
            for name, table in tables.items()
            if LABEL in table.columns
        },
    }


def _copy(proof: NotebookProof, lab: Lab, source: Path, target: Path, fixtures: dict[str, bytes]) -> None:
    """Copy the notebook and the declared modules, no earlier results, and put the world's own data beside them."""
    target.mkdir()
    total = 0
    for path in matching(source, (*lab.evidence.files, proof.notebook)):
        if path != proof.notebook and not path.endswith(".py"):
            continue
        content = read_plain(source / path, source, LARGEST_COPIED)
        total += len(content)
        if total > LARGEST_COPIED:
            raise Unreadable("is one too many: together they have more than 32 MiB")
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)
    for path, data in fixtures.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(data)


def _output(answer: Any, parameter: str) -> tuple[object, str | None]:
    """Return the JSON that the notebook wrote, or what is wrong; the answer comes from beside learner code."""
    said = mapping(answer)
    if not isinstance(said.get("output"), str):
        problem = said.get("problem")
        return None, problem[:500] if isinstance(problem, str) else "it gave no answer"
    try:
        return parse_json(said["output"]), None
    except ForeignText as error:
        return None, f"what it wrote to `{parameter}` is {error}"
