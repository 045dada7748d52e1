"""Evidence -> proofs: run again, apart from the grader's process, what a learner could have invented."""

from __future__ import annotations

from checker.course import Lab
from checker.errors import CheckerError
from checker.evidence import Evidence, Gap
from checker.evidence.loops import LoopModel, LoopRun
from checker.evidence.proofs import DriftFigure, ProfileRead, Proofs
from checker.jail import Jail
from checker.workspace import Workspace


def prove(lab: Lab, workspace: Workspace, evidence: Evidence, key: bytes, jail: Jail) -> Evidence:
    """Return `evidence` with everything recomputed that course.yaml asks for; held-out sets come from `key`.

    What the learner wrote may fail: that is in the proof. What the environment refuses becomes a gap.
    """
    wanted = lab.proofs
    if not wanted.need_jail:
        return evidence
    try:
        runs, scores, tables, commands = [], [], [], []
        if wanted.notebooks:
            from checker.prove.notebooks import rerun

            runs = [run for proof in wanted.notebooks for run in rerun(proof, lab, workspace, key, jail)]
        if wanted.commands:
            from checker.prove.commands import run_again

            commands = [run for each in wanted.commands for run in run_again(each, lab, workspace, key, jail)]
        pipelines = []
        if wanted.pipelines:
            from checker.prove.pipelines import reproduce

            pipelines = [*reproduce(lab, workspace, evidence, key, jail)]
        figures: list[DriftFigure] = []
        profiles: list[ProfileRead] = []
        if wanted.drift:
            from checker.prove.drift import recompute

            figures, profiles = recompute(lab, workspace, evidence, key, jail)
        executed = []
        if wanted.kfp:
            from checker.prove.kfp import execute

            executed = [*execute(lab, workspace, evidence, key, jail)]
        services, live = [], []
        if wanted.services:
            from checker.prove.services import serve_again

            for service in wanted.services:
                answered, scored_live = serve_again(service, workspace, evidence, key, jail)
                services += answered
                live += scored_live
        loops, champions = _loops(lab, workspace, key, jail)
        if wanted.models and evidence.mlflow is not None:
            from checker.prove.models import score

            for each in wanted.models:
                scored, known = score(each, evidence, key, jail, workspace.carried)
                scores += scored
                tables += known
    except CheckerError as error:
        return evidence.model_copy(update={"gaps": evidence.gaps | {"proofs": Gap.of(error)}})
    proofs = Proofs(
        notebooks=tuple(runs),
        scores=tuple(scores),
        tables=tuple(tables),
        commands=tuple(commands),
        pipelines=tuple(pipelines),
        kfp=tuple(executed),
        services=tuple(services),
        endpoint_scores=tuple(live),
        drift=tuple(figures),
        profiles=tuple(profiles),
        loops=tuple(loops),
        loop_models=tuple(champions),
    )
    gaps = evidence.gaps
    if (wanted.models or wanted.services) and "mlflow" in gaps:
        gaps = gaps | {"proofs": gaps["mlflow"]}
    return evidence.model_copy(update={"proofs": proofs, "gaps": gaps})


def _loops(lab: Lab, workspace: Workspace, key: bytes, jail: Jail) -> tuple[list[LoopRun], list[LoopModel]]:
    """Return what closed loops did, and how good the champions are that they made."""
    called: list[LoopRun] = []
    made: list[LoopModel] = []
    for loop in lab.proofs.loops:
        from checker.prove.loops import close_again

        runs, models = close_again(loop, lab, workspace, key, jail)
        called += runs
        made += models
    return called, made
