"""Grade a live workspace: collect, prove, check."""

from __future__ import annotations

from datetime import UTC, datetime

from checker import attempts, platform
from checker.collect import collect
from checker.course import Lab
from checker.evidence import Evidence
from checker.jail import Jail, can_confine
from checker.keys import grader_key
from checker.profiles import covers, running
from checker.prove import prove
from checker.result import LabResult
from checker.runner import load_checks, run_checks
from checker.workspace import Workspace


def grade(lab: Lab, workspace: Workspace) -> LabResult:
    """Return the verdict on `workspace`. A lab for a profile that is not running is skipped."""
    profile, _ = running(platform.environment())
    if not any(covers(profile, each) for each in lab.profiles):
        return LabResult(
            day=lab.day,
            lab=lab.name,
            title=lab.title,
            graded=datetime.now(UTC),
            skipped=f"it needs the profile {' or '.join(lab.profiles)}, and {profile} is running",
        )
    needs_jail = lab.proofs.need_jail
    # On one's own machine a plain child process will do, but where there are walls, a model behind them cannot
    # even read the key of the held-out rows.
    with Jail(confined=needs_jail and can_confine()) as jail:
        result, _ = judge(lab, workspace, grader_key() if needs_jail else b"", jail)
    attempts.record(workspace, result)
    return result


def judge(lab: Lab, workspace: Workspace, key: bytes, jail: Jail) -> tuple[LabResult, Evidence]:
    """Collect, prove and check, with held-out sets from `key` and learner code in `jail`."""
    evidence = prove(lab, workspace, collect(lab, workspace), key, jail)
    return run_checks(lab, load_checks(lab), evidence), evidence
