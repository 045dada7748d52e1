"""Collect a pipeline of kfp from its IR and from the folder of its newest local run, without importing kfp.

Read is what kfp's compiler 2 writes for a pipeline of plain tasks: no conditions, loops or pipelines inside. Nothing
is run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from checker.collect.reading import CHUNK, Unreadable, open_plain, read_plain
from checker.declarations import KfpSource
from checker.evidence.foreign import LARGEST, ForeignText, mapping, parse_yaml, sequence
from checker.evidence.kfp import Artifact, Component, Ir, Kfp, LocalRun, Output, Port, RunTask, Source, Task
from checker.tasks.executed import below, metadata_of, plain, read_output, sound, sum_of_folder, values_of
from checker.text import clean

MOST_TASKS = 40
MOST_PORTS = 60
MOST_FILES = 300
MOST_RUNS = 2_000
LARGEST_RUN = 64 << 20
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
STARTED = r"-\d{4}(?:-\d\d){5}-\d{6}"
"""How the local runner tells the time at the end of a run's name."""
OUTPUT_FILE = "executor_output.json"
EXECUTOR = "kfp.dsl.executor_main"
CONTROL = ("triggerPolicy", "parameterIterator", "artifactIterator", "iteratorPolicy")


def collect_kfp(root: Path, source: KfpSource) -> Kfp:
    """Read the pipeline and its newest run in `root`. Whatever foreign bytes lead to is a problem of theirs."""
    ir = _collected_ir(root, source.pipeline)
    try:
        run = collect_run(root, source.runs, ir)
    except Exception as error:
        run = LocalRun(name="", problem=clean(f"cannot be read: {type(error).__name__}: {error}"))
    return Kfp(pipeline=ir, runs=source.runs, run=run)


def _collected_ir(root: Path, path: str) -> Ir:
    try:
        return read_ir(read_plain(root / path, root, LARGEST).decode("utf-8-sig"), path)
    except FileNotFoundError:
        return Ir(path=path)
    except UnicodeDecodeError:
        problem = "it is no UTF-8 text"
    except (Unreadable, ForeignText) as error:
        problem = f"it {error}" if isinstance(error, Unreadable) else str(error)
    except Exception as error:
        problem = clean(f"it cannot be read: {type(error).__name__}: {error}")
    return Ir(path=path, present=True, problem=problem)


def read_ir(text: str, path: str) -> Ir:
    """Return what the text of an IR describes; raises ForeignText where it is none.

    What a compiler writes after a line of `---` is for one platform, and is not looked at.
    """
    first = re.split(r"^---[ \t]*\r?$", text.removeprefix("---\n"), maxsplit=1, flags=re.MULTILINE)[0]
    return ir_of(parse_yaml(first), path)


def ir_of(data: Any, path: str) -> Ir:
    """Return what the data of an IR describe; raises as `read_ir`."""
    if not isinstance(data, dict) or not all(isinstance(data.get(key), dict) for key in ("root", "pipelineInfo")):
        raise ForeignText("it is no compiled pipeline: it has no `root` and no `pipelineInfo`", "an IR")
    graph = mapping(data["root"])
    tasks = mapping(mapping(graph.get("dag")).get("tasks"))
    if not tasks:
        raise ForeignText("it is one component and no pipeline, or a pipeline without tasks", "a pipeline")
    if len(tasks) > MOST_TASKS:
        raise ForeignText(f"it has {len(tasks)} tasks", f"at most {MOST_TASKS}")
    executors = mapping(mapping(data.get("deploymentSpec")).get("executors"))
    known = {
        _name(name): _component(name, mapping(each), executors) for name, each in _few(data.get("components")).items()
    }
    made = [_task(name, mapping(each), known) for name, each in tasks.items()]
    interface = mapping(graph.get("inputDefinitions"))
    if _few(interface.get("artifacts")):
        raise ForeignText("the pipeline has artifacts as inputs", "parameters")
    return Ir(
        path=path,
        present=True,
        name=clean(mapping(data["pipelineInfo"]).get("name", ""), 200),
        parameters=_ports(interface.get("parameters"), "parameterType"),
        outputs=_outputs(graph, {task.name: task for task in made}, known),
        components=known,
        tasks=_in_order(made),
    )


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ForeignText(f"the name `{clean(name, 60)}` has characters that kfp does not give it", "a name")
    return name


