"""Render the chosen overlay and apply it: definitions first, then what stands on them."""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.files import write_private
from infra.kind import image, pins, secrets
from infra.kind.kubectl import Kubectl, Refused
from infra.kind.layout import KindLayout, overlay_folder
from infra.profile import Progress
from infra.trouble import Trouble

Object = dict[str, Any]
RENDER_SECONDS = 120.0
APPLY_SECONDS = 180.0
# How long a controller that has just started may take until its webhook answers.
WEBHOOK_PATIENCE = 120.0
# The tag in the manifests, which stand for no build.
UNSET = "unset"
CORE_GROUPS = ("", "apps", "batch", "autoscaling", "policy")
IMMUTABLE_JOB = re.compile(r'Job\.batch "(?P<name>[^"]+)" is invalid: .*field is immutable', re.DOTALL)


@dataclass(frozen=True)
class Rendered:
    """The objects of an overlay in the order in which they are applied, and the digest of the whole text."""

    definitions: tuple[Object, ...]
    components: tuple[Object, ...]
    resources: tuple[Object, ...]
    digest: str

    @property
    def namespaces(self) -> set[str]:
        """The namespaces that the overlay makes."""
        return {str(each["metadata"]["name"]) for each in self.definitions if each["kind"] == "Namespace"}


def render(kubectl: Kubectl, layout: KindLayout, overlay: str, course_image: str) -> Rendered:
    """Render the overlay with the course image of this clone and every image by its digest."""
    folder = overlay_folder(overlay)
    if not (folder / "kustomization.yaml").is_file():
        raise Trouble(
            found=f"no overlay `{overlay}` in {folder.parent}",
            expected="the clone of the course, with its infra/ folder",
            next_step="git clone the course and run infra from its environment",
        )
    write_private(layout.kustomization / "kustomization.yaml", kustomization(layout, folder, course_image))
    text = kubectl.run("kustomize", str(layout.kustomization), seconds=RENDER_SECONDS)
    # kustomize finds images in the fields of Kubernetes' own kinds only, and KServe's are named elsewhere, too.
    text = text.replace(f"{image.NAME}:{UNSET}", course_image)
    return arrange(pins.complete(text, layout.home / "pins.json"))


def kustomization(layout: KindLayout, folder: Path, course_image: str) -> str:
    """Our own kustomization: the overlay, and the tag of the course image."""
    # kustomize refuses an absolute path, and does not follow a link on the way to a relative one.
    relative = os.path.relpath(folder.resolve(), layout.kustomization.resolve())
    name, _, tag = course_image.rpartition(":")
    told = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [relative],
        "images": [{"name": name or image.NAME, "newTag": tag}],
    }
    return yaml.safe_dump(told, sort_keys=False)


def arrange(text: str) -> Rendered:
    """Put the rendered objects into the order in which they can be applied."""
    objects = [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if isinstance(each, dict)]
    defined = {str(each["spec"]["names"]["kind"]) for each in objects if each.get("kind") == "CustomResourceDefinition"}
    definitions, components, resources = [], [], []
    for each in objects:
        if each.get("kind") in ("Namespace", "CustomResourceDefinition"):
            definitions.append(each)
        elif each.get("kind") in defined or not _built_in(str(each.get("apiVersion"))):
            resources.append(each)
        else:
            components.append(each)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Rendered(tuple(definitions), tuple(components), tuple(resources), digest)


def _built_in(version: str) -> bool:
    group = version.rpartition("/")[0]
    return group in CORE_GROUPS or (group.endswith(".k8s.io") and group != "gateway.networking.k8s.io")


def apply(kubectl: Kubectl, rendered: Rendered, progress: Progress) -> None:
    """Apply namespaces, definitions, Secrets and components; the resources follow once those are ready."""
    progress.waiting("Applying namespaces and definitions")
    _apply(kubectl, rendered.definitions)
    names = [each["metadata"]["name"] for each in rendered.definitions if each["kind"] != "Namespace"]
    if names:
        progress.waiting(f"Waiting for {len(names)} definitions to be known")
        words = [f"customresourcedefinition/{name}" for name in names]
        kubectl.run("wait", "--for=condition=Established", "--timeout=120s", *words, seconds=150)
    secrets.ensure(kubectl, rendered.namespaces)
    progress.waiting(f"Applying {len(rendered.components)} objects")
    _apply(kubectl, rendered.components)


def apply_resources(kubectl: Kubectl, rendered: Rendered, progress: Progress) -> None:
    """Apply what the started controllers look after; their webhooks may need a moment."""
    deadline = time.monotonic() + WEBHOOK_PATIENCE
    while rendered.resources:
        progress.waiting(f"Applying {len(rendered.resources)} resources of the components")
        try:
            return _apply(kubectl, rendered.resources)
        except Refused as refused:
            if "webhook" not in refused.said or time.monotonic() > deadline:
                raise
            time.sleep(2)


def _apply(kubectl: Kubectl, objects: tuple[Object, ...]) -> None:
    if not objects:
        return
    # A Job cannot be changed, only made anew: at the worst once for each of them.
    for _ in range(1 + sum(each["kind"] == "Job" for each in objects)):
        try:
            return kubectl.apply(objects)
        except Refused as refused:
            doomed = _immutable_job(refused, objects)
            if doomed is None:
                raise
            metadata = doomed["metadata"]
            where = ["--namespace", metadata["namespace"]] if metadata.get("namespace") else []
            kubectl.run("delete", "job", metadata["name"], *where, "--ignore-not-found", "--wait=true")
    kubectl.apply(objects)


def _immutable_job(refused: Refused, objects: tuple[Object, ...]) -> Object | None:
    found = IMMUTABLE_JOB.search(refused.said)
    jobs = [each for each in objects if each["kind"] == "Job"]
    return next((each for each in jobs if found and each["metadata"]["name"] == found["name"]), None)
