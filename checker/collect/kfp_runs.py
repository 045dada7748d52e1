"""Collect the runs of a pipeline from the API of Kubeflow Pipelines on a cluster, version v2beta1.

A run carries the pipeline that it was given. What that is counts, and not what it or the run is called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from checker.collect.kfp import ir_of
from checker.evidence.foreign import ForeignText, mapping, sequence
from checker.evidence.kfp import Ir
from checker.evidence.kubernetes import LONGEST, LONGEST_MESSAGE, MOST_RUNS, MOST_TASKS, PipelineRun, PipelineRuns
from checker.evidence.kubernetes import PipelineTask as Task
from checker.tasks.executed import plain
from checker.text import clean

if TYPE_CHECKING:
    from checker.collect.kubernetes import Service

API = "/apis/v2beta1"
PAGE = 10
MOST_ARGUMENTS = 60
IDENTITY = re.compile(r"[A-Za-z0-9-]{1,64}")


async def collect_runs(server: Service, pipeline: str) -> PipelineRuns:
    """Return the newest runs of a pipeline, known by the name that it was compiled with."""
    listed = mapping(await server.get(f"{API}/runs", page_size=PAGE, sort_by="created_at desc"))
    found: list[PipelineRun] = []
    others = 0
    for said in map(mapping, sequence(listed.get("runs"))[:PAGE]):
        identity = said.get("run_id")
        if len(found) == MOST_RUNS or not isinstance(identity, str) or not IDENTITY.fullmatch(identity):
            continue
        spec = await _spec(server, said)
        if mapping(spec.get("pipelineInfo")).get("name") != pipeline:
            others += not found
            continue
        whole = mapping(await server.get(f"{API}/runs/{identity}"))
        found.append(run_of(whole or said, spec))
    return PipelineRuns(pipeline=pipeline[:LONGEST], runs=tuple(found), others=others)


async def _spec(server: Service, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the IR that a run was given, in itself or as a version of a pipeline that the server keeps."""
    given = _without_platform(said.get("pipeline_spec"))
    reference = mapping(said.get("pipeline_version_reference"))
    ids = reference.get("pipeline_id"), reference.get("pipeline_version_id")
    if given or not all(isinstance(each, str) and IDENTITY.fullmatch(each) for each in ids):
        return given
    version = await server.get(f"{API}/pipelines/{ids[0]}/versions/{ids[1]}")
    return _without_platform(mapping(version).get("pipeline_spec"))


def _without_platform(spec: Any) -> dict[str, Any]:
    """Return an IR without what stands beside it for one platform."""
    said = mapping(spec)
    return mapping(said.get("pipeline_spec")) or said


def run_of(said: Mapping[str, Any], spec: Mapping[str, Any]) -> PipelineRun:
    """Return a run as it is kept, of what the server says of it, with the IR that it was given."""
    from checker.collect.kubernetes import moment_of

    try:
        pipeline = ir_of(dict(spec), "")
    except ForeignText as error:
        pipeline = Ir(path="", present=bool(spec), problem=clean(error))
    except Exception as error:
        pipeline = Ir(path="", present=True, problem=clean(f"it cannot be read: {type(error).__name__}: {error}"))
    arguments = mapping(mapping(said.get("runtime_config")).get("parameters"))
    details = sequence(mapping(said.get("run_details")).get("task_details"))
    return PipelineRun(
        run_id=_text(said.get("run_id"), 64),
        name=_text(said.get("display_name"), LONGEST),
        state=_text(said.get("state"), LONGEST),
        created=moment_of(said.get("created_at")),
        finished=moment_of(said.get("finished_at")),
        arguments={_text(name, LONGEST): plain(value) for name, value in [*arguments.items()][:MOST_ARGUMENTS]},
        pipeline=pipeline,
        tasks=tuple(_task(mapping(each)) for each in details[:MOST_TASKS]),
        message=_text(mapping(said.get("error")).get("message"), LONGEST_MESSAGE),
    )


def _task(said: Mapping[str, Any]) -> Task:
    return Task(
        name=_text(said.get("display_name"), LONGEST),
        state=_text(said.get("state"), LONGEST),
        message=_text(mapping(said.get("error")).get("message"), LONGEST_MESSAGE),
    )


def _text(value: Any, longest: int) -> str:
    return clean(value, longest) if isinstance(value, str) else ""
