"""MLflow: experiments, runs, their datasets and logged models. All of it is a claim until it is recomputed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from checker.errors import Failed
from checker.evidence.base import Record

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


class LoggedModel(Record):
    """A model that was logged. `flavors` come from its MLmodel; `problem` says why it could not be read."""

    model_id: str
    name: str = ""
    status: str = ""
    source_run_id: str = ""
    artifact_path: str = ""
    created: datetime | None = None
    files: tuple[ArtifactFile, ...] = ()
    flavors: tuple[str, ...] = ()
    has_signature: bool = False
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
    started: datetime | None = None
    ended: datetime | None = None
    params: dict[str, str] = {}
    metrics: dict[str, float] = {}
    tags: dict[str, str] = {}
    datasets: tuple[Dataset, ...] = ()
    model_ids: tuple[str, ...] = ()


class Experiment(Record):
    """One experiment with its runs and logged models; `created` is set by the server."""

    name: str
    experiment_id: str = ""
    present: bool = False
    created: datetime | None = None
    runs: tuple[Run, ...] = ()
    models: tuple[LoggedModel, ...] = ()


class Mlflow(Record):
    """The experiments that a lab declares, as the tracking server tells them."""

    address: str = ""
    experiments: tuple[Experiment, ...] = ()

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
