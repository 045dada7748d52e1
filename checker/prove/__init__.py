"""Evidence -> proofs: run again, apart from the grader's process, what a learner could have invented."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from checker.course import Lab
from checker.errors import CheckerError
from checker.evidence import Evidence, Gap
from checker.evidence.proofs import Proofs
from checker.jail import Jail
from checker.workspace import Workspace

Found = dict[str, Iterable[Any]]
"""Fields of Proofs."""


def prove(lab: Lab, workspace: Workspace, evidence: Evidence, key: bytes, jail: Jail) -> Evidence:
    """Return `evidence` with everything recomputed that course.yaml asks for; held-out sets come from `key`.

    What the learner wrote may fail: that is in the proof. What the environment refuses becomes a gap.
    """
    wanted = lab.proofs
    if not wanted.need_jail:
        return evidence
    case = Case(lab, workspace, evidence, key, jail)
    found: dict[str, Any] = {}
    try:
        for name, room in ROOMS.items():
            if getattr(wanted, name):
                found |= {field: tuple(records) for field, records in room(case).items()}
    except CheckerError as error:
        return evidence.model_copy(update={"gaps": evidence.gaps | {"proofs": Gap.of(error)}})
    gaps = evidence.gaps
    if (wanted.models or wanted.services) and "mlflow" in gaps:
        gaps = gaps | {"proofs": gaps["mlflow"]}
    return evidence.model_copy(update={"proofs": Proofs(**found), "gaps": gaps})


@dataclass(frozen=True)
class Case:
    """What every room gets. The rooms are imported where they are entered: a lab needs one or two of them."""

    lab: Lab
    workspace: Workspace
    evidence: Evidence
    key: bytes
    jail: Jail


def _notebooks(case: Case) -> Found:
    from checker.prove.notebooks import rerun

    wanted = case.lab.proofs.notebooks
    return {"notebooks": [run for each in wanted for run in rerun(each, case.lab, case.workspace, case.key, case.jail)]}


def _commands(case: Case) -> Found:
    from checker.prove.commands import run_again

    wanted = case.lab.proofs.commands
    runs = [run for each in wanted for run in run_again(each, case.lab, case.workspace, case.key, case.jail)]
    return {"commands": runs}


def _pipelines(case: Case) -> Found:
    from checker.prove.pipelines import reproduce

    return {"pipelines": reproduce(case.lab, case.workspace, case.evidence, case.key, case.jail)}


def _kfp(case: Case) -> Found:
    from checker.prove.kfp import execute

    return {"kfp": execute(case.lab, case.workspace, case.evidence, case.key, case.jail)}


def _drift(case: Case) -> Found:
    from checker.prove.drift import recompute

    figures, profiles = recompute(case.lab, case.workspace, case.evidence, case.key, case.jail)
    return {"drift": figures, "profiles": profiles}


def _services(case: Case) -> Found:
    from checker.prove.services import serve_again

    runs, live = [], []
    for each in case.lab.proofs.services:
        answered, scores = serve_again(each, case.workspace, case.evidence, case.key, case.jail)
        runs += answered
        live += scores
    return {"services": runs, "endpoint_scores": live}


def _loops(case: Case) -> Found:
    from checker.prove.loops import close_again

    runs, models = [], []
    for each in case.lab.proofs.loops:
        called, made = close_again(each, case.lab, case.workspace, case.key, case.jail)
        runs += called
        models += made
    return {"loops": runs, "loop_models": models}


def _rollout(case: Case) -> Found:
    from checker.prove.rollouts import roll_out_again

    return {"rollouts": roll_out_again(case.lab, case.workspace, case.key, case.jail)}


def _models(case: Case) -> Found:
    if case.evidence.mlflow is None:
        return {}
    from checker.prove.models import score

    scores, tables = [], []
    for each in case.lab.proofs.models:
        scored, known = score(each, case.evidence, case.key, case.jail, case.workspace.carried)
        scores += scored
        tables += known
    return {"scores": scores, "tables": tables}


ROOMS: dict[str, Callable[[Case], Found]] = {
    "notebooks": _notebooks,
    "commands": _commands,
    "pipelines": _pipelines,
    "kfp": _kfp,
    "drift": _drift,
    "services": _services,
    "loops": _loops,
    "rollout": _rollout,
    "models": _models,
}
"""Field of course.yaml's `proofs` -> what recomputes it, in this order."""
