"""Releases as pods, started by Deployments and told apart by labels, and the router that reads a ConfigMap."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from infra.deployments import Deployment
from infra.kind.kubectl import Kubectl, Refused
from infra.kind.layout import SERVING_NAMESPACE
from infra.kind.pods import reason
from infra.kind.serving import objects
from infra.kind.serving.verdicts import Verdict, standing, verdict
from infra.profile import Progress
from infra.serving.routes import called, followed, reaches, tables
from infra.serving.store import Store
from infra.trouble import Trouble

PATIENCE = float(objects.STARTING_SECONDS)
# The kubelet looks at a changed ConfigMap within a minute or two by itself.
TURNING_PATIENCE, HURRIED = 150.0, 15.0
NUDGE_EVERY = 3.0
LOOK_EVERY = 0.5
LOG_LINES = 20
NUDGE = "mlops-labs/routes"


class Pods:
    """What runs the releases in one cluster."""

    def __init__(self, kubectl: Kubectl, store: Store, image: str, router: str) -> None:
        self._kubectl, self._store, self._image, self._router = kubectl, store, image, router
        self._nudged = 0.0

    def start(self, deployment: Deployment, number: int, progress: Progress) -> None:
        """Start one release and wait until the router gets a healthy answer from it."""
        began = time.monotonic()
        self.apply(deployment, number)
        # The router learns of the release while it starts, so that no request waits for that later.
        self.publish()
        self._await(deployment.name, number, progress)
        progress.note(f"{called(deployment.name, number)} answers after {time.monotonic() - began:.1f} s")

    def stop(self, name: str, number: int) -> None:
        """Take the pod away; its Deployment, its Service and its code stay."""
        words = ("scale", "deployment", called(name, number), "--replicas", "0", "--namespace", SERVING_NAMESPACE)
        try:
            self._kubectl.run(*words)
        except Refused as refused:
            if not refused.missing:
                raise

    def remove(self, name: str, number: int) -> None:
        """Delete all that a release consists of."""
        which = [f"{kind}/{called(name, number)}" for kind in ("deployment", "service", "configmap")]
        self._kubectl.run("delete", *which, "--ignore-not-found", "--wait=false", "--namespace", SERVING_NAMESPACE)

    def reroute(self, progress: Progress, *, hurried: bool = False) -> None:
        """Have the router follow the store's records, and wait until its own answer says that it does."""
        version, patience = self.publish(), HURRIED if hurried else TURNING_PATIENCE
        deadline = time.monotonic() + patience
        while followed(self._router) != version:
            progress.waiting("Waiting for the router to take over its new routes")
            if time.monotonic() > deadline:
                raise self._not_turned(patience)
            self._nudge()
            time.sleep(LOOK_EVERY)

    def tidy(self) -> None:
        """Let the router forget what has gone; nothing waits for that."""
        self.publish()

    def states(self, deployment: Deployment) -> Mapping[int, str]:
        """How the releases stand that have a pod."""
        found = self._pods(objects.selector(deployment.name))
        states = {}
        for each in deployment.releases:
            pods = [pod for pod in found if _label(pod, objects.RELEASE_LABEL) == str(each.number)]
            if pods:
                states[each.number] = standing(pods)
        return states

    def apply(self, deployment: Deployment, number: int) -> None:
        """Make the objects of a release so, and do not wait."""
        release = deployment.release(number)
        code = objects.archive(self._store.folder(deployment.name, number) / "code")
        wanted = objects.release_objects(deployment.name, release, code, self._image)
        there = self._kubectl.get("configmap", called(deployment.name, number), namespace=SERVING_NAMESPACE)
        if there is not None and _annotation(there, objects.CODE_ANNOTATION) == release.code:
            # It cannot be changed, and another version of Python would pack the same code into other bytes.
            wanted = [each for each in wanted if each["kind"] != "ConfigMap"]
        elif there is not None:
            self._kubectl.delete("configmap", called(deployment.name, number), namespace=SERVING_NAMESPACE)
        self._kubectl.apply(wanted)

    def publish(self) -> str:
        """Write what the router reads, tell the kubelet to look, and return the version."""
        also = [objects.inference_service(name) for name in objects.INFERENCE_SERVICES]
        made = tables(self._store.all(), objects.release_cluster, also)
        self._kubectl.apply([objects.router_map(made)])
        self._nudged = 0.0
        self._nudge()
        return made.version

    def sweep(self) -> None:
        """Stop what runs without traffic, and delete what no record knows: an `infra` that was killed left them."""
        records, damaged = {each.name: each for each in self._store.all()}, set(self._store.names())
        damaged -= set(records)
        which = f"{objects.COMPONENT_LABEL}={objects.COMPONENT}"
        found = self._kubectl.get("deployments", namespace=SERVING_NAMESPACE, selector=which) or {}
        for each in found.get("items", []):
            name, number = _label(each, objects.DEPLOYMENT_LABEL), _label(each, objects.RELEASE_LABEL)
            if not name or not number.isdecimal() or name in damaged:
                continue
            record = records.get(name)
            if record is None or int(number) not in {release.number for release in record.releases}:
                self.remove(name, int(number))
            elif int(number) not in record.traffic.serving and each.get("spec", {}).get("replicas"):
                self.stop(name, int(number))

    def _nudge(self) -> None:
        """Change the router's pods a little: the kubelet looks at once, and not within a minute, at what they mount."""
        if time.monotonic() - self._nudged < NUDGE_EVERY:
            return
        self._nudged = time.monotonic()
        which = ("--selector", f"{objects.COMPONENT_LABEL}={objects.ROUTER}", "--namespace", SERVING_NAMESPACE)
        try:
            self._kubectl.run("annotate", "pods", *which, "--overwrite", f"{NUDGE}={time.time_ns()}")
        except Refused:
            # A router that is not there yet, or is just being renewed, reads the newest files by itself.
            return

    def _await(self, name: str, number: int, progress: Progress) -> None:
        began, since, last = time.monotonic(), time.monotonic(), ""
        while True:
            found = self._look(name, number)
            if found.word != last:
                last, since = found.word, time.monotonic()
            if found.ready and reaches(self._router, name, number):
                return
            progress.waiting(f"Waiting for {called(name, number)}: {found.told}")
            patience = PATIENCE if found.patience is None else found.patience
            if time.monotonic() - since > patience or time.monotonic() - began > PATIENCE:
                raise self._failed(name, number, found)
            if found.ready:
                self._nudge()
            time.sleep(LOOK_EVERY)

    def _look(self, name: str, number: int) -> Verdict:
        pods = self._pods(objects.selector(name, number))
        made = None if pods else self._kubectl.get("deployment", called(name, number), namespace=SERVING_NAMESPACE)
        return verdict(pods, made)

    def _pods(self, selector: str) -> list[dict[str, Any]]:
        found = self._kubectl.get("pods", namespace=SERVING_NAMESPACE, selector=selector) or {}
        return [each for each in found.get("items", []) if isinstance(each, dict)]

    def _failed(self, name: str, number: int, found: Verdict) -> Trouble:
        what = called(name, number)
        details = self._log(found) or self._events(found)
        why = found.told
        if found.ready:
            why = f"its pod is ready, but the router does not reach it: {self._router_says()}"
        elif found.patience is None:
            why = f"no healthy answer within {PATIENCE:.0f} s ({found.told})"
        return Trouble(
            details=details,
            found=f"{what} did not come good: {why}",
            expected=f"{what} that answers GET /health with 200",
            next_step=f"{found.next_step(bool(details))}; the traffic is as it was",
        )

    def _log(self, found: Verdict) -> str:
        """The last lines of the container at fault, or of its life before this one; empty if there are none."""
        if not found.pod or not found.container:
            return ""
        words = ["logs", found.pod, "--container", found.container, "--tail", str(LOG_LINES)]
        for before in ([], ["--previous"]):
            try:
                lines = self._kubectl.run(*words, *before, "--namespace", SERVING_NAMESPACE).strip()
            except Trouble:
                continue
            if lines:
                return f"The end of the log of {found.pod}, container {found.container}:\n{lines}"
        return ""

    def _events(self, found: Verdict) -> str:
        """What happened to a pod that has said nothing itself; it is about to be deleted, so nobody can ask later."""
        if not found.pod:
            return ""
        columns = "custom-columns=REASON:.reason,MESSAGE:.message"
        words = ["get", "events", "--field-selector", f"involvedObject.name={found.pod}", "--output", columns]
        try:
            lines = self._kubectl.run(*words, "--no-headers", "--namespace", SERVING_NAMESPACE).strip().splitlines()
        except Trouble:
            return ""
        return "\n".join([f"What happened to {found.pod}:", *lines[-LOG_LINES:]]) if lines else ""

    def _not_turned(self, patience: float) -> Trouble:
        return Trouble(
            found=f"the router did not take over its new routes within {patience:.0f} s: {self._router_says()}",
            expected=f"an Envoy that answers at {self._router}/-/version",
            next_step="infra status, then: infra logs router",
        )

    def _router_says(self) -> str:
        pods = self._pods(f"{objects.COMPONENT_LABEL}={objects.ROUTER}")
        if not pods:
            return "it has no pod"
        reasons = [reason(pod) for pod in pods]
        return ", ".join(str(each) for each in reasons if each) or "its pod is ready"


def _label(found: Mapping[str, Any], name: str) -> str:
    return str((found.get("metadata", {}).get("labels") or {}).get(name, ""))


def _annotation(found: Mapping[str, Any], name: str) -> str:
    return str((found.get("metadata", {}).get("annotations") or {}).get(name, ""))
