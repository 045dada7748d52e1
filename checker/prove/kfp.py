"""Execute a learner's compiled pipeline again, task by task: as it is, with other arguments, and with other data.

What runs is what the IR holds, with kfp's own executor. A task sees the artifacts and values that are wired to it; the
file of data is there for those to which the parameter with its name comes straight.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.course import Lab
from checker.declarations import KfpCase, KfpProof
from checker.evidence import Evidence
from checker.evidence.foreign import mapping, sequence
from checker.evidence.kfp import IMPORTER, PYTHON, Artifact, Ir, KfpRun, LocalRun, RunTask, Task, TaskRun
from checker.evidence.proofs import SLOW
from checker.jail import PATIENCE, Answer, Jail, Limits
from checker.keys import derive
from checker.prove.commands import KEPT_BACK
from checker.prove.pipelines import MISSING_FILE, MISSING_MODULE, WORTH_IMPORTING
from checker.prove.texts import alike
from checker.recipes import make_table
from checker.tasks.executed import plain
from checker.text import clean
from checker.workspace import Workspace

if TYPE_CHECKING:
    from checker.world import Table

STARTING = 60
"""Seconds for the imports; each task has its own limit."""
TOGETHER = 120
"""Seconds of CPU time for all tasks of all cases, as far as they are waited for."""
LARGEST_ORDER = 900 << 10
LARGEST_TEXT = 1 << 20
MOST_SAID = 60
EXECUTOR = "checker.tasks.lightweight"
MOMENT = "timestamp"
LABEL = "is_fraud"
UNKNOWN = re.compile(r"NameError: name '([^'\n]{1,60})' is not defined")


@dataclass(frozen=True)
class Subject:
    """What is executed: the pipeline, the newest run that was recorded of it, and where such runs lie."""

    ir: Ir
    run: LocalRun | None
    runs: Path

    def left(self, task: Task) -> RunTask | None:
        """Return what the recorded run has of a task; None where two share its folder, or there is none."""
        alone = sum(other.component == task.component for other in self.ir.tasks) == 1
        return self.run.tasks.get(self.ir.component(task).folder) if self.run and alone else None


@dataclass(frozen=True)
class Plan:
    """A case: what the pipeline is called with, and the table at the path that is the argument for its data."""

    changed: dict[str, Any]
    arguments: dict[str, Any]
    path: str
    table: Table
    hidden: bool


def execute(lab: Lab, workspace: Workspace, evidence: Evidence, key: bytes, jail: Jail) -> Iterator[KfpRun]:
    """Execute the pipeline of a workspace, case by case."""
    proof, kfp = lab.proofs.kfp, evidence.kfp
    if proof is None:
        return
    ir = kfp.pipeline if kfp else None
    problem = None if ir and ir.tasks else (ir and ir.problem) or "there is no pipeline"
    if ir and not problem:
        problem = _cannot_run(ir, proof)
    if ir is None or problem:
        for name in proof.cases:
            yield KfpRun(case=name, problem=clean(problem, 500))
        return
    seed = workspace.identity.seed
    tables = {
        name: make_table(case.table, seed, key) if case.table else make_table(lab.fixtures[0], seed)
        for name, case in proof.cases.items()
    }
    plans = {
        name: _plan(proof, case, ir, (case.path or lab.fixtures[0].path, tables[name]), derive(key, "dealt", str(seed)))
        for name, case in proof.cases.items()
    }
    subject = Subject(ir, kfp.run if kfp else None, workspace.path / (kfp.runs if kfp else ""))
    yield from _runs(proof, subject, plans, _ask(proof, subject, plans, jail))


def _cannot_run(ir: Ir, proof: KfpProof) -> str | None:
    """Return why there is no use in trying."""
    if proof.data not in ir.parameters:
        return f"the pipeline has no parameter `{proof.data}`"
    for task in ir.tasks:
        if ir.component(task).kind not in (PYTHON, IMPORTER):
            return (
                f"task `{task.name}` is no lightweight Python component, and other containers than Python's are not run"
            )
    return None


def _plan(proof: KfpProof, case: KfpCase, ir: Ir, data: tuple[str, Table], secret: bytes) -> Plan:
    path, table = data
    changed: dict[str, Any] = {}
    for name, values in case.arguments.items():
        default = ir.parameters[name].default if name in ir.parameters else None
        changed[name] = next((value for value in values if value != default), values[0])
    defaults = {name: port.default for name, port in ir.parameters.items() if port.optional}
    arguments = {**defaults, **changed, proof.data: path}
    for name, port in ir.parameters.items():
        if port.type == "NUMBER_INTEGER" and isinstance(arguments.get(name), float):
            arguments[name] = int(arguments[name])
    if case.dealt:
        table = _dealt(table, case.dealt, str(arguments.get(proof.split)), derive(secret, case.dealt))
    return Plan(changed, arguments, path, table, case.table is not None and case.table.holdout)


def _dealt(table: Table, rows: str, day: str, secret: bytes) -> Table:
    """Return a table in which the labels before or from a day on are dealt out anew among their rows."""
    import numpy as np

    from checker.world.streams import Stream

    late = table[MOMENT] >= day
    chosen = np.flatnonzero(late if rows == "from" else ~late)
    if not len(chosen):
        return table
    labels = table[LABEL].copy()
    labels[chosen] = labels[chosen][Stream(0, "dealt", key=secret).sample(len(chosen), len(chosen))]
    return table.with_columns({LABEL: labels})


def _ask(proof: KfpProof, subject: Subject, plans: Mapping[str, Plan], jail: Jail) -> Answer:
    """Let the tasks run, each in a cell of its own."""
    ir = subject.ir
    with tempfile.TemporaryDirectory(prefix="checker-kfp-") as scratch:
        root = Path(scratch)
        numbers = {name: number for number, name in enumerate(ir.components)}
        (root / "source").mkdir()
        for name, component in ir.components.items():
            (root / "source" / str(numbers[name])).write_bytes(component.source.encode())
        cases: dict[str, Any] = {}
        for number, (name, plan) in enumerate(plans.items()):
            (root / f"data-{number}").mkdir()
            (root / f"data-{number}" / "data").write_bytes(plan.table.to_csv())
            cases[name] = {
                "arguments": plan.arguments, "path": plan.path, "data": f"data-{number}", "data_name": proof.data,
            }  # fmt: skip
        request = {
            "tasks": [_asked(task, ir) | {"source": numbers[task.component]} for task in ir.tasks],
            "cases": cases,
            "texts": {
                name: {"task": ir.outputs[name].task, "key": ir.outputs[name].key}
                for name in proof.texts
                if name in ir.outputs
            },
            "sums": {
                task.name: {key: each.sha256 for key, each in left.artifacts.items()}
                for task in ir.tasks
                if (left := subject.left(task))
            },
            "seconds": PATIENCE * proof.seconds,
            "together": PATIENCE * TOGETHER,
        }
        if len(json.dumps(request)) > LARGEST_ORDER:
            return Answer(problem="its constants and defaults are too large")
        limits = Limits(PATIENCE * (TOGETHER + proof.seconds) + STARTING, proof.seconds)
        return jail.run("kfp", request, root, limits, _wanted(ir))


def _asked(task: Task, ir: Ir) -> dict[str, Any]:
    component = ir.component(task).model_dump(exclude={"source", "image"})
    return task.model_dump(include={"name", "parameters", "artifacts"}) | {"component": component}


def _wanted(ir: Ir) -> list[str]:
    sources = "\n".join(each.source for each in ir.components.values())
    return [EXECUTOR, *(name for name in WORTH_IMPORTING if name.split(".")[0] in sources)]


def _runs(proof: KfpProof, subject: Subject, plans: Mapping[str, Plan], answer: Answer) -> Iterator[KfpRun]:
    ir, answers = subject.ir, mapping(answer.value)
    first = next(iter(plans))
    for name, plan in plans.items():
        told = mapping(answers.get(name))
        others = mapping(told.get("others"))
        said = zip(ir.tasks, sequence(told.get("tasks")), strict=False)
        tasks = tuple(_told(task, each) for task, each in said)
        if name == first:
            texts = {each.task: mapping(others.get(each.task)) for each in tasks}
            tasks = tuple(_agreeing(each, subject, texts[each.task]) for each in tasks)
        problem = answer.problem or _problem(ir, tasks, plan, proof)
        if name not in answers and not answer.problem:
            problem = "it was not tried, since the pipeline as it is did not run to its end"
        made = {each.task: each for each in tasks}
        kept = {key: made[each.task] for key, each in ir.outputs.items() if each.task in made}
        yield KfpRun(
            case=name,
            arguments=plan.changed,
            tasks=tuple(each.model_copy(update={"printed": KEPT_BACK, "problem": None}) for each in tasks)
            if plan.hidden
            else tasks,
            parameters={
                key: each.parameters[ir.outputs[key].key]
                for key, each in kept.items()
                if ir.outputs[key].key in each.parameters
            },
            metadata={
                key: each.artifacts[ir.outputs[key].key].metadata
                for key, each in kept.items()
                if ir.outputs[key].key in each.artifacts
            },
            texts={key: text for key, text in mapping(told.get("texts")).items() if isinstance(text, str)},
            table=_shown(plan.table, proof) if name == first or proof.cases[name].table else "",
            problem=problem,
        )


def _shown(table: Table, proof: KfpProof) -> str:
    return table.select([each for each in proof.columns if each in table.columns]).to_csv().decode()


def _told(task: Task, said: Any) -> TaskRun:
    """Return what came of a task; all of it comes from beside learner code."""
    said = mapping(said)
    problem, printed = said.get("problem"), said.get("printed")
    artifacts = {}
    for key, each in list(mapping(said.get("artifacts")).items())[:MOST_SAID]:
        made = mapping(each)
        sum_, size = made.get("sha256"), made.get("size")
        artifacts[key] = Artifact(
            sha256=sum_ if isinstance(sum_, str) else None,
            size=size if type(size) is int and size >= 0 else 0,
            metadata=mapping(plain(made.get("metadata"))),
        )
    return TaskRun(
        task=task.name,
        ran=said.get("ran") is not False,
        printed=printed if isinstance(printed, str) else "",
        parameters=dict(list(mapping(plain(said.get("parameters"))).items())[:MOST_SAID]),
        artifacts=artifacts,
        problem=None if problem is None else clean(problem, 300),
    )


def _agreeing(task: TaskRun, subject: Subject, others: Mapping[str, Any]) -> TaskRun:
    """Return the task with what the recorded run has of its artifacts."""
    left = subject.left(subject.ir.task(task.task))
    if subject.run is None or left is None:
        return task
    folder = subject.runs / subject.run.name / subject.ir.component(subject.ir.task(task.task)).folder
    agrees: dict[str, bool | None] = {}
    for key, made in task.artifacts.items():
        there = left.artifacts.get(key)
        if there is None or (there.sha256 is None) != (made.sha256 is None):
            agrees[key] = False
        elif there.sha256 == made.sha256:
            agrees[key] = True
        elif isinstance(text := others.get(key), str):
            agrees[key] = alike(text, _text(folder / key, subject.runs))
        else:
            agrees[key] = None
    return task.model_copy(update={"agrees": agrees})


def _text(path: Path, root: Path) -> str:
    from checker.collect.reading import Unreadable, read_plain

    try:
        return read_plain(path, root, LARGEST_TEXT).decode("utf-8")
    except (Unreadable, OSError, UnicodeDecodeError, ValueError):
        return ""


def _problem(ir: Ir, tasks: tuple[TaskRun, ...], plan: Plan, proof: KfpProof) -> str | None:
    """Return why a case did not come to its end, with the reason if it can be told."""
    for run in tasks:
        if run.problem is None:
            continue
        if plan.hidden:
            default = str(ir.parameters[proof.data].default)
            why = f"it opens `{clean(default, 120)}`, whatever `{proof.data}` names" if default in run.printed else ""
            # Names and messages may quote rows that are not to be seen.
            safe = run.problem if SLOW.search(run.problem) else "it does not come to its end"
        else:
            why, safe = _why(run.printed, plan, proof) or "", run.problem
            if not why and "status" in run.problem:
                last = next((line.strip() for line in reversed(run.printed.splitlines()) if line.strip()), "")
                why = clean(last, 200) or "it printed nothing"
        return f"task `{run.task}`: {safe}" + (f": {why}" if why else "")
    return None if len(tasks) == len(ir.tasks) else "it did not come to its end"


def _why(printed: str, plan: Plan, proof: KfpProof) -> str | None:
    """Return what a task missed, in words."""
    if found := UNKNOWN.search(printed):
        return (
            f"`{clean(found[1], 60)}` is not defined: of your file only the function itself is in the IR, so what it "
            "uses is imported or defined inside it"
        )
    if found := MISSING_MODULE.search(printed):
        return f"there is no module `{clean(found[1], 60)}`: a component does not see the files beside `pipeline.py`"
    for found in MISSING_FILE.finditer(printed):
        path = clean(found[1], 120)
        if "/in/" in found[1]:
            name = clean(found[1].rpartition("/in/")[2].split("/")[0], 60)
            return f"there is no `{path}`: of its input `{name}` only what lies at `{name}.path` is handed on"
        if found[1].endswith(plan.path):
            return (
                f"it opens `{path}`, which is only there for a task that gets the pipeline's parameter `{proof.data}` "
                "straight; all others get artifacts"
            )
        return f"there is no `{path}`: a task sees what is wired to it, and nothing else of your folder"
    return None
