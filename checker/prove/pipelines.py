"""Reproduce a learner's DVC pipeline, stage by stage, with what each stage declares and nothing else.

DVC's rule says which stages a change makes out of date: those of which the command, a declared parameter or the bytes
of a dependency changed. Only these are run again. What a stage reads and does not declare is not there.
"""

from __future__ import annotations

import contextlib
import copy
import os
import posixpath
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.collect.dvc import NEVER_TRACKED
from checker.collect.pipelines import DEFINITION, PARAMS, dumped, load_params, read_pipeline, select
from checker.collect.reading import Unreadable, read_plain, walk
from checker.course import Lab
from checker.declarations import PipelineCase, PipelineProof
from checker.evidence import Evidence
from checker.evidence.foreign import LARGEST, ForeignText, mapping, sequence
from checker.evidence.pipelines import Pipeline, Stage
from checker.evidence.proofs import PipelineRun, StageRun
from checker.jail import PATIENCE, Answer, Jail, Limits
from checker.manifest import unfit
from checker.prove.commands import KEPT_BACK, LARGEST_STATUS
from checker.prove.texts import alike
from checker.recipes import make_fixtures, make_table
from checker.text import clean
from checker.workspace import Workspace

if TYPE_CHECKING:
    from checker.world import Table

LARGEST_COPIED = 16 << 20
LARGEST_TEXT = 1 << 20
MOST_FILES = 2_000
STARTING = 60
"""Seconds for the imports; each stage has its own limit."""
WORTH_IMPORTING = (
    "numpy",
    "pandas",
    "yaml",
    "joblib",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.pipeline",
    "sklearn.tree",
    "matplotlib.pyplot",
)
"""What a stage is likely to import, paid for once and not by each."""
MISSING_FILE = re.compile(r"(?:No such file or directory|cannot open|can't open file|Errno 2)[^'\n]*'([^'\n]+)'")
MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")
MISSING_KEY = re.compile(r"KeyError: '([^'\n]+)'")
Files = dict[str, bytes]


@dataclass(frozen=True)
class Plan:
    """What a case makes of the pipeline: parameters that are `changed`, its stages, and what parameter files hold."""

    changed: dict[str, Any]
    stages: tuple[Stage, ...]
    files: dict[str, Any]
    tables: dict[str, Table]
    hidden: bool


def reproduce(lab: Lab, workspace: Workspace, evidence: Evidence, key: bytes, jail: Jail) -> Iterator[PipelineRun]:
    """Reproduce the pipeline of a workspace, case by case."""
    pipeline, seed = evidence.pipeline, workspace.identity.seed
    for proof in lab.proofs.pipelines:
        if pipeline is None or not pipeline.stages:
            yield from _none(proof, (pipeline and pipeline.problem) or "there is no pipeline")
            continue
        try:
            files = _brought(pipeline, workspace, make_fixtures(lab, seed))
            plans = {name: _plan(case, workspace.path, seed, key) for name, case in proof.cases.items()}
            first = next(iter(plans))
            plans[first].tables.update({each.path: make_table(each, seed) for each in lab.fixtures})
        except (ForeignText, Unreadable) as error:
            yield from _none(proof, str(error))
            continue
        answer = _ask(proof, pipeline, files, plans, jail)
        yield from _runs(proof, pipeline, plans, answer, workspace.path)


