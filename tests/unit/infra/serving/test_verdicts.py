"""What is made of a release's pods while it starts: statuses as Kubernetes writes them, and whatever else may come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.kind.serving.verdicts import standing, verdict

NOT_READY = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]


def pod(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "fraud-2-7d9c-x1", **metadata}, "status": {"phase": "Pending", **status}}


def containers(state: dict[str, Any], name: str = "serve", **more: Any) -> dict[str, Any]:
    return {"conditions": NOT_READY, "containerStatuses": [{"name": name, "state": state, **more}]}


def fetching(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    waits = {"name": "serve", "state": {"waiting": {"reason": "PodInitializing"}}}
    return {
        "conditions": NOT_READY,
        "initContainerStatuses": [{"name": "fetch", "state": state, **more}],
        "containerStatuses": [waits],
    }


ENDED = {"terminated": {"exitCode": 1, "reason": "Error"}}
WELL = pod({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
FETCHED = {"terminated": {"exitCode": 0, "reason": "Completed"}}
BROKEN = {
    "its application ends": (pod(containers(ENDED)), "Error", "serve", 0.0, "restarting"),
    "it runs again after it ended": (
        pod({"phase": "Running", **containers({"running": {}}, lastState=ENDED, restartCount=1)}),
        "Error",
        "serve",
        0.0,
        "starting",
    ),
    "it is to be started again": (
        pod(containers({"waiting": {"reason": "CrashLoopBackOff"}}, lastState=ENDED, restartCount=1)),
        "Error",
        "serve",
        0.0,
        "restarting",
    ),
    "it exits well and should not have": (pod(containers(FETCHED)), "Completed", "serve", 0.0, "starting"),
    "it needs more memory than it may have": (
        pod(
            containers(
                {"waiting": {"reason": "CrashLoopBackOff"}},
                lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            )
        ),
        "OOMKilled",
        "serve",
        0.0,
        "restarting",
    ),
    "its model cannot be fetched": (pod(fetching(ENDED)), "Error", "fetch", 0.0, "restarting"),
    "the node has not the image": (
        pod(fetching({"waiting": {"reason": "ErrImageNeverPull", "message": "not present"}})),
        "ErrImageNeverPull",
        "fetch",
        0.0,
        "failed",
    ),
    "the machine is full": (
        pod(
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/1 nodes are available: 1 Insufficient memory.",
                    }
                ]
            }
        ),
        "Unschedulable",
        "serve",
        45.0,
        "failed",
    ),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_what_cannot_come_good_is_known_and_said(case: tuple[dict[str, Any], str, str, float, str]) -> None:
    found, word, container, patience, listed = case
    seen = verdict([found], None)
    assert (seen.ready, seen.word, seen.container, seen.patience) == (False, word, container, patience)
    assert seen.pod == "fraud-2-7d9c-x1" and seen.told.startswith(word) and seen.next_step(False)
    assert standing([found]) == listed


IMPORTING = {"phase": "Running", **containers({"running": {}})}
IMPORTING["initContainerStatuses"] = [{"name": "fetch", "state": FETCHED}]


@pytest.mark.parametrize("status", [{}, fetching({"running": {}}), IMPORTING], ids=["new", "fetching", "importing"])
def test_what_is_on_its_way_is_waited_for(status: dict[str, Any]) -> None:
    seen = verdict([pod(status)], None)
    assert not seen.ready and seen.patience is None
    assert standing([pod(status)]) == "starting"


def test_a_ready_pod_counts_and_one_that_goes_does_not() -> None:
    going = pod(containers(ENDED), deletionTimestamp="2026-01-01T00:00:00Z")
    assert verdict([WELL, going], None).ready and verdict([going, WELL], None).ready
    assert standing([going, WELL]) == "running"
    assert verdict([going], None).word == "Pending" and standing([going]) == "stopping"


def test_the_next_step_is_to_read_what_there_is() -> None:
    seen = verdict([pod(containers(ENDED))], None)
    assert "last lines" in seen.next_step(True)
    assert "infra status" in seen.next_step(False)


def test_a_quota_that_is_full_is_told_by_the_deployment() -> None:
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": 'pods "fraud-2-7d9c-" is forbidden: exceeded quota: deployments',
    }
    seen = verdict([], {"status": {"conditions": [condition]}})
    assert seen.word == "FailedCreate" and seen.patience == 45.0 and "exceeded quota" in seen.told
    assert "infra undeploy" in seen.next_step(True)
    assert verdict([], None).word == "Pending"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
keys = ("metadata", "status", "phase", "conditions", "containerStatuses", "state", "waiting", "terminated", "lastState")
shaped = st.recursive(
    json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner, max_size=4),
    max_leaves=12,
)
mappings = st.dictionaries(st.sampled_from(keys), shaped)


@given(st.lists(mappings, max_size=3), mappings | st.none())
def test_nothing_that_a_cluster_says_breaks_the_reader(pods: list[dict[str, Any]], made: dict[str, Any] | None) -> None:
    assert isinstance(verdict(pods, made).told, str)
    if pods:
        assert standing(pods)
