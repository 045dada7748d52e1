"""Grade a live workspace: collect, prove, check."""

from __future__ import annotations

from datetime import UTC, datetime

from checker import jail, platform
from checker.collect import collect
from checker.course import Lab
from checker.prove import prove
from checker.result import LabResult
from checker.runner import load_checks, run_checks
from checker.workspace import Workspace


def grade(lab: Lab, workspace: Workspace) -> LabResult:
    """Return the verdict on `workspace`. A lab for a profile that is not running is skipped."""
    profile = platform.environment().get("MLOPS_LABS_PROFILE", "local")
    if profile not in lab.profiles and "local" not in lab.profiles:
        return LabResult(
            day=lab.day,
            lab=lab.name,
            title=lab.title,
            graded=datetime.now(UTC),
            skipped=f"it needs the profile {' or '.join(lab.profiles)}, and {profile} is running",
        )
    # On one's own machine a plain child process will do, but where there is a jail, a model in it cannot
    # even read the key of the held-out rows.
    confined = bool(lab.proofs.notebooks or lab.proofs.models) and jail.can_confine()
    evidence = prove(lab, workspace, collect(lab, workspace), confined=confined)
    return run_checks(lab, load_checks(lab), evidence)
