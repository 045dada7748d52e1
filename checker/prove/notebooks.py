"""Run a learner's notebook again, on their data and on data that they never saw.

A case may be a twin of another: the same rows to train on, and the held-out rows with labels that are not theirs.
A model that has not seen those labels says the same as before; a forged score or a leak shows.
"""

from __future__ import annotations

import builtins
import random
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.collect.reading import Unreadable, matching, read_plain
from checker.course import Lab
from checker.declarations import NotebookCase, NotebookProof
from checker.evidence.foreign import ForeignText, mapping, parse_json
from checker.evidence.proofs import NotebookRun
from checker.jail import PATIENCE, Jail, Limits
from checker.keys import derive
from checker.recipes import make_fixtures, make_table
from checker.workspace import Workspace
from checker.world.facts import LABEL

if TYPE_CHECKING:
    from checker.world import Table

LARGEST_COPIED = 32 << 20
PRELOADED = (
    "IPython.core.interactiveshell",
    "pandas",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.model_selection",
)
"""What a notebook is likely to import, paid for once and not in each case."""
OUTPUT = Path("output", "result.json")
OUR_WORDS = re.compile(
    r"it (did not (answer|end) within \d{1,6} seconds|used more than \d{1,6} seconds of CPU time|"
    r"ended its process before it answered|started \d{1,6} (processes|threads)|took \d{1,6} MiB of memory|"
    r"ran, but wrote nothing)"
    r"|what it wrote as its output (is no plain file|cannot be read)"
)
FAILED_CELL = re.compile(r"(code cell \d{1,4} ends with) ([A-Z][A-Za-z]{1,40})\b")
KEPT_BACK = "its words are kept back, since they may quote rows that you are not to see"
STARTING = 60
"""Seconds for the imports; each case has its own limit, so that a slow one costs no other its turn."""


@dataclass(frozen=True)
class Trial:
    """What one case gives the notebook, and the `truth`: the same tables with the labels that the features have.

    What is `hidden` from learners may not come to them in the words of their own notebook.
    """

    parameters: dict[str, Any]
    tables: dict[str, Table]
    truth: dict[str, Table]
    hidden: bool


def rerun(proof: NotebookProof, lab: Lab, workspace: Workspace, key: bytes, jail: Jail) -> Iterator[NotebookRun]:
    """Run the notebook case by case; twins in a task of their own, once it is known what their originals held out."""
    if not (workspace.path / proof.notebook).is_file():
        yield from _all(proof, proof.cases, "it is not there")
        return
    try:
        files = _brought(proof, lab, workspace)
    except Unreadable as error:
        yield from _all(proof, proof.cases, f"a declared file {error}")
        return
    seed = workspace.identity.seed
    originals = {name: _original(case, seed, key) for name, case in proof.cases.items() if not case.twin_of}
    runs = {run.case: run for run in _run(proof, files, originals, jail)}
    yield from runs.values()
    twins = {name: case.twin_of for name, case in proof.cases.items() if case.twin_of}
    if silent := [name for name, original in twins.items() if runs[original].problem]:
        yield from _all(proof, silent, "it was not tried, since the case before it did not run")
    trials = {
        name: _twin(originals[original], _listed(runs[original].output, proof.held_out), key)
        for name, original in twins.items()
        if name not in silent
    }
    if trials:
        yield from _run(proof, files, trials, jail)


def _all(proof: NotebookProof, names: Iterable[str], problem: str) -> Iterator[NotebookRun]:
    for name in names:
        yield NotebookRun(notebook=proof.notebook, case=name, problem=problem)


def _original(case: NotebookCase, seed: int, key: bytes) -> Trial:
    """Return the case as course.yaml has it; held-out rows in an order from which no time can be read."""
    tables = {}
    for parameter, recipe in case.data.items():
        table = make_table(recipe, seed, key)
        tables[parameter] = _moved(table, range(len(table)), key) if recipe.holdout else table
    return Trial(dict(case.parameters), tables, tables, any(recipe.holdout for recipe in case.data.values()))


def _twin(original: Trial, held_out: list[int], key: bytes) -> Trial:
    """Return the same case, but the features of the held-out rows change places and leave their labels behind.

    So the split and all that is trained on stay, and what is said of each held-out row should go with its features.
    """
    truth = {name: _moved(table, held_out, key) for name, table in original.tables.items()}
    tables = {
        name: table.with_columns({LABEL: original.tables[name][LABEL]}) if LABEL in table.columns else table
        for name, table in truth.items()
    }
    return Trial(original.parameters, tables, truth, original.hidden)


