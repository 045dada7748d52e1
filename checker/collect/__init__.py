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
from checker.evidence.base import Record
from checker.profiles import covers, running
from checker.recipes import make_fixtures, sha256
from checker.workspace import Workspace

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
    profile, overlay = (carried.profile, carried.overlay) if carried else running(platform.environment())
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
    environment, seed = {} if carried else platform.environment(), workspace.identity.seed

    def live(name: str, what: str, *told: Any) -> None:
        """Read a system that runs; of a thawed workspace, what was told of it."""
        if carried:
            part(name, lambda: _carried(getattr(carried, name), what))
        else:
            part(name, lambda: getattr(collector(name), f"collect_{name}")(*told))

    if sources.mlflow is not None:
        live("mlflow", "records of MLflow", environment.get("MLFLOW_TRACKING_URI", ""), sources.mlflow)
    if sources.endpoints:
        asked = seed, prepared.get("questions")
        address = environment.get("MLOPS_LABS_SERVING_URL", "")
        live("endpoints", "answers of endpoints", address, sources.endpoints, *asked)
    if sources.kubernetes is not None and covers(profile, "kind"):
        live("kubernetes", "records of the cluster", environment, overlay, sources.kubernetes, seed)
    # Not from the marker: what a learner's file says of them could be anything.
    fixtures = {path: sha256(content) for path, content in make_fixtures(lab, workspace.identity.seed).items()}
    told: dict[str, Any] = {"profile": profile, "overlay": overlay, "fixtures": fixtures, "prepared": prepared}
    return Evidence(workspace=workspace.identity, **told, **parts, gaps=gaps)


def _carried(part: Record | None, what: str) -> Record:
    if part is None:
        raise Unavailable(
            f"the submission has no {what}",
            expected="a submission made while the platform was running",
            next_step="run `infra up`, then submit again",
        )
    return part
