"""Execute a compiled pipeline: each task in a cell of its own that holds the artifacts wired to it and no more.

What a task wrote comes out of its cell before the next one begins, and is hashed here. The file of data is there for
those tasks only to which the pipeline's parameter with its name comes straight.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from checker.tasks.cells import Cells, Silent, Work
from checker.tasks.executed import below, metadata_of, read_output, sum_of_folder, values_of
from checker.tasks.luggage import Files, left_of, pack, parts_of

LARGEST_KEPT = 192 << 20
LARGEST_TEXT = 512 << 10
LARGEST_INPUT = 512 << 10
LARGEST_TEXTS = 1 << 20
LONGEST_PRINTED = 4 << 10
PROGRAM = ".component/ephemeral_component.py"
"""The name that kfp's own command gives to the module."""
OUT = "out"
REFERENCE = re.compile(r"\{\{\$\.inputs\.parameters\[['\"]([^'\"\]]{1,200})['\"]\]\}\}")
UNIQUE = re.compile(r"\{\{\$\.[a-z_]{1,60}\}\}")
"""Names and numbers of a run, which no result may depend on."""
WITHOUT_FILE = ("system.Metrics", "system.ClassificationMetrics", "system.SlicedClassificationMetrics")


@dataclass(frozen=True)
class Made:
    """An artifact: its files by their paths below it, or under the empty name the file that it is.

    An imported one has the `path` of the file of data, and no files.
    """

    kind: str
    metadata: dict[str, Any] = field(default_factory=dict)
    files: Files = field(default_factory=dict)
    path: str = ""

    @property
    def sha256(self) -> str | None:
        """The sum of the file, or of the folder; None where nothing was written."""
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}
        return sums[""] if "" in sums else sum_of_folder(sums) if sums else None

    @property
    def text(self) -> str | None:
        """The content of a short text; None where it is none."""
        content = self.files.get("", b"\xff")
        with contextlib.suppress(UnicodeDecodeError):
            return content.decode("utf-8") if len(content) <= LARGEST_TEXT else None
        return None


@dataclass
class Result:
    """What came of a task."""

    told: dict[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, Made] = field(default_factory=dict)


class Missing(Exception):
    """A task whose inputs are not all there; the message says which."""


def run(request: dict[str, Any], cells: Cells) -> dict[str, Any]:
    """Return for each case {"tasks": [...], "texts": {output: text}}, for the first also {"others": {task: {...}}}.

    `request`: `seconds` is what one task may take, `together` what all may; `tasks` come in an order in which they can
    be run, each with `name`, `component` and its wires as the records of evidence have them, and `source`, the number
    of its file in the folder `source` of the payload; `texts` maps names to {"task", "key"}; `sums` has for each task
    the SHA-256 sums that somebody else found for its artifacts. `cases` maps names to {"arguments", "path", "data"}:
    the folder `data` of the payload has the file of data for `path`. When a task of the first case fails, no other
    case is tried.
    """
    parts = parts_of(cells)
    known: dict[str, Result] = {}
    first: dict[str, str] = {}
    answers: dict[str, Any] = {}
    kept, ends = 0, time.monotonic() + request["together"]
    for number, (name, case) in enumerate(request["cases"].items()):
        results: dict[str, Result] = {}
        data = parts[case["data"]]["data"]
        for task in request["tasks"]:
            try:
                given = _given(task, results, case)
            except Missing as missing:
                results[task["name"]] = Result({"problem": str(missing)})
                break
            key = _key(task, given, data)
            if number == 0:
                first[task["name"]] = key
            if key not in known and time.monotonic() > ends:
                late = f"all tasks together did not end within {request['together']:g} seconds"
                known[key] = Result({"problem": late})
            if key not in known:
                files = {PROGRAM: parts["source"].get(str(task["source"]), b"")}
                files |= {given.path: data} if given.path else {}
                known[key] = _result(task["component"], given, files, cells, request["seconds"])
                kept += sum(len(each) for made in known[key].artifacts.values() for each in made.files.values())
                if kept > LARGEST_KEPT:
                    known[key] = Result({"problem": f"all artifacts together are more than {LARGEST_KEPT >> 20} MiB"})
            result = known[key]
            results[task["name"]] = dataclasses.replace(
                result, told=result.told | {"ran": key != first.get(task["name"])}
            )
            if result.told.get("problem"):
                break
        answers[name] = {
            "tasks": [{"name": each, **result.told} for each, result in results.items()],
            "texts": _texts(results, request["texts"]),
        }
        if number == 0:
            answers[name]["others"] = _others(results, request["sums"])
            if any(result.told.get("problem") for result in results.values()):
                break
    return answers


