"""course.yaml as a typed model: the only place where a lab's title, services, tools and evidence are named."""

from __future__ import annotations

import difflib
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from checker.declarations import Fixture, Model, Proofs, Sources
from checker.errors import CheckerError, UsageError
from checker.profiles import Profile

COURSE_FILE = "course.yaml"
COURSE_VARIABLE = "MLOPS_LABS_COURSE"
YamlLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Module(Model):
    """A group of labs."""

    name: str
    title: str


class LatePolicy(Model):
    """What handing in late costs: nothing within the grace, then a share of the marks for each day begun."""

    grace_minutes: int = Field(default=0, ge=0)
    lost_per_day: float = Field(default=0, ge=0, le=1, description="share of the marks lost for each day begun")
    at_most: float = Field(default=1, ge=0, le=1, description="no more than this share is ever lost")


class MarksPolicy(Model):
    """How a cohort's marks are counted; the weight of a lab stands with the lab."""

    late: LatePolicy = LatePolicy()


class Lab(Model):
    """One day."""

    day: int = Field(ge=1, le=30)
    slug: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: str
    outcome: str
    module: str
    minutes: int = Field(default=60, ge=45, le=90)
    tools: tuple[str, ...]
    beside: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] = ("local",)
    status: Literal["ready", "planned"] = "planned"
    services: tuple[Literal["mlflow", "jupyter"], ...] = ()
    fixtures: tuple[Fixture, ...] = ()
    prepared: bool = Field(default=False, description="a module of the lab's name in checker/prepare does the rest")
    evidence: Sources = Sources()
    proofs: Proofs = Proofs()
    weight: float = Field(default=1, ge=0, le=1000, description="how much the lab counts in a cohort's total")
    due: int | None = Field(
        default=None, ge=0, le=1000, description="days after the cohort's start; the lab's day when left out"
    )

    @property
    def name(self) -> str:
        """`day03-data-versioning`: the name of the lab's folders."""
        return f"day{self.day:02d}-{self.slug}"

    @property
    def module_name(self) -> str:
        """`day03_data_versioning`: the name of the lab's module of checks."""
        return self.name.replace("-", "_")


class Course(Model):
    """The whole course, in order."""

    version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    title: str
    marks: MarksPolicy = MarksPolicy()
    modules: tuple[Module, ...]
    labs: tuple[Lab, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Course:
        modules = {module.name for module in self.modules}
        days = [lab.day for lab in self.labs]
        if days != sorted(set(days)):
            raise ValueError(f"days must be distinct and in order, found {days}")
        for lab in self.labs:
            if lab.module not in modules:
                raise ValueError(f"day {lab.day}: module {lab.module!r} is none of {', '.join(sorted(modules))}")
        return self

    @property
    def ready(self) -> tuple[Lab, ...]:
        """The labs that a learner can do."""
        return tuple(lab for lab in self.labs if lab.status == "ready")

    def find(self, wanted: str) -> Lab:
        """Return the ready lab called `3`, `day3`, `03`, `data-versioning` or `day03-data-versioning`.

        Raises:
            UsageError: no such lab, or it is only planned; the message has the nearest names.
        """
        name = wanted.strip().lower()
        number = name.removeprefix("day").lstrip("0")
        for lab in self.labs:
            if number == str(lab.day) or name in (lab.slug, lab.name):
                if lab.status == "ready":
                    return lab
                raise UsageError(
                    f"day {lab.day} ({lab.slug}) is planned and not built yet",
                    expected=f"one of the days {', '.join(str(each.day) for each in self.ready)}",
                    next_step="run `checker list` for the days that you can start",
                )
        names = [each for lab in self.ready for each in (lab.name, lab.slug, str(lab.day))]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or [lab.name for lab in self.ready][:3]
        raise UsageError(
            f"there is no day {wanted!r}",
            expected="the number or the name of a day; the nearest are " + ", ".join(near),
            next_step="run `checker list`",
        )


def course_root(start: Path | None = None) -> Path:
    """Return the folder that holds course.yaml: `$MLOPS_LABS_COURSE`, or above `start`, or beside this package."""
    if told := os.environ.get(COURSE_VARIABLE):
        return Path(told).absolute()
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents, Path(__file__).parent.parent):
        if (folder / COURSE_FILE).is_file() and (folder / "labs").is_dir():
            return folder
    raise CheckerError(
        "no course.yaml in this folder or above it",
        expected="a clone of the course",
        next_step=f"go to the clone, or set {COURSE_VARIABLE} to it",
    )


@functools.lru_cache(maxsize=8)
def load_course(root: Path) -> Course:
    """Read and validate `root`/course.yaml.

    Raises:
        CheckerError: unreadable or invalid; names file, line, field and the allowed values.
    """
    path = root / COURSE_FILE
    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.load(text, Loader=YamlLoader)  # noqa: S506 - a safe loader, in C where there is one
    except (OSError, UnicodeDecodeError) as error:
        raise CheckerError(
            f"{path} cannot be read: {error}", next_step="restore it with `git checkout course.yaml`"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise CheckerError(
            f"{path}:{line}: not YAML: {getattr(error, 'problem', error)}", next_step="mend that line"
        ) from error
    try:
        return Course.model_validate(data)
    except ValidationError as error:
        raise CheckerError(
            "\n".join(_explain(path, text, error)),
            expected="a course as course.schema.json describes it",
            next_step="mend the named fields",
        ) from error


def _explain(path: Path, text: str, error: ValidationError) -> Iterator[str]:
    """Yield one line for each invalid field, with the line of the file where it stands."""
    root = yaml.compose(text, Loader=YamlLoader)
    for problem in error.errors(include_url=False):
        line = 1
        node: Any = root
        for step in problem["loc"]:
            if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                node = node.value[step]
            elif isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
                if found is None:
                    break
                node = found[1]
            else:
                break
            line = node.start_mark.line + 1
        field = ".".join(str(step) for step in problem["loc"]) or "course"
        yield f"{path}:{line}: {field}: {problem['msg']}"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of course.yaml, for editors; `checker build` writes it beside the course."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Course.model_json_schema()}
