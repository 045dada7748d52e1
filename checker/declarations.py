"""What a lab declares in course.yaml: its tables, what is collected from a learner's work, and what is proven."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from checker.cluster_declarations import KubernetesSource

Month = Annotated[int, Field(ge=1, le=12)]


def _stays_below(path: str) -> str:
    if ".." in path.split("/"):
        raise ValueError("a path below the workspace is expected, without `..`")
    return path


RelativePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9._*-][A-Za-z0-9._*/-]*$"), AfterValidator(_stays_below)]


class Model(BaseModel):
    """What all models of the course share: nothing unknown, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Spoilt(Model):
    """Other faults than those that a month of the case study has; see `checker.world.dirt`."""

    kinds: tuple[
        Literal[
            "duplicate", "negative_amount", "timestamp_outside_month", "unknown_category", "empty_country", "cents"
        ],
        ...,
    ] = Field(description="none of them: a clean delivery")
    permille: int = Field(default=2, ge=1, le=300, description="of the rows, for each kind but `cents`")
    channel: Literal["chip", "contactless", "online", "phone"] = "online"
    from_day: int = Field(default=15, ge=1, le=28, description="from here on, the channel's amounts are in cents")
    near: bool = Field(default=False, description="timestamps outside the month lie on the days around it")


class Recipe(Model):
    """A table of the world: `table` names the kind, `months` which months it holds, in order."""

    table: Literal["transactions", "labels", "labelled", "features"]
    months: tuple[Month, ...]
    dirty: bool | Spoilt = Field(default=False, description="as delivered; with what faults, if not the month's own")
    holdout: bool = False
    rows: int | None = Field(default=None, ge=500, description="rows a month; all of them when left out")
    without: tuple[str, ...] = Field(default=(), description="columns that are left out")
    shuffled: str = Field(default="", description="a column whose values are dealt out anew among the rows")

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.dirty and self.table != "transactions":
            raise ValueError("only `transactions` are delivered with faults")
        if isinstance(self.dirty, Spoilt) and len(self.months) != 1:
            raise ValueError("faults are those of one month")
        return self


class Fixture(Recipe):
    """A file that `checker start` makes from the learner's seed."""

    path: RelativePath


class MlflowSource(Model):
    """What is read from MLflow."""

    experiments: tuple[str, ...] = ()
    registered: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9 _.-]+$")], ...] = Field(
        default=(), description="registered models: their versions, and the models and runs behind these"
    )


class DriftSource(Model):
    """Where a learner's reports on drift lie, what says of which data they speak, and the thresholds."""

    reports: dict[str, RelativePath] = Field(description="name of a report -> its JSON, as Evidently saves it")
    manifest: RelativePath
    thresholds: RelativePath


class KfpSource(Model):
    """A compiled pipeline of kfp, and the folder that its local runs are kept in."""

    pipeline: RelativePath = "pipeline.yaml"
    runs: RelativePath = "runs"


DeploymentName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$")]


class Sources(Model):
    """What the collectors read: the evidence of a lab."""

    files: tuple[RelativePath, ...] = Field(default=(), description="globs; their text is kept up to 1 MiB each")
    notebooks: tuple[RelativePath, ...] = ()
    git: bool = False
    dvc: bool = False
    pipelines: bool = Field(default=False, description="the pipeline of `dvc.yaml` and `dvc.lock` in the root")
    kfp: KfpSource | None = None
    mlflow: MlflowSource | None = None
    endpoints: tuple[DeploymentName, ...] = Field(default=(), description="deployments of the platform")
    drift: DriftSource | None = None
    kubernetes: KubernetesSource | None = Field(default=None, description="read where the platform is a cluster")


class NotebookCase(Model):
    """One execution of a notebook from a clean interpreter: with these parameters, or as a twin of another case."""

    parameters: dict[str, int | float | str | bool] = {}
    data: dict[str, Recipe] = Field(default={}, description="parameter name -> a table that it shall point to")
    twin_of: str | None = Field(
        default=None, description="a case whose parameters and data this one has, but its held-out rows swap features"
    )


