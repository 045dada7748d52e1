"""MLflow: experiments, runs, datasets, logged and registered models. All of it is a claim until it is recomputed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from checker.errors import Failed
from checker.evidence.base import Record

MOST_RUNS = 500
MOST_MODELS = 100
MOST_VERSIONS = 200
"""So many of an experiment or a name are read, the newest; records that were typed by hand may not hold more either."""
RunStatus = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED", "UNKNOWN"]


class Dataset(Record):
    """A dataset that a run names as its input; `source` and `profile` are JSON texts of MLflow."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    profile: str = ""
    context: str = ""


class ArtifactFile(Record):
    """One file of a logged model in MLflow's store."""

    path: str
    size: int


class Example(Record):
    """The input example that lies beside a model: `problem` says why its columns and rows could not be read."""

    columns: tuple[str, ...] = ()
    rows: int = 0
    problem: str | None = None


class LoggedModel(Record):
    """A model that was logged. `problem` says why it could not be read.

    `flavors`, `inputs` (the columns that the signature names) and `example_path` come from its MLmodel; `example` is
    read of registered models only.
    """

    model_id: str
    name: str = ""
    status: str = ""
    source_run_id: str = ""
    artifact_path: str = ""
    created: AwareDatetime | None = None
    files: tuple[ArtifactFile, ...] = ()
    flavors: tuple[str, ...] = ()
    has_signature: bool = False
    inputs: tuple[str, ...] = ()
    has_outputs: bool = False
    example_path: str = ""
    example: Example | None = None
    problem: str | None = None

    @property
    def ready(self) -> bool:
        """Whether MLflow finished writing it and its files are there."""
        return self.status == "LOGGED_MODEL_READY" and self.problem is None and bool(self.files)


class Run(Record):
    """One run, newest first in its experiment. Times are what the client told the server."""

    run_id: str
    name: str = ""
    status: RunStatus = "UNKNOWN"
    started: AwareDatetime | None = None
    ended: AwareDatetime | None = None
    params: dict[str, str] = {}
    metrics: dict[str, float] = {}
    tags: dict[str, str] = {}
    datasets: tuple[Dataset, ...] = ()
    model_ids: tuple[str, ...] = ()
    deleted: bool = False


class Experiment(Record):
    """One experiment with its runs and logged models; `created` is set by the server."""

    name: str
    experiment_id: str = ""
    present: bool = False
    created: AwareDatetime | None = None
    runs: Annotated[tuple[Run, ...], Field(max_length=MOST_RUNS)] = ()
    models: Annotated[tuple[LoggedModel, ...], Field(max_length=MOST_MODELS)] = ()


class ModelVersion(Record):
    """One version of a registered model; `created` is set by the server, the rest by who registered it.

    `model` and `run` are what it leads to, where the server has them; they are read of the versions with an alias
    and of the newest others.
    """

    version: str
    status: str = ""
    created: AwareDatetime | None = None
    description: str = ""
    source: str = ""
    run_id: str = ""
    tags: dict[str, str] = {}
    model: LoggedModel | None = None
    run: Run | None = None


class RegisteredModel(Record):
    """One name of the registry: `aliases` lead to numbers of `versions`, those with an alias first, then the newest."""

    name: str
    present: bool = False
    description: str = ""
    aliases: dict[str, str] = {}
    versions: Annotated[tuple[ModelVersion, ...], Field(max_length=MOST_VERSIONS)] = ()


class Mlflow(Record):
    """The experiments and registered models that a lab declares, as the tracking server tells them."""

    address: str = ""
    experiments: tuple[Experiment, ...] = ()
    registered: tuple[RegisteredModel, ...] = ()

    def experiment(self, name: str) -> Experiment:
        """Return the experiment; the check fails when the server does not have it."""
        found = next((each for each in self.experiments if each.name == name), None)
        if found is None:
            raise LookupError(f"experiment {name!r} is not declared in course.yaml")
        if not found.present:
            raise Failed(
                f"no experiment `{name}` on {self.address}",
                expected=f"an experiment called `{name}`",
                next_step=f'call `mlflow.set_experiment("{name}")` before the first run',
            )
        return found

    def runs(self, name: str, status: RunStatus | None = None) -> tuple[Run, ...]:
        """Return the runs of the experiment `name`, newest first, those with `status` where one is asked for."""
        return tuple(run for run in self.experiment(name).runs if status in (None, run.status))

    def model(self, name: str, model_id: str) -> LoggedModel | None:
        """Return a logged model of the experiment `name`, or None."""
        return next((model for model in self.experiment(name).models if model.model_id == model_id), None)

    def registered_model(self, name: str) -> RegisteredModel:
        """Return the registered model; the check fails when the registry does not have it."""
        found = next((each for each in self.registered if each.name == name), None)
        if found is None:
            raise LookupError(f"registered model {name!r} is not declared in course.yaml")
        if not found.present:
            raise Failed(
                f"no registered model `{name}` on {self.address}",
                expected=f"a registered model called `{name}`",
                next_step=f'call `mlflow.register_model(model_uri, "{name}")` for a logged model',
            )
        return found