def _few(value: Any) -> dict[str, Any]:
    found = mapping(value)
    if len(found) > MOST_PORTS:
        raise ForeignText(f"{len(found)} names in one place", f"at most {MOST_PORTS}")
    return found


def _ports(value: Any, kind: str) -> dict[str, Port]:
    ports = {}
    for name, each in _few(value).items():
        said = mapping(each)
        if said.get("isArtifactList"):
            raise ForeignText(f"`{_name(name)}` is a list of artifacts", "single artifacts")
        title = mapping(said.get("artifactType")).get("schemaTitle") if kind == "artifactType" else said.get(kind)
        optional = said.get("isOptional") is True or "defaultValue" in said
        ports[_name(name)] = Port(type=clean(title, 80), optional=optional, default=plain(said.get("defaultValue")))
    return ports


def _types(value: Any, kind: str) -> dict[str, str]:
    return {name: port.type for name, port in _ports(value, kind).items()}


def _component(name: str, data: dict[str, Any], executors: dict[str, Any]) -> Component:
    executor = mapping(executors.get(str(data.get("executorLabel"))))
    container, importer = mapping(executor.get("container")), mapping(executor.get("importer"))
    inputs, outputs = mapping(data.get("inputDefinitions")), mapping(data.get("outputDefinitions"))
    source, function = _program(container)
    resources = mapping(container.get("resources"))
    kind: Literal["python", "importer", "other"] = "python" if function else "importer" if importer else "other"
    return Component(
        name=name,
        kind=kind,
        parameters=_ports(inputs.get("parameters"), "parameterType"),
        artifacts=_ports(inputs.get("artifacts"), "artifactType"),
        output_parameters=_types(outputs.get("parameters"), "parameterType"),
        output_artifacts=_types(outputs.get("artifacts"), "artifactType"),
        image=clean(container.get("image", ""), 300),
        source=source,
        function=function,
        uri=_uri(mapping(importer.get("artifactUri"))) if importer else None,
        cpu=_limit(resources, "cpu"),
        memory=_limit(resources, "memory"),
    )


def _limit(resources: dict[str, Any], kind: str) -> str:
    """Return a limit as a text: as it was given, or in newer IRs under a name of its own."""
    value = resources.get(f"resource{kind.title()}Limit", resources.get(f"{kind}Limit"))
    return clean(value, 40) if isinstance(value, (str, int, float)) and value and value is not True else ""


def _uri(said: dict[str, Any]) -> Source:
    if "runtimeParameter" in said:
        return Source(kind="pipeline", name=clean(said["runtimeParameter"], 100))
    constant = said.get("constant")
    return Source(kind="constant", value=plain(mapping(constant).get("stringValue", constant)))


def _program(container: dict[str, Any]) -> tuple[str, str]:
    """Return module and function of a lightweight Python component; empty texts where it is none."""
    command = [each for each in sequence(container.get("command")) if isinstance(each, str)]
    arguments = [each for each in sequence(container.get("args")) if isinstance(each, str)]
    for number, part in enumerate(command[:-1]):
        if EXECUTOR in part and '"$program_path/ephemeral_component.py"' in part and '"$@"' in part:
            named = dict(pairwise(arguments)).get("--function_to_execute", "")
            if FUNCTION.fullmatch(named) and sound(command[number + 1], LARGEST) == command[number + 1]:
                return command[number + 1], named
    return "", ""


