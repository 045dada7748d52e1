"""How the components stand, what memory they take, and whether their pages answer on the host."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from infra.kind.kubectl import Kubectl, Refused
from infra.kind.layout import NODE, PAGES
from infra.kind.state import State
from infra.kind.waiting import WHAT, WORKLOADS, belongs, key, standing
from infra.profile import ServiceStatus

SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system", "local-path-storage")
SUMMARY = f"/api/v1/nodes/{NODE}/proxy/stats/summary"
PROBE_SECONDS = 5.0
Object = dict[str, Any]


def rows(kubectl: Kubectl, state: State) -> list[ServiceStatus]:
    """The node, and each component of ours: `running` when it is ready and, where it has a page, that answers."""
    found = json.loads(kubectl.run("get", WHAT, "--all-namespaces", "--output", "json"))
    objects = [each for each in found.get("items") or () if isinstance(each, dict)]
    pods = [each for each in objects if each.get("kind") == "Pod"]
    used, whole = memory(kubectl)
    listed = [ServiceStatus("cluster", "Cluster", "running", "", memory_bytes=whole)]
    for each in sorted(filter(ours, objects), key=key):
        which = key(each)
        stands = standing(which, each, pods)
        names = {key(pod)[1:] for pod in pods if belongs(pod, each)}
        page = next((name for name, told in PAGES.items() if told.workload == which[2]), None)
        state_now = "running" if stands.ready else str(stands.reason)
        if page and stands.ready and not answers(state.address(page) + PAGES[page].health):
            state_now = "silent"
        listed.append(
            ServiceStatus(
                name=which[2],
                title=PAGES[page].title if page else which[2],
                state=state_now,
                address=state.address(page) if page else "",
                memory_bytes=sum(used.get(name, 0) for name in names) or None,
                since=started(pods, names),
            )
        )
    return listed


def ours(each: Mapping[str, Any]) -> bool:
    """Whether this is a component that should go on running, outside of Kubernetes' own namespaces."""
    # A release without traffic is kept, scaled to nothing.
    wanted = (each.get("spec") or {}).get("replicas", 1)
    return each.get("kind") in WORKLOADS[:3] and key(each)[1] not in SYSTEM_NAMESPACES and wanted != 0


def started(pods: Iterable[Object], names: set[tuple[str, str]]) -> str | None:
    """When the oldest of these pods started."""
    times = [str((pod.get("status") or {}).get("startTime") or "") for pod in pods if key(pod)[1:] in names]
    return min(filter(None, times), default=None)


def memory(kubectl: Kubectl) -> tuple[dict[tuple[str, str], int], int | None]:
    """The bytes in use by each pod, and by the whole node, as the kubelet counts them; nothing where it is silent."""
    try:
        told = json.loads(kubectl.run("get", "--raw", SUMMARY))
    except (Refused, ValueError):
        return {}, None
    used = {}
    for pod in told.get("pods") or ():
        reference = pod.get("podRef") or {}
        bytes_ = (pod.get("memory") or {}).get("workingSetBytes")
        if isinstance(bytes_, int):
            used[str(reference.get("namespace")), str(reference.get("name"))] = bytes_
    whole = ((told.get("node") or {}).get("memory") or {}).get("workingSetBytes")
    return used, whole if isinstance(whole, int) else None


def answers(url: str) -> bool:
    """Whether a page answers. A proxy from the environment has no say about this machine's own ports."""
    try:
        return httpx.get(url, timeout=PROBE_SECONDS, trust_env=False).is_success
    except httpx.HTTPError:
        return False
