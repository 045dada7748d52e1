"""A DVC pipeline: what `dvc.yaml` declares, what `dvc.lock` says of its last run, and what the bytes say now."""

from __future__ import annotations

from typing import Any, Literal

from checker.errors import Failed
from checker.evidence.base import Record


class Link(Record):
    """A dependency or an output of a stage, by its path in the workspace.

    `locked` is the MD5 sum that the lock file has for it, `md5` the one of the bytes that are there now.
    """

    path: str
    kind: Literal["dependency", "output", "metric", "plot"]
    cached: bool = True
    locked: str | None = None
    md5: str | None = None

    @property
    def current(self) -> bool:
        """Whether the bytes are those of which the lock file speaks."""
        return self.md5 is not None and self.md5 == self.locked

    def holds(self, path: str) -> bool:
        """Return whether `path` is the link's own, or lies inside it."""
        return overlap(self.path, path) and len(path) >= len(self.path)


class Param(Record):
    """A parameter that a stage declares: a dotted `key` of a `file`, or the whole of it where the key is empty.

    `value` is what the file says now, if the parameter is `present`; `recorded` is what the lock file says, if it
    `is_recorded`.
    """

    file: str
    key: str
    present: bool = False
    value: Any = None
    is_recorded: bool = False
    recorded: Any = None


class Stage(Record):
    """A stage with its templates filled in. `recorded` are the commands of the lock file, if it is `locked` there.

    `unknown` are paths and parameters that the lock file has for it and `dvc.yaml` has not.
    """

    name: str
    commands: tuple[str, ...]
    wdir: str = "."
    deps: tuple[Link, ...] = ()
    outs: tuple[Link, ...] = ()
    params: tuple[Param, ...] = ()
    frozen: bool = False
    always_changed: bool = False
    locked: bool = False
    recorded: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def out(self, path: str) -> Link | None:
        """Return the output at `path`, or the directory around it, or None."""
        return next((each for each in self.outs if each.holds(path)), None)


class Pipeline(Record):
    """The pipeline in the root of a workspace. `problem` says what of `dvc.yaml` cannot be read; then it has no stages.

    `stages` come in an order in which they can be run; `metrics` and `plots` are paths that are declared for the
    whole file; `lock_problem` says what is wrong with `dvc.lock`.
    """

    present: bool = False
    problem: str | None = None
    stages: tuple[Stage, ...] = ()
    metrics: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()
    lock_problem: str | None = None

    def require(self) -> Pipeline:
        """Return itself; the check fails when there is no pipeline that can be read."""
        if not self.present:
            raise Failed(
                "no file `dvc.yaml`",
                expected="`dvc.yaml` in your workspace",
                next_step="write it with an editor, or with `dvc stage add`",
            )
        if self.problem:
            raise Failed(
                self.problem,
                expected="a `dvc.yaml` that `dvc dag` can read, without anchors, `foreach` and `matrix`",
                next_step="mend `dvc.yaml`; `dvc dag` says what DVC thinks of it",
            )
        return self

    def stage(self, name: str) -> Stage | None:
        """Return the stage called `name`, or None."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def maker(self, path: str) -> Stage | None:
        """Return the stage that makes `path`, or None."""
        return next((stage for stage in self.stages if stage.out(path)), None)

    def before(self, stage: Stage) -> set[str]:
        """Return the names of all stages that `stage` needs, near or far."""
        found: set[str] = set()
        waiting = [stage]
        while waiting:
            each = waiting.pop()
            for other in self.stages:
                if other.name not in found and other is not each and feeds(other, each):
                    found.add(other.name)
                    waiting.append(other)
        return found


def feeds(one: Stage, other: Stage) -> bool:
    """Return whether `other` depends on something that `one` makes."""
    return any(overlap(out.path, dep.path) for out in one.outs for dep in other.deps)


def overlap(one: str, other: str) -> bool:
    """Return whether two paths are the same, or one lies inside the other."""
    return one == other or "." in (one, other) or one.startswith(f"{other}/") or other.startswith(f"{one}/")