def _moved(table: Table, rows: Iterable[int], key: bytes) -> Table:
    """Return `table` with those of `rows` that it has in another order, which only the key tells."""
    import numpy as np

    places = [row for row in rows if 0 <= row < len(table)]
    sources = random.Random(derive(key, "moved", str(len(places)))).sample(places, len(places))  # noqa: S311 - keyed
    order = np.arange(len(table))
    order[places] = sources
    return table.take(order)


def _listed(output: Any, name: str) -> list[int]:
    """Return the different whole numbers in the list `name` of `output`, as far as there are any."""
    listed = mapping(output).get(name)
    numbers = [each for each in listed if type(each) in (int, float)] if isinstance(listed, list) else []
    return list(dict.fromkeys(int(each) for each in numbers if abs(each) < 1e15 and each == int(each)))


def _run(proof: NotebookProof, files: dict[str, bytes], trials: dict[str, Trial], jail: Jail) -> Iterator[NotebookRun]:
    """Run the notebook once for each trial, in one task, each in a folder of its own with its files and its data."""
    with tempfile.TemporaryDirectory(prefix="checker-rerun-") as scratch:
        root = Path(scratch)
        requests = {}
        for number, (name, trial) in enumerate(trials.items()):
            # Neither folder nor file names tell the notebook which case it is in.
            folder = root / f"run-{number}"
            inputs = {f"input/{parameter}.csv": table.to_csv() for parameter, table in trial.tables.items()}
            for path, content in (files | inputs).items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
            (folder / OUTPUT.parent).mkdir(exist_ok=True)
            paths = {parameter: f"input/{parameter}.csv" for parameter in trial.tables} | {proof.output: str(OUTPUT)}
            requests[name] = {"folder": folder.name, "parameters": trial.parameters | paths}
        request = {
            "notebook": proof.notebook,
            "output": str(OUTPUT),
            "seconds": PATIENCE * proof.seconds,
            "cases": requests,
        }
        limits = Limits(PATIENCE * proof.seconds * len(trials) + STARTING, proof.seconds)
        answer = jail.run("notebook", request, root, limits, _wanted(files[proof.notebook]))
    answers = mapping(answer.value)
    for name, trial in trials.items():
        output, problem = _output(answers.get(name), proof.output, trial)
        if answer.problem:
            output, problem = None, answer.problem
        facts = _facts(trial.truth)
        yield NotebookRun(notebook=proof.notebook, case=name, output=output, **facts, problem=problem)


def _without_texts(output: Any) -> Any:
    """Return a JSON value with its keys and numbers alone."""
    if isinstance(output, dict):
        return {key: _without_texts(value) for key, value in output.items()}
    if isinstance(output, list):
        return [_without_texts(value) for value in output]
    return "text" if isinstance(output, str) else output


def _in_our_words(problem: str) -> str:
    """Return what went wrong without anything that the notebook chose to say."""
    if known := OUR_WORDS.match(problem):
        return known[0]
    failed = FAILED_CELL.match(problem)
    if failed and isinstance(kind := getattr(builtins, failed[2], None), type) and issubclass(kind, BaseException):
        return f"{failed[1]} {failed[2]}; {KEPT_BACK}"
    return f"it does not run through; {KEPT_BACK}"


def _wanted(notebook: bytes) -> list[str]:
    """Return what is worth an import before the first case."""
    return [name for name in PRELOADED if name.startswith("IPython") or name.split(".")[0].encode() in notebook]


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


def _brought(proof: NotebookProof, lab: Lab, workspace: Workspace) -> dict[str, bytes]:
    """Return the notebook and the declared modules, no earlier results, and the world's own data beside them."""
    files: dict[str, bytes] = {}
    for path in matching(workspace.path, (*lab.evidence.files, proof.notebook)):
        if path == proof.notebook or path.endswith(".py"):
            files[path] = read_plain(workspace.path / path, workspace.path, LARGEST_COPIED)
            if sum(map(len, files.values())) > LARGEST_COPIED:
                raise Unreadable("is one too many: together they have more than 32 MiB")
    return files | make_fixtures(lab, workspace.identity.seed)


def _output(answer: Any, parameter: str, trial: Trial) -> tuple[object, str | None]:
    """Return the JSON that the notebook wrote, or what is wrong; the answer comes from beside learner code."""
    said = mapping(answer)
    if not isinstance(said.get("output"), str):
        problem = said.get("problem")
        problem = problem[:500] if isinstance(problem, str) else "it gave no answer"
        return None, _in_our_words(problem) if trial.hidden else problem
    try:
        output = parse_json(said["output"])
    except ForeignText as error:
        return None, f"what it wrote to `{parameter}` is {error}"
    return _without_texts(output) if trial.hidden else output, None
