"""Why a pod is not ready, and whether it still can become so: read from its conditions and its containers' states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# How often a container may crash while it waits for the others, before the start is given up.
CRASHES = 5
# The registry has no such image, or does not give it out: to ask again helps nobody.
NO_SUCH_IMAGE = (
    "not found",
    "manifest unknown",
    "does not exist",
    "unauthorized",
    "denied",
    "no match for platform",
    "invalid reference",
)
HOPELESS_AT_ONCE = ("InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
# Something is missing that another object may still bring: seconds until it is given up.
PATIENCE = {
    "Unschedulable": 90.0,
    "CreateContainerConfigError": 60.0,
    "CreateContainerError": 60.0,
    "RunContainerError": 60.0,
    "ErrImagePull": 300.0,
    "ImagePullBackOff": 300.0,
    "CrashLoopBackOff": 600.0,
    "OOMKilled": 120.0,
    "FailedCreate": 90.0,
    "FailedMount": 300.0,
    "FailedCreatePodSandBox": 300.0,
}
NEXT_STEPS = {
    "Unschedulable": "give the engine more memory or CPUs, or take a smaller overlay: infra up --profile kind --check",
    "ErrImageNeverPull": "infra up --profile kind loads the course's image anew",
    "ErrImagePull": "look at the network and at the registry's limits (docker login helps), then: infra up",
    "ImagePullBackOff": "look at the network and at the registry's limits (docker login helps), then: infra up",
    "OOMKilled": "its memory limit is too small for what it was asked to do; see its last lines",
}


@dataclass(frozen=True)
class Reason:
    """Why something is not ready: a word of Kubernetes, its message, and whether it is of no use to wait on."""

    word: str
    message: str = ""
    hopeless: bool = False
    container: str = ""

    def __str__(self) -> str:
        """In short, for the progress display."""
        return self.word

    @property
    def patience(self) -> float | None:
        """Seconds after which this is given up; None where only the limit of all counts."""
        return 0.0 if self.hopeless else PATIENCE.get(self.word)

    @property
    def next_step(self) -> str:
        """What helps."""
        return NEXT_STEPS.get(self.word, "mend what the last lines name, then: infra up")


def reason(pod: Mapping[str, Any]) -> Reason | None:
    """Why this pod is not ready; None if it is."""
    status = _mapping(pod.get("status"))
    if status.get("phase") == "Succeeded" or _condition(status, "Ready") == "True":
        return None
    if _mapping(pod.get("metadata")).get("deletionTimestamp"):
        return Reason("Terminating")
    if status.get("phase") == "Failed":
        return Reason(_text(status.get("reason")) or "Failed", _text(status.get("message")))
    for condition in _items(status.get("conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return Reason(_text(condition.get("reason")) or "Unschedulable", _text(condition.get("message")))
    found = list(_containers(status))
    # What hinders says more than what merely waits for its turn.
    found.sort(key=lambda each: (not each.hopeless, each.patience is None))
    if found:
        return found[0]
    return Reason("starting" if status.get("phase") == "Running" else "Pending")


def _containers(status: Mapping[str, Any]) -> Iterator[Reason]:
    everything = [*_items(status.get("initContainerStatuses")), *_items(status.get("containerStatuses"))]
    for each in everything:
        state, name = _mapping(each.get("state")), _text(each.get("name"))
        waiting, terminated = _mapping(state.get("waiting")), _mapping(state.get("terminated"))
        if waiting:
            yield _waiting(each, waiting, name)
        elif terminated and terminated.get("exitCode") != 0:
            yield Reason(_text(terminated.get("reason")) or "Error", _ending(terminated), container=name)


def _waiting(container: Mapping[str, Any], waiting: Mapping[str, Any], name: str) -> Reason:
    word, message = _text(waiting.get("reason")) or "ContainerCreating", _text(waiting.get("message"))
    hopeless = word in HOPELESS_AT_ONCE
    if word in ("ErrImagePull", "ImagePullBackOff"):
        hopeless = any(sign in message.lower() for sign in NO_SUCH_IMAGE)
    if word == "CrashLoopBackOff":
        last = _mapping(_mapping(container.get("lastState")).get("terminated"))
        crashes = container.get("restartCount")
        hopeless = isinstance(crashes, int) and crashes >= CRASHES
        if last.get("reason") == "OOMKilled":
            word = "OOMKilled"
        message = _ending(last) or message
    return Reason(word, message, hopeless, name)


def _ending(terminated: Mapping[str, Any]) -> str:
    code = terminated.get("exitCode")
    said = _text(terminated.get("message")).strip()
    return f"ended with status {code}" + (f": {said}" if said else "") if code is not None else said


def _condition(status: Mapping[str, Any], kind: str) -> str | None:
    found = (each.get("status") for each in _items(status.get("conditions")) if each.get("type") == kind)
    return next(found, None)


def _items(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