def _ask(proof: PipelineProof, pipeline: Pipeline, files: Files, plans: Mapping[str, Plan], jail: Jail) -> Answer:
    """Let the stages run, each in a cell of its own."""
    with tempfile.TemporaryDirectory(prefix="checker-pipeline-") as scratch:
        root = Path(scratch)
        _write(root / "common", files)
        cases: dict[str, Any] = {}
        for number, (name, plan) in enumerate(plans.items()):
            _write(root / f"data-{number}", {path: table.to_csv() for path, table in plan.tables.items()})
            asked = []
            for place, stage in enumerate(plan.stages):
                _write(root / f"own-{number}-{place}", _reduced(stage, plan.files))
                asked.append(_asked(stage) | {"own": f"own-{number}-{place}"})
            cases[name] = {"data": f"data-{number}", "again": proof.cases[name].again, "stages": asked}
        locked = {link.path: link.locked for stage in pipeline.stages for link in stage.outs if link.locked}
        request = {"cases": cases, "outputs": list(proof.outputs), "sums": locked, "seconds": PATIENCE * proof.seconds}
        count = sum(len(plan.stages) for plan in plans.values())
        limits = Limits(PATIENCE * proof.seconds * count + STARTING, proof.seconds)
        return jail.run("pipeline", request, root, limits, _wanted(files))


def _runs(
    proof: PipelineProof, pipeline: Pipeline, plans: Mapping[str, Plan], answer: Answer, root: Path
) -> Iterator[PipelineRun]:
    answers = mapping(answer.value)
    first = next(iter(proof.cases))
    for name, plan in plans.items():
        told = mapping(answers.get(name))
        said = zip(plan.stages, sequence(told.get("stages")), strict=False)
        runs = tuple(_told(stage, each, plan.hidden) for stage, each in said)
        if name == first:
            runs = tuple(_agreeing(run, pipeline, mapping(told.get("others")), root) for run in runs)
        problem = answer.problem or _problem(plan.stages, runs, root, pipeline)
        if name not in answers and not answer.problem:
            problem = "it was not tried, since the pipeline as it is did not run to its end"
        yield PipelineRun(
            case=name,
            params=plan.changed,
            stages=runs,
            outputs={path: text for path, text in mapping(told.get("outputs")).items() if isinstance(text, str)},
            tables={
                path: table.select([each for each in proof.columns if each in table.columns]).to_csv().decode()
                for path, table in plan.tables.items()
            },
            problem=problem,
        )


def _none(proof: PipelineProof, problem: str) -> Iterator[PipelineRun]:
    for name in proof.cases:
        yield PipelineRun(case=name, problem=clean(problem, 500))


def _brought(pipeline: Pipeline, workspace: Workspace, fixtures: Mapping[str, bytes]) -> Files:
    """Return the files that some stage depends on and none makes. The world's own are made again.

    Raises:
        Unreadable: they are too many, or too large.
    """
    files: Files = {}
    left = LARGEST_COPIED
    for path in dependencies(pipeline, workspace.path):
        if pipeline.maker(path) or path in fixtures or unfit(path):
            continue
        try:
            content = read_plain(workspace.path / path, workspace.path, left)
        except (OSError, ValueError):
            continue
        except Unreadable as error:
            if str(error).startswith("has "):
                raise Unreadable(f"what the stages depend on has more than {LARGEST_COPIED >> 20} MiB") from None
            continue
        left -= len(content)
        files[path] = content
    return files | dict(fixtures)


def dependencies(pipeline: Pipeline, root: Path) -> Iterator[str]:
    """Yield the paths of the files below `root` that the stages name as dependencies, each once.

    Raises:
        Unreadable: they are too many.
    """
    seen: set[str] = set()
    for link in (link for stage in pipeline.stages for link in stage.deps):
        folder = root / link.path
        if folder.is_symlink() or not folder.is_dir():
            found: Iterable[str] = [link.path]
        else:
            found = _below(folder, root)
        for path in found:
            if path not in seen:
                seen.add(path)
                yield path
            if len(seen) > MOST_FILES:
                raise Unreadable(f"the stages depend on more than {MOST_FILES} files")


def _below(folder: Path, root: Path) -> Iterator[str]:
    for above, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in NEVER_TRACKED | {".checker", "__pycache__"})
        yield from (Path(os.path.relpath(Path(above, name), root)).as_posix() for name in sorted(names))


