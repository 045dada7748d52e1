"""Wait until every component is ready; say what is waited for and why, and give up early on what cannot come good."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.kind.kubectl import Kubectl, Refused
from infra.kind.pods import Reason, reason
from infra.profile import Progress
from infra.trouble import Trouble

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
WHAT = "deployments.apps,statefulsets.apps,daemonsets.apps,jobs.batch,pods"
# Some gigabytes of images come over the learner's own line at the first start.
LIMIT = 3600.0
PAUSE = 1.0
# A cluster that was just started refuses connections for a while.
SILENCE = 180.0
# After this long, what a workload waits for is not told by its pods alone: its events know more.
QUIET = 20.0
ASK_AGAIN = 15.0
TELLING = ("FailedCreate", "FailedMount", "FailedCreatePodSandBox")
LOG_LINES = 15
SHOWN = 3

Key = tuple[str, str, str]
Object = dict[str, Any]


@dataclass(frozen=True)
class Standing:
    """One component as the cluster sees it now: ready, or not, and then why."""

    key: Key
    ready: bool
    reason: Reason | None = None
    pod: str = ""

    @property
    def name(self) -> str:
        """How it is called in the progress display."""
        return self.key[2]


@dataclass
class Patience:
    """Since when each component stands where it stands."""

    since: dict[Key, tuple[str, float]] = field(default_factory=dict)
    asked: dict[Key, tuple[float, Standing]] = field(default_factory=dict)

    def spent(self, standing: Standing, now: float) -> float:
        """Seconds for which this component has had this very reason."""
        word = str(standing.reason)
        before, start = self.since.get(standing.key, ("", now))
        if before != word:
            start = now
        self.since[standing.key] = (word, start)
        return now - start

    def explained(self, kubectl: Kubectl, each: Standing, now: float) -> Standing:
        """The same component, with the reason that its events tell when its own words say too little."""
        silent = each.reason is not None and each.reason.patience is None
        if not silent or self.spent(each, now) <= QUIET:
            return each
        then, known = self.asked.get(each.key, (now - ASK_AGAIN, each))
        if now - then >= ASK_AGAIN or known.pod != each.pod:
            known = told_by_events(kubectl, each)
            self.asked[each.key] = (now, known)
        return known


def workloads(objects: Iterable[Object]) -> list[Key]:
    """The components among some objects."""
    return [key(each) for each in objects if each.get("kind") in WORKLOADS]


def key(each: Mapping[str, Any]) -> Key:
    """By what an object is known."""
    metadata = each.get("metadata") or {}
    return str(each.get("kind")), str(metadata.get("namespace") or "default"), str(metadata.get("name"))


def wait(kubectl: Kubectl, wanted: list[Key], progress: Progress, *, limit: float = LIMIT) -> bool:
    """Return when all of `wanted` are ready; False if they were so from the beginning."""
    begun = time.monotonic()
    heard, patience = begun, Patience()
    announced: set[Key] = set()
    first = True
    while True:
        now = time.monotonic()
        try:
            standings = look(kubectl, wanted)
            heard = now
        except Refused as refused:
            if now - heard > SILENCE:
                raise
            progress.waiting(f"Waiting for the cluster to answer ({refused.said.splitlines()[-1][:80]})")
            first = False
            time.sleep(PAUSE)
            continue
        pending = [each for each in standings if not each.ready]
        if not pending:
            return not first
        for each in standings:
            if each.ready and not first and each.key not in announced:
                progress.note(f"{each.name} is ready after {now - begun:.0f} s")
            if each.ready:
                announced.add(each.key)
        spent = {each.key: patience.spent(each, now) for each in pending}
        pending = [patience.explained(kubectl, each, now) for each in pending]
        for each in pending:
            give_up_on(kubectl, each, spent[each.key])
        if now - begun > limit:
            raise failure(kubectl, pending[0], f"{pending[0].name} was not ready within {limit:.0f} s")
        progress.waiting(sentence(pending))
        first = False
        time.sleep(PAUSE)


def look(kubectl: Kubectl, wanted: list[Key]) -> list[Standing]:
    """How each of the wanted components stands now."""
    found = json.loads(kubectl.run("get", WHAT, "--all-namespaces", "--output", "json"))
    objects = [each for each in found.get("items") or () if isinstance(each, dict)]
    by_key = {key(each): each for each in objects if each.get("kind") in WORKLOADS}
    pods = [each for each in objects if each.get("kind") == "Pod"]
    return [standing(each, by_key.get(each), pods) for each in wanted]


def standing(which: Key, found: Object | None, pods: list[Object]) -> Standing:
    """How one component stands, told from itself and its pods."""
    if found is None:
        return Standing(which, ready=False, reason=Reason("Missing", "the cluster does not have it"))
    if ready(found):
        return Standing(which, ready=True)
    if refused := hindrance(found):
        return Standing(which, ready=False, reason=refused)
    reasons = [(each, why) for each in pods if belongs(each, found) and (why := reason(each))]
    reasons.sort(key=lambda pair: (not pair[1].hopeless, pair[1].patience is None))
    if reasons:
        pod, why = reasons[0]
        return Standing(which, ready=False, reason=why, pod=str(pod["metadata"]["name"]))
    return Standing(which, ready=False, reason=Reason("starting"))


def ready(found: Mapping[str, Any]) -> bool:
    """Whether a workload has what it was told to have, in its newest form."""
    status = found.get("status") or {}

    def count(name: str) -> int:
        return int(status.get(name) or 0)

    if found.get("kind") == "Job":
        return condition(status, "Complete") == "True"
    if count("observedGeneration") < int((found.get("metadata") or {}).get("generation") or 0):
        return False
    if found.get("kind") == "DaemonSet":
        return min(count("numberReady"), count("updatedNumberScheduled")) >= count("desiredNumberScheduled")
    wanted = int((found.get("spec") or {}).get("replicas", 1))
    if found.get("kind") == "StatefulSet":
        return min(count("readyReplicas"), count("updatedReplicas")) >= wanted
    return min(count("availableReplicas"), count("updatedReplicas")) >= wanted >= count("replicas")


def hindrance(found: Mapping[str, Any]) -> Reason | None:
    """Why a workload gets no pods, or none that is of use, as it says itself."""
    for each in (found.get("status") or {}).get("conditions") or ():
        what, is_so = each.get("type"), each.get("status") == "True"
        message = str(each.get("message") or "")
        if found.get("kind") == "Job" and what == "Failed" and is_so:
            return Reason(str(each.get("reason") or "Failed"), message, hopeless=True)
        if what == "ReplicaFailure" and is_so:
            return Reason(str(each.get("reason") or "FailedCreate"), message)
    return None


def condition(status: Mapping[str, Any], kind: str) -> str | None:
    """The state of one condition."""
    return next((each.get("status") for each in status.get("conditions") or () if each.get("type") == kind), None)


def belongs(pod: Mapping[str, Any], workload: Mapping[str, Any]) -> bool:
    """Whether the workload's selector takes this pod."""
    there, here = workload.get("metadata") or {}, pod.get("metadata") or {}
    wanted = ((workload.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    labels = here.get("labels") or {}
    return (
        bool(wanted)
        and there.get("namespace") == here.get("namespace")
        and all(labels.get(name) == value for name, value in wanted.items())
    )


def sentence(pending: list[Standing]) -> str:
    """What is waited for, and why, in one line."""
    shown = [f"{each.name} ({each.reason})" for each in pending[:SHOWN]]
    more = len(pending) - len(shown)
    return "Waiting for " + ", ".join(shown) + (f" and {more} more" if more else "")


def give_up_on(kubectl: Kubectl, each: Standing, spent: float) -> None:
    """Raise Trouble when waiting for this component is in vain."""
    limit = each.reason.patience if each.reason else None
    if limit is not None and spent >= limit:
        raise failure(kubectl, each, f"{each.name} does not start: {each.reason}")


def told_by_events(kubectl: Kubectl, each: Standing) -> Standing:
    """Why a workload got no pod, or its pod no container: a quota, a Secret that is not there, no network."""
    _, namespace, name = each.key
    selector = f"involvedObject.name={each.pod or name}"
    try:
        words = ("get", "events", "--namespace", namespace, "--field-selector", selector, "--output", "json")
        found = json.loads(kubectl.run(*words)).get("items") or ()
    except (Refused, ValueError):
        return each
    # Only the last one counts: a mount that failed at first is forgotten once the image is being fetched.
    last: Object = max(found, key=moment, default={})
    if last.get("reason") not in TELLING:
        return each
    return Standing(each.key, False, Reason(str(last["reason"]), str(last.get("message") or "")), each.pod)


def moment(event: Mapping[str, Any]) -> str:
    """When an event was seen the last time."""
    created = (event.get("metadata") or {}).get("creationTimestamp")
    return str(event.get("lastTimestamp") or event.get("eventTime") or created or "")


def failure(kubectl: Kubectl, each: Standing, found: str) -> Trouble:
    """The message for a component that does not become ready, with the last lines that its container wrote."""
    kind, namespace, name = each.key
    why = each.reason or Reason("starting")
    message = f": {why.message}" if why.message else ""
    return Trouble(
        details=_last_lines(kubectl, each, namespace),
        found=f"{found}{message}"[:1500],
        expected=f"{kind} {name} in namespace {namespace}, ready",
        next_step=why.next_step,
    )


def _last_lines(kubectl: Kubectl, each: Standing, namespace: str) -> str:
    """The end of the log of the container that is at fault, of its run before where the new one is silent."""
    if not each.pod:
        return ""
    words = ["logs", each.pod, "--namespace", namespace, "--tail", str(LOG_LINES)]
    words += ["--container", each.reason.container] if each.reason and each.reason.container else ["--all-containers"]
    for more in (["--previous"], []):
        try:
            said = kubectl.run(*words, *more, seconds=20).rstrip()
        except Trouble:
            continue
        if said:
            return f"The last lines of {each.pod}:\n{said}"
    return ""
