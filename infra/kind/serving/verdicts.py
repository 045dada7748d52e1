"""What becomes of a release that is being started: whether its pod is ready, still may be, or cannot any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.kind.pods import reason

# Room is made when a pod that was stopped has gone; a quota is then free again, too.
MAKING_ROOM = 45.0
WAITING = ("starting", "Pending", "ContainerCreating", "PodInitializing", "Terminating")
ENDED = ("CrashLoopBackOff", "OOMKilled")
MEND = "mend what the last lines name"
NEXT_STEPS = {
    "OOMKilled": "make the service hold less: it may have 512 MiB",
    "ErrImageNeverPull": "infra up loads the course's image anew",
    "Unschedulable": "infra undeploy what nobody needs, or give Docker more memory",
    "FailedCreate": "infra undeploy what nobody needs: the namespace has room for about four releases at once",
}


@dataclass(frozen=True)
class Verdict:
    """How a release stands: `word` is Kubernetes' word, empty when all is well; `patience` seconds are left to it."""

    ready: bool = False
    word: str = ""
    message: str = ""
    patience: float | None = None
    pod: str = ""
    container: str = ""

    @property
    def told(self) -> str:
        """In words, for the person who waits."""
        return f"{self.word}: {self.message}" if self.message else self.word or "the router to reach it"

    def next_step(self, lines: bool) -> str:
        """What helps; `lines` of a log or events are shown, or none."""
        if self.word in NEXT_STEPS:
            return NEXT_STEPS[self.word]
        return f"{MEND if lines else 'infra status'}, then the same command again"


def verdict(pods: Sequence[Mapping[str, Any]], deployment: Mapping[str, Any] | None) -> Verdict:
    """How a release stands, by its pods, or by its Deployment while it has none."""
    living = [pod for pod in pods if not _mapping(pod.get("metadata")).get("deletionTimestamp")]
    if not living:
        return _without_pods(deployment)
    pod = living[-1]
    name = str(_mapping(pod.get("metadata")).get("name") or "")
    if ended := _ended(pod, name):
        return ended
    found = reason(pod)
    if found is None:
        return Verdict(ready=True, pod=name, container="serve")
    patience = MAKING_ROOM if found.word == "Unschedulable" else found.patience
    return Verdict(False, found.word, found.message, patience, name, found.container or "serve")


def standing(pods: Sequence[Mapping[str, Any]]) -> str:
    """How a release stands, in one word for a list."""
    found = [reason(pod) for pod in pods if not _mapping(pod.get("metadata")).get("deletionTimestamp")]
    if not found:
        return "stopping"
    if None in found:
        return "running"
    word = str(found[-1])
    if word in WAITING:
        return "starting"
    return "restarting" if word in ENDED or word == "Error" else "failed"


def _without_pods(deployment: Mapping[str, Any] | None) -> Verdict:
    """What its Deployment says of a pod that could not be made."""
    status = _mapping((deployment or {}).get("status"))
    conditions = status.get("conditions")
    for each in conditions if isinstance(conditions, list) else []:
        condition = _mapping(each)
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            word, message = str(condition.get("reason") or "FailedCreate"), str(condition.get("message") or "")
            return Verdict(False, word, message, MAKING_ROOM)
    return Verdict(False, "Pending")


def _ended(pod: Mapping[str, Any], name: str) -> Verdict | None:
    """A container that has ended while the release was starting: it will not do better the next time."""
    status = _mapping(pod.get("status"))
    for kind in ("initContainerStatuses", "containerStatuses"):
        listed = status.get(kind)
        for each in listed if isinstance(listed, list) else []:
            container = _mapping(each)
            last = _termination(container)
            if last is None:
                continue
            word = str(last.get("reason") or "Error")
            called = str(container.get("name") or "")
            message = f"container {called} ended with status {last.get('exitCode')} while it was starting"
            return Verdict(False, word, message, 0.0, name, called)
    return None


def _termination(container: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How a container ended, now or the last time; None if it never did, or well as an init container does."""
    state = _mapping(container.get("state"))
    for where in (state, _mapping(container.get("lastState"))):
        found = _mapping(where.get("terminated"))
        served = container.get("name") == "serve"
        if found and (served or found.get("exitCode") != 0):
            return found
    return None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
