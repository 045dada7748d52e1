"""Evidence -> proofs: run again, apart from the grader's process, what a learner could have invented."""

from __future__ import annotations

from checker.course import Lab
from checker.errors import CheckerError
from checker.evidence import Evidence, Gap
from checker.evidence.proofs import Proofs
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
    )
    gaps = evidence.gaps
    if wanted.models and "mlflow" in gaps:
        gaps = gaps | {"proofs": gaps["mlflow"]}
    return evidence.model_copy(update={"proofs": proofs, "gaps": gaps})