def _plan(case: PipelineCase, root: Path, seed: int, key: bytes) -> Plan:
    """Return what a case makes of the pipeline; raises ForeignText."""
    content: Any = load_params(root, PARAMS) if case.params else None
    changed: dict[str, Any] = {}
    for name, values in case.params.items():
        present, now = select(content, name)
        if not present:
            raise ForeignText(f"`{PARAMS}` has no `{name}`", "every parameter of the lab")
        changed[name] = next((value for value in values if not _same(value, now)), values[0])
        content = _with(content, name, changed[name])
    loaded: dict[str, Any] = {PARAMS: content} if case.params else {}

    def load(path: str) -> Any:
        if path not in loaded:
            loaded[path] = load_params(root, path)
        return loaded[path]

    text = read_plain(root / DEFINITION, root, LARGEST).decode("utf-8-sig")
    pipeline = read_pipeline(text, load)
    if pipeline.problem:
        raise ForeignText(pipeline.problem, "")
    tables = {path: make_table(recipe, seed, key) for path, recipe in case.data.items()}
    return Plan(changed, pipeline.stages, loaded, tables, any(recipe.holdout for recipe in case.data.values()))


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or str(one) == str(other)


def _with(content: Any, key: str, value: Any) -> Any:
    """Return parameters in which one has another value."""
    if isinstance(content, dict) and key in content:
        return content | {key: value}
    whole = copy.deepcopy(content)
    *above, last = key.split(".")
    place = whole
    for part in above:
        place = place[part]
    place[last] = value
    return whole


def _reduced(stage: Stage, params: Mapping[str, Any]) -> Files:
    """Return the parameter files of a stage with what it declares of them; as they are where it depends on them."""
    files: Files = {}
    for file in dict.fromkeys(param.file for param in stage.params):
        keys = [param.key for param in stage.params if param.file == file]
        content = params.get(file)
        if "" not in keys:
            kept: dict[str, Any] = {}
            for key in keys:
                _keep(kept, content, key)
            content = kept
        files[file] = dumped(file, content)
    for link in stage.deps:
        if link.path in params and params[link.path] is not None:
            files[link.path] = dumped(link.path, params[link.path])
    return files


def _keep(kept: dict[str, Any], content: Any, key: str) -> None:
    """Copy one parameter; one of a list brings the whole list along."""
    present, value = select(content, key)
    if not present:
        return
    if isinstance(content, dict) and key in content:
        kept[key] = value
        return
    first, *rest = re.split(r"[.\[\]]+", key.strip("[]"))
    if not rest or not isinstance(content, dict) or not isinstance(content.get(first), dict):
        if isinstance(content, dict) and first in content:
            kept[first] = content[first]
        return
    inner = kept.setdefault(first, {})
    if isinstance(inner, dict) and inner is not content[first]:
        _keep(inner, content[first], ".".join(rest))


def _asked(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "commands": list(stage.commands),
        "wdir": stage.wdir,
        "deps": [link.path for link in stage.deps],
        "outs": [link.path for link in stage.outs],
    }


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for path, content in files.items():
        # What stands in the way of another file is not there, and the stage will say so.
        with contextlib.suppress(OSError):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)


def _wanted(files: Files) -> list[str]:
    sources = b"\n".join(content for path, content in files.items() if path.endswith(".py"))
    return [name for name in WORTH_IMPORTING if name.split(".")[0].encode() in sources]


def _told(stage: Stage, said: Any, hidden: bool) -> StageRun:
    """Return what came of a stage; what it printed may be anything, and may quote what is hidden."""
    said = mapping(said)
    status, problem, printed = said.get("status"), said.get("problem"), said.get("printed")
    if problem is None and (type(status) is not int or abs(status) > LARGEST_STATUS):
        problem = "it gave no answer"
    return StageRun(
        stage=stage.name,
        ran=said.get("ran") is not False,
        status=status if problem is None else None,
        printed=KEPT_BACK if hidden else printed if isinstance(printed, str) else "",
        outs={path: md5 for path, md5 in mapping(said.get("outs")).items() if isinstance(md5, str)},
        problem=None if problem is None else clean(problem, 300),
    )


