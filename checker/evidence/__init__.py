"""Evidence: what was read from a workspace and its services, once. The checks see nothing else."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import AwareDatetime, Field

from checker.errors import CheckerError, Unavailable
from checker.evidence.base import Record
from checker.evidence.drift import Drift
from checker.evidence.dvc import Dvc
from checker.evidence.files import Files
from checker.evidence.git import Git
from checker.evidence.kfp import Kfp
from checker.evidence.kubernetes import Kubernetes
from checker.evidence.mlflow import Mlflow
from checker.evidence.notebook import Notebooks
from checker.evidence.pipelines import Pipeline
from checker.evidence.proofs import Proofs
from checker.evidence.services import Endpoints
from checker.profiles import Overlay, Profile


class Identity(Record):
    """Whose workspace it is, and which world it belongs to."""

    lab: str
    learner: str
    workspace_id: str
    seed: int = Field(ge=0)
    started: AwareDatetime


class Gap(Record):
    """A system that could not be read, and what to do about it."""

    found: str
    expected: str = ""
    next_step: str = ""

    @classmethod
    def of(cls, error: CheckerError) -> Gap:
        """Return what is missing as evidence of it."""
        return cls(found=error.found, expected=error.expected, next_step=error.next_step)


class Evidence(Record):
    """All evidence of one lab. `fixtures` are the digests (SHA-256) of the files that the world gave it at the start,
    `prepared` what is true of what was prepared for the learner; both are made again from the seed.

    `profile` and `overlay` are where the platform ran when it was collected: a claim, when it came with a submission.
    A part is None where course.yaml declares none, or where `gaps` says why it could not be read.
    """

    workspace: Identity
    profile: Profile = "local"
    overlay: Overlay = ""
    fixtures: dict[str, str] = {}
    prepared: dict[str, Any] = {}
    files: Files | None = None
    notebooks: Notebooks | None = None
    git: Git | None = None
    dvc: Dvc | None = None
    pipeline: Pipeline | None = None
    kfp: Kfp | None = None
    mlflow: Mlflow | None = None
    endpoints: Endpoints | None = None
    drift: Drift | None = None
    kubernetes: Kubernetes | None = None
    proofs: Proofs | None = None
    gaps: dict[str, Gap] = {}


PartType = TypeVar("PartType", bound=Record)


class View:
    """What a check is given as `lab`: the parts of the evidence by name.

    Asking for a part that could not be read raises `Unavailable`, which ends the check as an `error`.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    @property
    def workspace(self) -> Identity:
        """Whose workspace it is."""
        return self._evidence.workspace

    @property
    def profile(self) -> Profile:
        """Where the platform ran when the evidence was collected."""
        return self._evidence.profile

    @property
    def fixtures(self) -> dict[str, str]:
        """Path -> SHA-256 of the files that the world gave the workspace at its start, made again from the seed."""
        return self._evidence.fixtures

    @property
    def prepared(self) -> dict[str, Any]:
        """What is true of what was prepared for the learner, made again from the seed."""
        return self._evidence.prepared

    @property
    def files(self) -> Files:
        """The declared files."""
        return self._part("files", self._evidence.files)

    @property
    def notebooks(self) -> Notebooks:
        """The declared notebooks."""
        return self._part("notebooks", self._evidence.notebooks)

    @property
    def git(self) -> Git:
        """The git repository of the workspace."""
        return self._part("git", self._evidence.git)

    @property
    def dvc(self) -> Dvc:
        """The DVC repository of the workspace."""
        return self._part("dvc", self._evidence.dvc)

    @property
    def pipeline(self) -> Pipeline:
        """The DVC pipeline of the workspace."""
        return self._part("pipeline", self._evidence.pipeline)

    @property
    def kfp(self) -> Kfp:
        """The compiled pipeline of kfp, and its newest local run."""
        return self._part("kfp", self._evidence.kfp)

    @property
    def mlflow(self) -> Mlflow:
        """The declared experiments."""
        return self._part("mlflow", self._evidence.mlflow)

    @property
    def endpoints(self) -> Endpoints:
        """The declared deployments, and what they answered."""
        return self._part("endpoints", self._evidence.endpoints)

    @property
    def drift(self) -> Drift:
        """What was reported on drift, and the thresholds."""
        return self._part("drift", self._evidence.drift)

    @property
    def kubernetes(self) -> Kubernetes:
        """What was declared of the cluster; only for checks that are for a cluster."""
        return self._part("kubernetes", self._evidence.kubernetes)

    @property
    def proofs(self) -> Proofs:
        """What the grader recomputed."""
        return self._part("proofs", self._evidence.proofs)

    def _part(self, name: str, part: PartType | None) -> PartType:
        if gap := self._evidence.gaps.get(name):
            raise Unavailable(gap.found, expected=gap.expected, next_step=gap.next_step)
        if part is None:
            raise LookupError(f"course.yaml declares no evidence {name!r} for {self.workspace.lab}")
        return part