class NotebookProof(Model):
    """A learner's notebook, run again case by case; `output` names the parameter with the JSON file it writes."""

    notebook: RelativePath
    output: str
    held_out: str = Field(default="", description="the key of the JSON with the rows held out, for twins")
    cases: dict[str, NotebookCase]
    seconds: int = Field(default=120, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> NotebookProof:
        for name, case in self.cases.items():
            original = self.cases.get(case.twin_of or name)
            if original is None or (case.twin_of and (original.twin_of or not self.held_out)):
                raise ValueError(f"case {name!r}: a twin needs `held_out` and a case that is no twin itself")
        return self


class ModelProof(Model):
    """The models of an experiment's runs, or of a registered model's versions, asked to predict on tables."""

    experiment: str = ""
    registered: str = ""
    tables: dict[str, Recipe]
    named: dict[str, Recipe] = Field(default={}, description="tables that runs may name; no model is asked about them")
    target: str = "is_fraud"
    at_most: int = Field(default=8, ge=1, description="so many of the newest models are scored")
    seconds: int = Field(default=120, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> ModelProof:
        if bool(self.experiment) == bool(self.registered):
            raise ValueError("models are scored of an `experiment` or of a `registered` model: name one of them")
        return self


class CommandCase(Model):
    """One execution of a command: with tables of the world, further words, and what the grader plants."""

    data: dict[RelativePath, Recipe] = Field(default={}, description="path -> a table that lies there")
    arguments: tuple[str, ...] = Field(default=(), description="words after those of the command")
    plant: str = Field(default="", description="the name of a plant in checker/planted, module of the lab's name")
    prepared: bool = Field(default=False, description="the data of the lab's module in checker/prepare lie there")
    candidates: dict[RelativePath, str] = Field(
        default={}, description="folder -> a model with the tables to judge it by, of checker/tasks/candidates"
    )


class CommandProof(Model):
    """A learner's own command, run again case by case, each in a new folder with a copy of their files.

    The first case goes first; when it does not end with status 0, the others are not tried. They come in no order
    that can be told.
    """

    name: str
    command: tuple[str, ...] = Field(min_length=1, description="`python -m MODULE ...` is run without a new process")
    files: tuple[RelativePath, ...] = Field(min_length=1, description="globs: what of the workspace the command needs")
    committed: bool = Field(default=False, description="those files as the last git commit has them")
    prepared: bool = Field(default=False, description="not the learner's files, but those of checker/prepare")
    outputs: tuple[RelativePath, ...] = Field(default=(), description="short texts that the command writes")
    seconds: int = Field(default=60, ge=1)
    cases: dict[str, CommandCase] = Field(min_length=1)


class PipelineCase(Model):
    """One reproduction of a pipeline: with other parameters, with other data, or once more with nothing changed."""

    params: dict[str, tuple[int | float | str | bool, ...]] = Field(
        default={}, description="dotted name in params.yaml -> values, of which the first is taken that it has not"
    )
    data: dict[RelativePath, Recipe] = Field(default={}, description="path -> a table that lies there")
    again: bool = Field(default=False, description="run every stage again, whether it must be or not")


class PipelineProof(Model):
    """The learner's DVC pipeline, reproduced case by case: each stage in a folder with what it declares, no more.

    The first case changes nothing; when one of its stages does not succeed, the others are not tried. A stage for
    which nothing changed is not run again.
    """

    outputs: tuple[RelativePath, ...] = Field(default=(), description="short texts that are handed to the checks")
    columns: tuple[str, ...] = Field(default=(), description="columns of the tables that are handed to the checks")
    seconds: int = Field(default=60, ge=1, description="of CPU time that one stage may take")
    cases: dict[str, PipelineCase] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> PipelineProof:
        first = next(iter(self.cases.values()))
        if first.params or first.data or first.again:
            raise ValueError("the first case of a pipeline changes nothing")
        return self


class Scorecard(Model):
    """Points for what a payment shows, and their sum is its score: what stands in for a model.

    Each list has pairs: the least value, and the points from it on to the next; below the first there are none.
    """

    amount: tuple[tuple[float, int], ...]
    hour: tuple[tuple[int, int], ...]
    transactions_24h: tuple[tuple[int, int], ...]
    channel: dict[str, int]
    country: dict[str, int] = Field(description="a country that is not named has the points of `other`")


class DriftCase(Model):
    """A month that learners have not seen, and which columns drifted in it against the reference."""

    data: Recipe
    scaled: dict[str, float] = Field(default={}, description="column -> what its numbers are multiplied by")
    moved: dict[str, float] = Field(
        default={}, description="column -> the share of all rows that goes from its most frequent value to the second"
    )
    drifted: tuple[str, ...] = ()
    either: tuple[str, ...] = Field(default=(), description="columns of which nobody is asked")


class DriftProof(Model):
    """Drift recomputed, from tables that are made again: that of the reports, and that of months not seen.

    Paths are those of fixtures. A `score` is added to each table by the scorecard.
    """

    columns: dict[str, Literal["numerical", "categorical"]]
    reference: tuple[RelativePath, ...] = Field(min_length=1)
    current: dict[str, RelativePath] = Field(description="name of a report -> the month it is to speak of")
    replaced: dict[str, RelativePath] = Field(default={}, description="name -> the delivery that is not valid any more")
    profiles: dict[RelativePath, tuple[RelativePath, ...]] = Field(
        default={}, description="a profile of whylogs -> the files it is to speak of, together"
    )
    scorecard: Scorecard
    cases: dict[str, DriftCase]
    seconds: int = Field(default=30, ge=1, description="of CPU time that reading the profiles may take")


class KfpCase(Model):
    """One execution of a compiled pipeline: with other arguments, or with data of its own at a path of its own."""

    arguments: dict[str, tuple[int | float | str | bool, ...]] = Field(
        default={}, description="parameter -> values, of which the first is taken that is not its default"
    )
    path: RelativePath = Field(default="", validate_default=False, description="where `table` lies")
    table: Recipe | None = None
    dealt: Literal["", "before", "from"] = Field(
        default="", description="labels are dealt out anew among the rows before, or from the day of `split` on"
    )

    @model_validator(mode="after")
    def _consistent(self) -> KfpCase:
        if bool(self.path) != (self.table is not None) or (self.dealt and self.table is None):
            raise ValueError("a case with data of its own has a `path` and a `table`")
        return self


class KfpProof(Model):
    """A compiled pipeline, executed task by task: each in a folder with the artifacts that are wired to it, no more.

    The first case changes nothing; when one of its tasks does not succeed, the others are not tried. A task of which
    no input changed is not run again.
    """

    data: str = Field(description="the parameter that names the file of data; who gets it straight, gets the file")
    split: str = Field(default="", description="the parameter with a day that parts the rows by their `timestamp`")
    texts: tuple[str, ...] = Field(default=(), description="outputs of the pipeline whose text the checks get")
    columns: tuple[str, ...] = Field(default=(), description="columns of the data that the checks get")
    seconds: int = Field(default=20, ge=1, description="of CPU time that one task may take")
    cases: dict[str, KfpCase] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> KfpProof:
        if next(iter(self.cases.values())) != KfpCase():
            raise ValueError("the first case of a pipeline changes nothing")
        if not self.split and any(case.dealt for case in self.cases.values()):
            raise ValueError("labels are dealt out before or from the day of `split` on")
        return self


class ServiceStart(Model):
    """One start of a service: with which model, and what is said to it."""

    model: str = Field(
        default="registered", description="`registered`, or the name of a model in checker/tasks/candidates"
    )
    talk: str = Field(default="short", description="the name of a conversation in checker/prove/talks")
    scored: bool = Field(default=True, description="the model can be asked by itself, to compare with")


class ServiceProof(Model):
    """A learner's ASGI application, served in a cell with a model, and asked from outside of the cell.

    It gets the environment that `infra deploy` gives, and no network. `rows` are features that no learner has seen.
    """

    name: str
    app: str = Field(default="service:app", pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$")
    mlserver: bool = Field(
        default=False, description="where there is a `model-settings.json`, MLServer serves the folder, and not the app"
    )
    files: tuple[RelativePath, ...] = Field(min_length=1, description="globs: what of the workspace it needs")
    registered: Annotated[str, Field(pattern=r"^[A-Za-z0-9 _.-]+$")]
    alias: str = "champion"
    endpoint: str = Field(
        default="",
        description="a deployment or an InferenceService of `evidence`: what it answered is compared as well",
    )
    rows: Recipe
    at_most: int = Field(default=100, ge=20, description="so many of the rows are asked about")
    seconds: int = Field(default=30, ge=1, description="of CPU time that one start may take")
    starts: dict[str, ServiceStart] = Field(min_length=1)


class LoopStep(Model):
    """One call of a loop, for a month: with a file of its own, that of an earlier step under its name, or no new one.

    Nothing in the file tells which month of the world it is, and its name is drawn anew for each grader's key.
    """

    name: str = Field(description="steps of one name are about the same month")
    data: Recipe | None = Field(default=None, description="without one, the file stays as it is")
    scaled: dict[str, float] = Field(default={}, description="column -> what its numbers are multiplied by")
    known: float = Field(default=1.0, ge=0, le=1, description="the share of rows, the first ones, that have a label")
    dealt: float = Field(default=0.0, ge=0, le=1, description="the share of rows whose labels are dealt out anew")


class LoopProof(Model):
    """A learner's closed loop, called again for months that they have not seen, with a registry of its own.

    Each chain of calls begins with a champion that was made from `reference`. The first chain goes first; when its
    first call does not end with status 0, or trains or moves anything, no other is tried. A model that
    became champion is asked about rows of the month that the loop was not given.
    """

    name: str
    module: str = Field(default="loop", pattern=r"^[a-z][a-z0-9_]*$", description="`python -m MODULE MONTH` is called")
    files: tuple[RelativePath, ...] = Field(min_length=1, description="globs: what of the workspace it needs")
    registered: Annotated[str, Field(pattern=r"^[A-Za-z0-9 _.-]+$")]
    reference: RelativePath = Field(description="a fixture `data/MONTH.csv`")
    given: int = Field(default=12000, ge=500, description="rows of a hidden month that the loop gets; others are kept")
    seconds: int = Field(default=60, ge=1, description="of CPU time that one call may take")
    chains: dict[str, tuple[LoopStep, ...]] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> LoopProof:
        for name, steps in self.chains.items():
            seen: set[str] = set()
            for step in steps:
                if step.data is None and step.name not in seen:
                    raise ValueError(f"chain {name!r}: there is no month {step.name!r} before")
                seen.add(step.name)
        return self


class RolloutProof(Model):
    """A learner's controller of a rollout, `python -m rollout`, called in futures that they have not seen."""

    files: tuple[RelativePath, ...] = Field(min_length=1, description="globs: what of the workspace it needs")
    futures: tuple[str, ...] = Field(min_length=1, description="names in checker/prove/futures, in order")


class Proofs(Model):
    """What the grader recomputes by running what the learner wrote, apart from its own process."""

    notebooks: tuple[NotebookProof, ...] = ()
    models: tuple[ModelProof, ...] = ()
    commands: tuple[CommandProof, ...] = ()
    pipelines: tuple[PipelineProof, ...] = Field(default=(), max_length=1)
    kfp: KfpProof | None = None
    services: tuple[ServiceProof, ...] = ()
    drift: DriftProof | None = None
    loops: tuple[LoopProof, ...] = ()
    rollout: RolloutProof | None = None

    @property
    def need_jail(self) -> bool:
        """Whether anything of a learner's is run for them."""
        return any(getattr(self, name) for name in type(self).model_fields)