def _task(name: str, data: dict[str, Any], known: dict[str, Component]) -> Task:
    _name(name)
    component = known.get(str(mapping(data.get("componentRef")).get("name")))
    if component is None:
        raise ForeignText(f"task `{name}` names a component that is not there", "the IR as it was compiled")
    if any(each in data for each in CONTROL):
        raise ForeignText(
            f"task `{name}` is in a condition, a loop or an exit handler, which this course does not run", "plain tasks"
        )
    inputs = mapping(data.get("inputs"))
    parameters = {key: _source(name, key, each) for key, each in _few(inputs.get("parameters")).items()}
    artifacts = {key: _source(name, key, each) for key, each in _few(inputs.get("artifacts")).items()}
    after = [each for each in sequence(data.get("dependentTasks"))[:MOST_TASKS] if isinstance(each, str)]
    retries = mapping(data.get("retryPolicy")).get("maxRetryCount")
    return Task(
        name=name,
        component=component.name,
        parameters=parameters,
        artifacts=artifacts,
        after=tuple(after),
        cached=mapping(data.get("cachingOptions")).get("enableCache") is True,
        retries=retries if type(retries) is int and 0 <= retries < 1000 else 0,
    )


def _source(task: str, key: str, data: Any) -> Source:
    _name(key)
    said = mapping(data)
    for kind, output in (("taskOutputParameter", "outputParameterKey"), ("taskOutputArtifact", "outputArtifactKey")):
        if kind in said:
            made = mapping(said[kind])
            return Source(kind="task", name=str(made.get(output))[:100], task=str(made.get("producerTask"))[:100])
    if isinstance(said.get("componentInputParameter"), str):
        return Source(kind="pipeline", name=said["componentInputParameter"][:100])
    if "runtimeValue" in said:
        return Source(kind="constant", value=plain(mapping(said["runtimeValue"]).get("constant")))
    raise ForeignText(f"the input `{key}` of task `{task}` has a source that this course does not run", "plain tasks")


def _outputs(graph: dict[str, Any], tasks: dict[str, Task], known: dict[str, Component]) -> dict[str, Output]:
    """Return the outputs of the pipeline, each of which a task must make."""
    declared = mapping(graph.get("outputDefinitions"))
    made = mapping(mapping(graph.get("dag")).get("outputs"))
    types = _types(declared.get("artifacts"), "artifactType") | _types(declared.get("parameters"), "parameterType")
    outputs = {}
    for kind in ("artifacts", "parameters"):
        for name, each in _few(made.get(kind)).items():
            if kind == "artifacts":
                selected = sequence(mapping(each).get("artifactSelectors"))
                said = mapping(selected[0]) if len(selected) == 1 else {}
                key = said.get("outputArtifactKey")
            else:
                said = mapping(mapping(each).get("valueFromParameter"))
                key = said.get("outputParameterKey")
            task = tasks.get(str(said.get("producerSubtask")))
            component = known[task.component] if task else None
            there = (component.output_artifacts, component.output_parameters) if component else ({}, {})
            if task is None or name not in types or key not in there[kind == "parameters"]:
                raise ForeignText(f"the output `{clean(name, 60)}` of the pipeline comes from no single task", "a task")
            outputs[_name(name)] = Output(type=types[name], task=task.name, key=str(key))
    return outputs


