"""A pipeline of kfp: the graph that its IR (the compiled YAML) describes, and what its last local run left behind."""

from __future__ import annotations

from typing import Any, Literal

from checker.errors import Failed
from checker.evidence.base import Record
from checker.text import clean

PYTHON, IMPORTER = "python", "importer"


class Port(Record):
    """An input of a component or of the pipeline. `type` is as the IR has it: `STRING`, `system.Dataset`."""

    type: str
    optional: bool = False
    default: Any = None


class Source(Record):
    """Where an input comes from: the pipeline's parameter `name`, the output `name` of `task`, or a constant."""

    kind: Literal["pipeline", "task", "constant"]
    name: str = ""
    task: str = ""
    value: Any = None


class Component(Record):
    """A component. `kind` says how it is executed; a lightweight Python component has the `source` of a module.

    `cpu` and `memory` are its limits as texts, empty where there is none. An importer has the `uri` it imports.
    """

    name: str
    kind: Literal["python", "importer", "other"]
    parameters: dict[str, Port] = {}
    artifacts: dict[str, Port] = {}
    output_parameters: dict[str, str] = {}
    output_artifacts: dict[str, str] = {}
    image: str = ""
    source: str = ""
    function: str = ""
    uri: Source | None = None
    cpu: str = ""
    memory: str = ""

    @property
    def folder(self) -> str:
        """The folder in which a local run keeps what it wrote."""
        return self.name.removeprefix("comp-")


class Task(Record):
    """A step of the pipeline: a component, and where its inputs come from. `after` are steps that it waits for."""

    name: str
    component: str
    parameters: dict[str, Source] = {}
    artifacts: dict[str, Source] = {}
    after: tuple[str, ...] = ()
    cached: bool = False
    retries: int = 0

    @property
    def inputs(self) -> tuple[Source, ...]:
        """The sources of all inputs."""
        return (*self.parameters.values(), *self.artifacts.values())

    def gets(self, parameter: str) -> bool:
        """Return whether the pipeline's parameter comes to this task straight."""
        return any(each.kind == "pipeline" and each.name == parameter for each in self.inputs)


class Output(Record):
    """An output of the whole pipeline: the output `key` of `task`."""

    type: str
    task: str
    key: str


class Ir(Record):
    """What a compiled pipeline describes. `tasks` stand in an order in which they can be run.

    `problem` says why it cannot be read; then there are no tasks.
    """

    path: str
    present: bool = False
    problem: str | None = None
    name: str = ""
    parameters: dict[str, Port] = {}
    outputs: dict[str, Output] = {}
    components: dict[str, Component] = {}
    tasks: tuple[Task, ...] = ()

    def require(self) -> Ir:
        """Return itself; the check fails when there is no pipeline that can be read."""
        if not self.present:
            raise Failed(
                f"no file `{self.path}`",
                expected=f"the compiled pipeline in `{self.path}`",
                next_step=f"compile it: `compiler.Compiler().compile(PIPELINE, '{self.path}')`",
            )
        if self.problem:
            raise Failed(
                f"`{self.path}`: {self.problem}",
                expected="what kfp's compiler writes for a pipeline of lightweight Python components",
                next_step="mend the pipeline, and compile it again",
            )
        return self

    def task(self, name: str) -> Task:
        """Return the task called `name`."""
        return next(task for task in self.tasks if task.name == name)

    def component(self, task: Task) -> Component:
        """Return the component of a task."""
        return self.components[task.component]

    def maker(self, output: str) -> Task:
        """Return the task that makes an output of the pipeline."""
        return self.task(self.outputs[output].task)

    def readers(self, parameter: str) -> tuple[Task, ...]:
        """Return the tasks to which a parameter of the pipeline comes straight."""
        return tuple(task for task in self.tasks if task.gets(parameter))

    def upstream(self, task: Task, *, artifacts: bool = False) -> set[str]:
        """Return the tasks whose outputs come to `task`, near or far; only by `artifacts`, or by parameters as well.

        What it merely waits for does not count.
        """
        found: set[str] = set()
        waiting = [task]
        while waiting:
            each = waiting.pop()
            for source in each.artifacts.values() if artifacts else each.inputs:
                if source.kind == "task" and source.task not in found:
                    found.add(source.task)
                    waiting.append(self.task(source.task))
        return found


class Artifact(Record):
    """What a run left of an artifact: SHA-256 and size of its bytes, None where there are none. Folders have both.

    The sum of a folder is that of its files' names and sums in order. `metadata` is what the step said of it.
    """

    sha256: str | None = None
    size: int = 0
    metadata: dict[str, Any] = {}


class RunTask(Record):
    """What one task left in a run's folder: its output parameters and artifacts. `problem` says what is wrong."""

    parameters: dict[str, Any] = {}
    artifacts: dict[str, Artifact] = {}
    problem: str | None = None


class LocalRun(Record):
    """A run of kfp's local runner: `tasks` by the folder that each has there, `files` below the workspace's root."""

    name: str
    tasks: dict[str, RunTask] = {}
    files: tuple[str, ...] = ()
    problem: str | None = None


class Kfp(Record):
    """The compiled pipeline, and its newest local run below the folder `runs`, if there is one."""

    pipeline: Ir
    runs: str
    run: LocalRun | None = None

    def require_run(self) -> LocalRun:
        """Return the newest run; the check fails when there is none that can be read."""
        if self.run is None:
            raise Failed(
                f"no run of `{clean(self.pipeline.name, 80)}` in `{self.runs}/`",
                expected=f"a folder such as `{self.runs}/{clean(self.pipeline.name, 80)}-2026-01-31-...`, as the local "
                "runner makes it",
                next_step=f"`local.init(..., pipeline_root='{self.runs}')`, then call the pipeline in Python",
            )
        if self.run.problem:
            raise Failed(
                f"`{self.runs}/{clean(self.run.name, 120)}` {self.run.problem}",
                expected="what the local runner leaves",
                next_step="run the pipeline again",
            )
        return self.run


class TaskRun(Record):
    """One task in one case of a pipeline's execution. `ran` says that not all of its inputs were those of before.

    In the first case `agrees` says for what the newest local run has of its artifacts whether it is the same: byte for
    byte, or in a text but for the last digits of numbers; None where that cannot be told.
    """

    task: str
    ran: bool = True
    printed: str = ""
    parameters: dict[str, Any] = {}
    artifacts: dict[str, Artifact] = {}
    agrees: dict[str, bool | None] = {}
    problem: str | None = None


class KfpRun(Record):
    """One case of a compiled pipeline's execution: its `arguments`, its tasks in order, as far as they came.

    `parameters`, `metadata` and `texts` are of the pipeline's outputs; `table` is what `data` named, with the declared
    columns, in the cases that have data of their own and in the first.
    """

    case: str
    arguments: dict[str, Any] = {}
    tasks: tuple[TaskRun, ...] = ()
    parameters: dict[str, Any] = {}
    metadata: dict[str, dict[str, Any]] = {}
    texts: dict[str, str] = {}
    table: str = ""
    problem: str | None = None

    def task(self, name: str) -> TaskRun | None:
        """Return what became of a task, or None where it was not reached."""
        return next((each for each in self.tasks if each.task == name), None)
