"""What labs ask of a run on a cluster: that it was this pipeline that ran, whatever it was called."""

from __future__ import annotations

from collections.abc import Mapping

from checker.evidence.kfp import Component, Ir, Task
from checker.evidence.kubernetes import PipelineRun
from checker.text import clean

SUCCEEDED = ("SUCCEEDED", "SKIPPED", "CACHED")
"""A task that was taken over from the cache is skipped, or said to be cached."""


def difference(compiled: Ir, given: Ir) -> str:
    """Return in words where the pipeline that a run was given differs from the compiled one; empty where it does not.

    Whether tasks are cached does not count: it can be said when a run is started.
    """
    if given.problem or not given.present:
        return f"what it was given cannot be read: {clean(given.problem or 'there is none', 120)}"
    if (name := _other(compiled.parameters, given.parameters)) is not None:
        return f"its parameter `{name}` is another"
    mine, theirs = _tasks(compiled), _tasks(given)
    if (name := _other(mine, theirs)) is not None and name in mine and name in theirs:
        return f"its task `{name}` {_how(*mine[name], *theirs[name])}"
    if name is not None:
        return f"it has no task `{name}`" if name in mine else f"it has one task more, `{name}`"
    if (name := _other(compiled.outputs, given.outputs)) is not None:
        return f"its output `{name}` comes from elsewhere"
    return ""


def _tasks(ir: Ir) -> dict[str, tuple[Task, Component]]:
    """Return each task with its component, without what does not count."""
    return {
        task.name: (
            task.model_copy(update={"cached": False, "component": "", "after": tuple(sorted(task.after))}),
            ir.component(task).model_copy(update={"name": ""}),
        )
        for task in ir.tasks
    }


def _how(task: Task, component: Component, other: Task, another: Component) -> str:
    if component.source != another.source:
        return "is another program"
    if component.image != another.image:
        return f"runs in the image `{clean(another.image, 100)}` and not in `{clean(component.image, 100)}`"
    if task != other:
        return "gets its inputs from elsewhere, waits for others, or is tried more or fewer times"
    return "has another interface, or other limits"


def _other(mine: Mapping[str, object], theirs: Mapping[str, object]) -> str | None:
    """Return the first name that does not stand for the same on both sides."""
    return next((name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)), None)


def unfinished(ir: Ir, run: PipelineRun) -> str:
    """Return in words which task of the pipeline did not end well in a run; empty where all did."""
    for task in ir.tasks:
        said = run.of(task.name)
        if not said:
            return f"it tells nothing of the task `{task.name}`"
        bad = next((each for each in said if each.state not in SUCCEEDED), None)
        if bad is not None:
            why = f": {clean(bad.message, 160)}" if bad.message else ""
            return f"its task `{task.name}` is `{clean(bad.state, 40) or 'in no state'}`{why}"
    return ""