def _agreeing(run: StageRun, pipeline: Pipeline, others: dict[str, Any], root: Path) -> StageRun:
    """Return the stage with what the lock file says of its outputs."""
    stage = pipeline.stage(run.stage)
    agrees: dict[str, bool | None] = {}
    for link in stage.outs if stage else ():
        if link.locked is None or link.path not in run.outs:
            continue
        texts = {path: text for path, text in others.items() if link.holds(path) and isinstance(text, str)}
        if run.outs[link.path] == link.locked:
            agrees[link.path] = True
        elif link.current and texts:
            agrees[link.path] = all(alike(text, _text(root, path)) for path, text in texts.items())
        else:
            agrees[link.path] = None if link.current else False
    return run.model_copy(update={"agrees": agrees})


def _text(root: Path, path: str) -> str:
    try:
        return read_plain(root / path, root, LARGEST_TEXT).decode("utf-8")
    except (Unreadable, OSError, UnicodeDecodeError, ValueError):
        return ""


def _problem(stages: tuple[Stage, ...], runs: tuple[StageRun, ...], root: Path, pipeline: Pipeline) -> str | None:
    """Return why a case did not come to its end, with the reason if it can be told."""
    for stage, run in zip(stages, runs, strict=False):
        if run.problem:
            return f"stage `{stage.name}`: {run.problem}"
        if run.status:
            last = next((line.strip() for line in reversed(run.printed.splitlines()) if line.strip()), "")
            why = _undeclared(stage, run.printed, root, pipeline) or clean(last, 200) or "it printed nothing"
            return f"stage `{stage.name}` ends with status {run.status}: {why}"
        missing = [link.path for link in stage.outs if link.path not in run.outs]
        if missing:
            return f"stage `{stage.name}` does not write `{clean(missing[0], 120)}`, which it declares as its output"
    return None if len(runs) == len(stages) else "it did not come to its end"


def _undeclared(stage: Stage, printed: str, root: Path, pipeline: Pipeline) -> str | None:
    """Return what a stage missed, in words, if it is something that the workspace has."""
    if found := MISSING_MODULE.search(printed):
        name = found[1].replace(".", "/")
        scripts = [word for command in stage.commands for word in command.split() if word.endswith(".py")]
        folders = [stage.wdir, *(posixpath.join(stage.wdir, posixpath.dirname(script)) for script in scripts), "src"]
        for folder in folders:
            for path in (f"{name}.py", f"{name}/__init__.py", name.split("/")[0] + "/__init__.py"):
                if (there := posixpath.normpath(posixpath.join(folder, path))) and _is_there(root, there):
                    return f"it imports `{clean(there, 120)}`, which it does not declare among its `deps`"
    for found in MISSING_FILE.finditer(printed):
        path = posixpath.normpath(posixpath.join(stage.wdir, re.sub(r"^/tmp/work/", "", found[1])))
        if any(param.file == path for other in pipeline.stages for param in other.params) or path == PARAMS:
            return f"it reads `{clean(path, 120)}` and declares no parameter of it under `params`"
        if pipeline.maker(path) or _is_there(root, path):
            return f"it reads `{clean(path, 120)}`, which it does not declare among its `deps`"
    if found := MISSING_KEY.search(printed):
        names = {part for other in pipeline.stages for param in other.params for part in param.key.split(".")}
        declared = {part for param in stage.params if param.present for part in param.key.split(".")}
        try:
            names |= set(_names(load_params(root, PARAMS)))
        except ForeignText:
            return None
        if found[1] in names and found[1] not in declared:
            return f"it asks for the parameter `{clean(found[1], 60)}`, which it does not declare under `params`"
    return None


def _is_there(root: Path, path: str) -> bool:
    return not path.startswith(("/", "..")) and len(path) < LARGEST_STATUS and path in set(walk(root))


def _names(content: Any) -> Iterator[str]:
    for name, value in mapping(content).items():
        yield name
        yield from _names(value)