def _texts(results: Mapping[str, Result], wanted: Mapping[str, Any]) -> dict[str, str]:
    texts = {}
    for name, each in wanted.items():
        made = results[each["task"]].artifacts.get(each["key"]) if each["task"] in results else None
        if made is not None and (text := made.text) is not None:
            texts[name] = text
    return texts


def _others(results: Mapping[str, Result], sums: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the texts of artifacts that somebody else found to be others."""
    left = LARGEST_TEXTS
    texts: dict[str, dict[str, str]] = {}
    for name, result in results.items():
        for key, made in result.artifacts.items():
            wanted, text = sums.get(name, {}).get(key), made.text
            if wanted and wanted != made.sha256 and text is not None and len(text) <= left:
                texts.setdefault(name, {})[key] = text
                left -= len(text)
    return texts


@dataclass(frozen=True)
class Given:
    """What a task gets: values, artifacts, and the path of the file of data, if it is wired to it."""

    parameters: dict[str, Any]
    artifacts: dict[str, Made]
    path: str


def _given(task: Mapping[str, Any], results: Mapping[str, Result], case: Mapping[str, Any]) -> Given:
    """Return what is wired to a task; raises Missing."""
    component, arguments = task["component"], case["arguments"]
    values: dict[str, Any] = {}
    for key, source in task["parameters"].items():
        if source["kind"] == "constant":
            values[key] = source["value"]
        elif source["kind"] == "pipeline":
            if source["name"] not in arguments:
                raise Missing(f"the pipeline's parameter `{source['name']}` has no value")
            values[key] = arguments[source["name"]]
        elif source["name"] not in (made := results[source["task"]].parameters):
            raise Missing(f"`{source['task']}` gave no value for its output `{source['name']}`")
        else:
            values[key] = made[source["name"]]
    values = {key: _filled(value, values) for key, value in values.items()}
    for key, port in component["parameters"].items():
        if key not in values and port["default"] is not None:
            values[key] = port["default"]
        if port["type"] == "NUMBER_INTEGER" and isinstance(values.get(key), float):
            values[key] = int(values[key])
    artifacts: dict[str, Made] = {}
    for key, source in task["artifacts"].items():
        there = results[source["task"]].artifacts if source["kind"] == "task" else {}
        if source["name"] not in there:
            raise Missing(f"its input `{key}` comes from no task that made it")
        artifacts[key] = there[source["name"]]
    straight = case["data_name"] in {each["name"] for each in task["parameters"].values() if each["kind"] == "pipeline"}
    imported = any(each.path for each in artifacts.values())
    return Given(values, artifacts, case["path"] if straight or imported else "")


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Return a value with the references to other inputs in it replaced, as kfp does for texts put together."""
    if not isinstance(value, str) or "{{$." not in value:
        return value

    def one(match: re.Match[str]) -> str:
        told = values.get(match[1])
        return told if isinstance(told, str) else json.dumps(told)

    return UNIQUE.sub("one-and-the-same", REFERENCE.sub(one, value))


def _key(task: Mapping[str, Any], given: Given, data: bytes) -> str:
    """Return a name for all that a task depends on: what a cluster's cache would know it by, and the data."""
    artifacts = {key: [each.kind, each.sha256, each.metadata, each.path] for key, each in given.artifacts.items()}
    sum_ = hashlib.sha256(data).hexdigest() if given.path else ""
    told = [task["name"], given.parameters, artifacts, given.path, sum_]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _result(component: Mapping[str, Any], given: Given, files: Files, cells: Cells, seconds: float) -> Result:
    """Run a task of a component in a folder with these files and its artifacts, and return what it left."""
    if component["kind"] == "importer":
        return _imported(component, given)
    for key, made in given.artifacts.items():
        files |= {f"in/{key}/{key}" + (f"/{name}" if name else ""): each for name, each in made.files.items()}
    order = {"program": PROGRAM, "function": component["function"], "given": _input(component, given)}
    if len(json.dumps(order)) > LARGEST_INPUT:
        return Result({"problem": f"the values and metadata that it gets are more than {LARGEST_INPUT >> 10} KiB"})
    with tempfile.TemporaryFile() as payload:
        pack(payload, files, [OUT])
        cell = dataclasses.replace(cells, payload=payload.fileno())
        try:
            work = Work("checker.tasks.lightweight:execute", order)
            status, left = cell.run(work, {"": "work"}, seconds, lambda folder: left_of(folder, [OUT]))
        except Silent as silence:
            return Result({"problem": f"it {silence}"})
    if type(status) is not int:
        # Learner code answered in the place of `execute`.
        return Result({"problem": "it gave no status"})
    told = {"printed": left["printed"][-LONGEST_PRINTED:]}
    if problem := left.get("too_much") or (f"it ends with status {status}" if status else None):
        return Result(told | {"problem": problem})
    return _read(component, {path: base64.b64decode(each) for path, each in left["files"].items()}, told)


def _input(component: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """Return the input of kfp's executor, paths relative to the cell's folder."""

    def artifact(name: str, kind: str, uri: str, metadata: dict[str, Any]) -> dict[str, Any]:
        title = {"schemaTitle": kind, "schemaVersion": "0.0.1"}
        return {"artifacts": [{"name": name, "type": title, "uri": uri, "metadata": metadata}]}

    return {
        "inputs": {
            "parameterValues": given.parameters,
            "artifacts": {
                key: artifact(key, each.kind, each.path or f"in/{key}/{key}", each.metadata)
                for key, each in given.artifacts.items()
            },
        },
        "outputs": {
            "parameters": {key: {"outputFile": f"{OUT}/{key}"} for key in component["output_parameters"]},
            "artifacts": {
                key: artifact(key, kind, f"{OUT}/{key}", {}) for key, kind in component["output_artifacts"].items()
            },
            "outputFile": f"{OUT}/executor_output.json",
        },
    }


def _imported(component: Mapping[str, Any], given: Given) -> Result:
    uri = component["uri"] or {}
    said = given.parameters.get(str(uri.get("name"))) if uri.get("kind") == "pipeline" else uri.get("value")
    if not given.path or said != given.path:
        return Result({"problem": "it imports something else than what the pipeline's parameter for the data names"})
    kinds = component["output_artifacts"]
    nothing: dict[str, Any] = {"sha256": None, "size": 0, "metadata": {}}
    return Result(
        {"artifacts": dict.fromkeys(kinds, nothing)},
        {},
        {key: Made(kind, path=given.path) for key, kind in kinds.items()},
    )


def _read(component: Mapping[str, Any], left: Files, told: dict[str, Any]) -> Result:
    """Return what a task wrote, which may be anything."""
    try:
        said = read_output(left.get(f"{OUT}/executor_output.json", b"{}"))
        written = {path.removeprefix(f"{OUT}/"): content for path, content in left.items()}
        parameters = values_of(said, component["output_parameters"], written)
    except ValueError as error:
        return Result(told | {"problem": f"what it returns cannot be read: {error}"})
    artifacts = {}
    for key, kind in component["output_artifacts"].items():
        at = f"{OUT}/{below(said, key, f'/{OUT}/')}"
        files = {path.removeprefix(at).removeprefix("/"): content for path, content in left.items()
                 if path == at or path.startswith(f"{at}/")}  # fmt: skip
        if not files and kind not in WITHOUT_FILE:
            beside = sorted(path for path in left if path.startswith(at))
            hint = f"; it wrote `{beside[0].removeprefix(f'{OUT}/')}` beside it" if beside else ""
            return Result(told | {"problem": f"it writes nothing at the path of its output `{key}`{hint}"})
        artifacts[key] = Made(kind, metadata_of(said, key), files)
    told |= {
        "parameters": parameters,
        "artifacts": {
            key: {"sha256": each.sha256, "size": sum(map(len, each.files.values())), "metadata": each.metadata}
            for key, each in artifacts.items()
        },
    }
    return Result(told, parameters, artifacts)
