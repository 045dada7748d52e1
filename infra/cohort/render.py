"""The files from which a cohort's cluster is made: written anew from the roster and cluster.json at each call."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from checker.enrolment import ENROLMENTS
from infra.cohort import learners, names, secrets, settings
from infra.cohort.settings import Cluster
from infra.files import write_private
from infra.trouble import Trouble

FOLDER = "cluster"
HERE = Path(__file__).parent
VALUES = HERE / "values.yaml"
IMAGE = "mlops-labs/course"
BASES = ("hub", "nodes", "grading")


def render(cohort: Path) -> list[Path]:
    """Write COHORT/cluster/ and return its files, in the order in which they are used.

    Raises:
        Trouble: the settings or the roster are not there or wrong, or the folder cannot be written.
    """
    cluster = settings.read(cohort)
    roster = secrets.learners(cohort)
    names.distinct(roster)
    target = cohort / FOLDER
    try:
        for base in BASES:
            (target / base).mkdir(mode=0o700, parents=True, exist_ok=True)
        texts = {
            "learners.yaml": document(each for learner in roster for each in learners.objects(learner, cluster)),
            "secrets.yaml": document([*secrets.grading(cohort, target), *enrolments(cohort, roster)]),
            "values.yaml": yaml.safe_dump(values(cluster, roster), sort_keys=False, allow_unicode=True),
        }
        for base in BASES:
            texts[f"{base}/kustomization.yaml"] = document([kustomization(target / base, base, cluster)])
        for name, text in texts.items():
            write_private(target / name, text)
    except OSError as error:
        raise Trouble(
            found=f"{error.filename or target}: {error.strerror or error}",
            expected="a folder that you can write",
            next_step=f"mend that, then: infra cohort render {cohort}",
        ) from error
    return [target / name for name in texts]


def document(objects: Iterable[dict[str, Any]]) -> str:
    """Objects as one YAML text."""
    dump: str = yaml.safe_dump_all(objects, sort_keys=False, allow_unicode=True)
    return dump


def enrolments(cohort: Path, roster: list[str]) -> Iterable[dict[str, Any]]:
    """Each learner's own enrolment, in their own namespace."""
    for learner in roster:
        content = (cohort / ENROLMENTS / f"{learner}.json").read_bytes()
        yield secrets.secret("enrolment", names.namespace(learner), {"enrolment.json": content})


def values(cluster: Cluster, roster: list[str]) -> dict[str, Any]:
    """What the chart is told beside values.yaml: what differs from cohort to cohort."""
    repository, _, digest = cluster.image.partition("@")
    name, _, tag = repository.rpartition(":")
    told: dict[str, Any] = {
        "singleuser": {"image": {"name": name, "tag": f"{tag}@{digest}"}},
        "proxy": {"https": {"hosts": [cluster.host], "letsencrypt": {"contactEmail": cluster.contact}}},
        "hub": {"config": {"Authenticator": {"allowed_users": sorted(names.login(each) for each in roster)}}},
    }
    if not cluster.gpu:
        # A profile that no quota lets start is not shown.
        told["singleuser"]["profileList"] = yaml.safe_load(VALUES.read_text(encoding="utf-8"))["singleuser"][
            "profileList"
        ][:1]
    return told


def kustomization(place: Path, base: str, cluster: Cluster) -> dict[str, Any]:
    """An overlay that sets the image and, for who collects, the export."""
    repository, _, digest = cluster.image.partition("@")
    name, _, tag = repository.rpartition(":")
    made: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        # kustomize takes no absolute paths.
        "resources": [os.path.relpath(HERE / base, place.resolve())],
        "images": [{"name": IMAGE, "newName": name, "newTag": tag, "digest": digest}],
    }
    if base == "grading":
        export = {"server": cluster.drop.server, "path": cluster.drop.path}
        # Of a DaskCluster, kustomize does not know where its images are.
        image = {f"{part}/spec/containers/0/image": cluster.image for part in ("scheduler", "worker")}
        made["patches"] = [
            _patch("PersistentVolume", "mlops-labs-drop", {f"nfs/{key}": value for key, value in export.items()}),
            _patch("DaskCluster", "grading", image),
        ]
    return made


def _patch(kind: str, name: str, told: dict[str, str]) -> dict[str, Any]:
    steps = [{"op": "replace", "path": f"/spec/{path}", "value": value} for path, value in told.items()]
    return {"target": {"kind": kind, "name": name}, "patch": yaml.safe_dump(steps, sort_keys=False)}
