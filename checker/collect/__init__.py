"""Live systems -> evidence. Each collector is imported only when a lab declares what it reads."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import Any

from checker import platform
from checker.course import Lab
from checker.errors import CheckerError, Unavailable
from checker.evidence import Evidence, Gap
from checker.evidence.mlflow import Mlflow
from checker.evidence.services import Endpoints
from checker.recipes import make_fixtures, sha256
from checker.workspace import Carried, Workspace

log = logging.getLogger(__name__)


def collect(lab: Lab, workspace: Workspace) -> Evidence:
    """Read once everything that course.yaml declares for `lab`. A system that cannot be read becomes a gap.

    Of a thawed workspace nothing is looked at but its own folder and what it carried: no server, no other path.
    """
    parts: dict[str, Any] = {}
    gaps: dict[str, Gap] = {}

    def part(name: str, read: Callable[[], Any]) -> None:
        try:
            parts[name] = read()
        except CheckerError as error:
            gaps[name] = Gap.of(error)
        except Exception as error:
            log.exception("collecting %s", name)
            gaps[name] = Gap(
                found=f"reading {name} ended with {type(error).__name__}: {error}",
                expected="evidence",
                next_step="it costs you no marks; report this line to the course",
            )

    def collector(name: str) -> Any:
        return importlib.import_module(f"checker.collect.{name}")

    root, sources, carried = workspace.path, lab.evidence, workspace.carried
    prepared: dict[str, Any] = {}
    if lab.prepared:
        from checker.prepare import load_preparation

        prepared = load_preparation(lab).truth(lab, workspace.identity.seed)
    if sources.files:
        part("files", lambda: collector("files").collect_files(root, sources.files))
    if sources.notebooks:
        part("notebooks", lambda: collector("files").collect_notebooks(root, sources.notebooks))
    if sources.git:
        part("git", lambda: collector("git").collect_git(root))
    if sources.dvc:
        part("dvc", lambda: collector("dvc").collect_dvc(root, parts.get("git"), carried))
    if sources.pipelines:
        part("pipeline", lambda: collector("pipelines").collect_pipeline(root))
    if (kfp := sources.kfp) is not None:
        part("kfp", lambda: collector("kfp").collect_kfp(root, kfp))
    if (drift := sources.drift) is not None:
        part("drift", lambda: collector("drift").collect_drift(root, drift))
    if sources.mlflow is not None and carried is not None:
        part("mlflow", lambda: _carried_mlflow(carried))
    elif (mlflow := sources.mlflow) is not None:
        address = platform.environment().get("MLFLOW_TRACKING_URI", "")
        part("mlflow", lambda: collector("mlflow").collect_mlflow(address, mlflow))
    if sources.endpoints and carried is not None:
        part("endpoints", lambda: _carried_endpoints(carried))
    elif sources.endpoints:
        address = platform.environment().get("MLOPS_LABS_SERVING_URL", "")
        asked = workspace.identity.seed, prepared.get("questions")
        part("endpoints", lambda: collector("endpoints").collect_endpoints(address, sources.endpoints, *asked))
    # Not from the marker: what a learner's file says of them could be anything.
    fixtures = {path: sha256(content) for path, content in make_fixtures(lab, workspace.identity.seed).items()}
    return Evidence(workspace=workspace.identity, fixtures=fixtures, prepared=prepared, **parts, gaps=gaps)


def _carried_endpoints(carried: Carried) -> Endpoints:
    if carried.endpoints is None:
        raise Unavailable(
            "the submission has no answers of endpoints",
            expected="a submission made while the platform was running",
            next_step="run `infra up`, then submit again",
        )
    return carried.endpoints


def _carried_mlflow(carried: Carried) -> Mlflow:
    if carried.mlflow is None:
        raise Unavailable(
            "the submission has no records of MLflow",
            expected="a submission made while MLflow was running",
            next_step="run `infra up`, then submit again",
        )
    return carried.mlflow
