import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.kind import waiting
from infra.kind.kubectl import Kubectl, Refused
from infra.kind.pods import reason
from infra.kind.waiting import Standing, ready, standing
from infra.trouble import Trouble

PODS = Path(__file__).parent / "recorded" / "pods"
KEY = ("Deployment", "mlops-labs", "mlflow")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


class Heard:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.waits: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def waiting(self, text: str) -> None:
        self.waits.append(text)


class Script(Kubectl):
    """A kubectl that answers with one list of objects after the other."""

    events: ClassVar[list[dict[str, str]]] = []

    def __init__(self, *answers: Any) -> None:
        super().__init__(Path("/none"), "kind-mlops-labs")
        object.__setattr__(self, "answers", list(answers))

    def run(self, *words: str, stdin: str | None = None, seconds: float = 60) -> str:
        if words[0] == "logs":
            return "Traceback of the service\n"
        if words[:2] == ("get", "events"):
            return json.dumps({"items": self.events})
        answers: list[Any] = self.answers  # type: ignore[attr-defined]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return json.dumps({"items": answer})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PAUSE", 0.0)
    clock = iter(range(0, 10**6, 10))
    monkeypatch.setattr(waiting.time, "monotonic", lambda: float(next(clock)))


def pod(name: str) -> dict[str, Any]:
    return dict(json.loads((PODS / f"{name}.json").read_text()))


def deployment(**status: int) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "mlflow", "namespace": "mlops-labs", "generation": 2},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": "mlflow"}}},
        "status": status,
    }


READY = deployment(observedGeneration=2, replicas=1, updatedReplicas=1, availableReplicas=1)
UNREADY = deployment(observedGeneration=2, replicas=1, updatedReplicas=1)


@pytest.mark.parametrize(
    ("name", "word", "hopeless"),
    [
        ("image-not-found", "ImagePullBackOff", True),
        ("image-no-network", "ErrImagePull", False),
        ("image-never-pulled", "ErrImageNeverPull", True),
        ("crash-first", "CrashLoopBackOff", False),
        ("crash-loop", "CrashLoopBackOff", True),
        ("out-of-memory", "OOMKilled", False),
        ("unschedulable", "Unschedulable", False),
        ("creating", "ContainerCreating", False),
        ("init-failed", "CreateContainerConfigError", False),
        ("running-unready", "starting", False),
        ("evicted", "Evicted", False),
    ],
)
def test_why_a_pod_is_not_ready(name: str, word: str, hopeless: bool) -> None:
    found = reason(pod(name))
    assert found is not None
    assert (found.word, found.hopeless) == (word, hopeless)


@pytest.mark.parametrize("name", ["ready", "succeeded"])
def test_a_pod_that_is_well_has_no_reason(name: str) -> None:
    assert reason(pod(name)) is None


@given(json_values)
def test_no_pod_raises(value: Any) -> None:
    status = {"status": value, "metadata": value}
    reason(status)
    reason({"status": {"conditions": value, "containerStatuses": value, "initContainerStatuses": [value]}})
    reason({"status": {"containerStatuses": [{"state": value, "lastState": value}]}})


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}, True),
        ({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}, False),
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 2}, False),
        ({"observedGeneration": 2, "replicas": 1, "availableReplicas": 1}, False),
        ({}, False),
    ],
)
def test_a_deployment_is_ready_in_its_newest_form_only(status: dict[str, int], expected: bool) -> None:
    assert ready(deployment(**status)) is expected


def test_the_other_workloads() -> None:
    stateful = {"kind": "StatefulSet", "metadata": {"generation": 1}, "spec": {"replicas": 1}}
    assert ready(stateful | {"status": {"observedGeneration": 1, "readyReplicas": 1, "updatedReplicas": 1}})
    assert not ready(stateful | {"status": {"observedGeneration": 1, "readyReplicas": 1}})
    daemon = {"kind": "DaemonSet", "metadata": {"generation": 1}}
    assert not ready(daemon)
    assert ready(daemon | {"status": {"observedGeneration": 1, "desiredNumberScheduled": 0}})
    job = {"kind": "Job", "metadata": {}}
    assert not ready(job)
    assert ready(job | {"status": {"conditions": [{"type": "Complete", "status": "True"}]}})
    failed = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
    found = standing(("Job", "mlops-labs", "prepare"), job | {"status": failed}, [])
    assert found.reason is not None and found.reason.hopeless