def _in_order(tasks: list[Task]) -> tuple[Task, ...]:
    """Return the tasks so that each comes after those that it needs or waits for."""
    by_name = {task.name: task for task in tasks}
    needs = {task.name: {each.task for each in task.inputs if each.kind == "task"} | {*task.after} for task in tasks}
    missing = {each for names in needs.values() for each in names} - by_name.keys()
    if missing:
        raise ForeignText(f"the task `{clean(min(missing), 60)}` is waited for, and is not there", "all tasks")
    try:
        return tuple(by_name[name] for name in TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise ForeignText(f"the tasks {', '.join(error.args[1][:5])} need each other in a circle", "none") from None


def collect_run(root: Path, runs: str, ir: Ir) -> LocalRun | None:
    """Return what the newest local run of a pipeline left; None where there is no run."""
    folder = root / runs
    if not ir.tasks or folder.is_symlink() or not folder.is_dir():
        return None
    name = re.compile(re.escape(ir.name) + STARTED)
    with os.scandir(folder) as entries:
        found = [each.name for each, _ in zip(entries, range(MOST_RUNS), strict=False)
                 if name.fullmatch(each.name) and each.is_dir(follow_symlinks=False)]  # fmt: skip
    if not found:
        return None
    newest = max(found)
    reader = _Reader(root, f"{runs}/{newest}")
    try:
        tasks = {each.folder: reader.task(each) for each in ir.components.values() if each.kind == "python"}
    except Unreadable as error:
        return LocalRun(name=newest, problem=str(error))
    return LocalRun(name=newest, tasks=tasks, files=tuple(sorted(reader.files)))


class _Reader:
    """Reads what the tasks of one run left, up to a bound for all of them together."""

    def __init__(self, root: Path, run: str) -> None:
        self._root, self._run, self._left = root, run, LARGEST_RUN
        self.files: set[str] = set()

    def task(self, component: Component) -> RunTask:
        """Return what one task left."""
        folder = f"{self._run}/{component.folder}"
        try:
            said = read_output(self._read(f"{folder}/{OUTPUT_FILE}", LARGEST))
        except FileNotFoundError:
            return RunTask(problem=f"there is no `{OUTPUT_FILE}`")
        except (OSError, ValueError):
            return RunTask(problem=f"`{OUTPUT_FILE}` cannot be read")
        files = {}
        for name in component.output_parameters:
            with contextlib.suppress(OSError):
                files[name] = self._read(f"{folder}/{name}", LARGEST)
        try:
            parameters = values_of(said, component.output_parameters, files)
        except ValueError as error:
            return RunTask(problem=str(error))
        end = "/".join(folder.split("/")[-2:])
        artifacts = {
            name: self._artifact(f"{folder}/{below(said, name, f'{end}/')}", metadata_of(said, name))
            for name in component.output_artifacts
        }
        return RunTask(parameters=parameters, artifacts=artifacts)

    def _artifact(self, path: str, metadata: dict[str, Any]) -> Artifact:
        place = self._root / path
        if place.is_symlink() or not place.is_dir():
            try:
                sum_, size = self._sum(path)
            except OSError:
                return Artifact(metadata=metadata)
            return Artifact(sha256=sum_, size=size, metadata=metadata)
        sums, total = {}, 0
        for name in sorted(_below(place)):
            try:
                sums[name], size = self._sum(f"{path}/{name}")
            except OSError:
                continue
            total += size
        return Artifact(sha256=sum_of_folder(sums) if sums else None, size=total, metadata=metadata)

    def _sum(self, path: str) -> tuple[str, int]:
        """Return sum and size of a plain file; raises OSError where there is none."""
        digest, size = hashlib.sha256(), 0
        try:
            with open_plain(self._root / path, self._root) as file:
                self._charge(os.fstat(file.fileno()).st_size)
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
        except _TooMuch:
            raise
        except (Unreadable, ValueError) as error:
            raise FileNotFoundError(path) from error
        self.files.add(path)
        return digest.hexdigest(), size

    def _read(self, path: str, largest: int) -> bytes:
        try:
            content = read_plain(self._root / path, self._root, largest)
        except Unreadable as error:
            raise OSError(path) from error
        self._charge(len(content))
        self.files.add(path)
        return content

    def _charge(self, size: int) -> None:
        self._left -= size
        if self._left < 0 or len(self.files) > MOST_FILES:
            raise _TooMuch(f"has more than {MOST_FILES} files, or {LARGEST_RUN >> 20} MiB")


class _TooMuch(Unreadable):
    """A run that is larger than what is read."""


def _below(folder: Path) -> Iterator[str]:
    for above, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            yield Path(os.path.relpath(Path(above, name), folder)).as_posix()