def test_what_is_missing_or_of_another_namespace() -> None:
    assert str(standing(KEY, None, []).reason) == "Missing"
    foreign = pod("image-not-found")
    foreign["metadata"]["namespace"] = "kubeflow"
    assert str(standing(KEY, UNREADY, [foreign]).reason) == "starting"
    assert str(standing(KEY, UNREADY, [pod("image-not-found")]).reason) == "ImagePullBackOff"


def test_waiting_names_what_and_why_and_ends() -> None:
    heard = Heard()
    kubectl = Script([UNREADY, pod("creating")], [UNREADY, pod("running-unready")], [READY, pod("ready")])
    assert waiting.wait(kubectl, [KEY], heard) is True
    assert heard.waits == ["Waiting for mlflow (ContainerCreating)", "Waiting for mlflow (starting)"]


def test_what_is_ready_at_once_was_not_waited_for() -> None:
    heard = Heard()
    assert waiting.wait(Script([READY]), [KEY], heard) is False
    assert heard.waits == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("image-not-found", "not found"),
        ("image-never-pulled", "pull policy of Never"),
        ("crash-loop", "ended with status 1"),
        ("unschedulable", "Insufficient memory"),
        ("init-failed", 'secret "postgres" not found'),
        ("image-no-network", "server misbehaving"),
        ("out-of-memory", "ended with status 137"),
    ],
)
def test_what_cannot_come_good_ends_with_its_last_lines(name: str, said: str) -> None:
    with pytest.raises(Trouble) as raised:
        waiting.wait(Script([UNREADY, pod(name)]), [KEY], Heard())
    text = str(raised.value)
    assert said in text and "Traceback of the service" in text
    assert all(part in text for part in ("Found:", "Expected:", "Next:"))


def test_a_first_crash_is_waited_for() -> None:
    kubectl = Script([UNREADY, pod("crash-first")], [UNREADY, pod("crash-first")], [READY])
    assert waiting.wait(kubectl, [KEY], Heard()) is True


FAILED = {"reason": "FailedCreate", "message": "exceeded quota: memory", "lastTimestamp": "2026-11-21T10:00:00Z"}
MOUNT = {"reason": "FailedMount", "message": 'secret "store" not found', "lastTimestamp": "2026-11-21T10:01:00Z"}
PULLING = {"reason": "Pulling", "message": "Pulling image", "lastTimestamp": "2026-11-21T10:02:00Z"}


@pytest.mark.parametrize(
    ("objects", "events", "said"),
    [
        ([UNREADY], [FAILED], "FailedCreate: exceeded quota: memory"),
        ([UNREADY, pod("creating")], [FAILED, MOUNT], 'FailedMount: secret "store" not found'),
        ([UNREADY, pod("creating")], [PULLING, MOUNT], "was not ready within 1000 s"),
    ],
)
def test_what_pods_do_not_tell_is_told_by_events(
    objects: list[Any], events: list[dict[str, str]], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Script, "events", events)
    heard = Heard()
    with pytest.raises(Trouble, match=said):
        waiting.wait(Script(objects), [KEY], heard, limit=1000)
    assert any(said.split(":", maxsplit=1)[0] in text for text in heard.waits) is (events != [PULLING, MOUNT])


def test_the_limit_of_all_ends_it_too() -> None:
    with pytest.raises(Trouble, match="was not ready within 100 s"):
        waiting.wait(Script([UNREADY, pod("creating")]), [KEY], Heard(), limit=100)


def test_a_cluster_that_is_silent_for_a_while_is_forgiven() -> None:
    silent = Refused("kubectl get", "The connection to the server 127.0.0.1:45371 was refused")
    heard = Heard()
    assert waiting.wait(Script(silent, silent, [READY]), [KEY], heard) is True
    assert "Waiting for the cluster to answer" in heard.waits[0]
    with pytest.raises(Refused):
        waiting.wait(Script(silent), [KEY], Heard())


def test_only_three_are_named_at_once() -> None:
    many = [Standing(("Deployment", "mlops-labs", f"c{number}"), False) for number in range(5)]
    assert waiting.sentence(many).endswith("and 2 more")
