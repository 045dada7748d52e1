"""Releases as pods, over a cluster that is a dictionary: what is made, what is waited for, what is said when it fails.

The server that all this is really for has no place here; `tests/cluster` deploys where there is one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.deployments import Order, Traffic
from infra.kind.kubectl import Kubectl, Refused
from infra.kind.serving import KubernetesDeployments, objects, runners
from infra.serving.store import Store
from infra.trouble import Trouble
from tests.unit.infra.serving.test_deployer import Silent

IMAGE = "mlops-labs/course:sha-0123456789abcdef"
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
CRASHED = {"containerStatuses": [{"name": "serve", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}
FETCHING = {"initContainerStatuses": [{"name": "fetch", "state": {"running": {}}}]}
Status = Mapping[str, Any]


class Cluster(Kubectl):
    """Objects in a dictionary, pods that meet the statuses that `fate` names, a router that reads when nudged."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"), "kind-mlops-labs")
        self.__dict__.update(
            objects={}, ages={}, words=[], fate=lambda name: [READY], table={}, deaf=False, silent=False
        )

    def run(self, *words: str, stdin: str | None = None, seconds: float = 0) -> str:
        self.words.append(words)
        match words:
            case ["scale", "deployment", name, "--replicas", replicas, *_]:
                if ("Deployment", name) not in self.objects:
                    raise Refused("kubectl scale", f'Error (NotFound): deployments "{name}" not found')
                self.objects["Deployment", name]["spec"]["replicas"] = int(replicas)
                self.ages.pop(name, None)
            case ["delete", *which]:
                for kind, _, name in (each.partition("/") for each in which if "/" in each):
                    self.objects.pop(
                        ({"deployment": "Deployment", "service": "Service"}.get(kind, "ConfigMap"), name), None
                    )
            case ["annotate", "pods", *_]:
                if not self.deaf and ("ConfigMap", "router") in self.objects:
                    self.table = json.loads(self.objects["ConfigMap", "router"]["data"]["routes.json"])
            case ["logs", pod, *_] if self.silent:
                raise Refused("kubectl logs", f"container of {pod} is waiting to start")
            case ["logs", pod, *rest]:
                return "" if "--previous" in rest else f"ImportError in {pod}"
            case ["get", "events", *rest]:
                return f"FailedMount   {rest[1]}: no such volume\n"
            case _:
                raise AssertionError(words)
        return ""

    def get(
        self, kind: str, name: str | None = None, *, namespace: str | None = None, selector: str | None = None
    ) -> dict[str, Any] | None:
        assert namespace == "mlops-labs-serving"
        if name:
            return self.objects.get(({"configmap": "ConfigMap", "deployment": "Deployment"}[kind], name))
        wanted = dict(each.split("=", 1) for each in (selector or "").split(","))
        found = [thing for (what, _), thing in self.objects.items() if what == "Deployment"]
        chosen = [each for each in found if wanted.items() <= each["metadata"]["labels"].items()]
        return {"items": chosen if kind == "deployments" else [pod for each in chosen for pod in self.pods(each)]}

    def pods(self, made: dict[str, Any]) -> list[dict[str, Any]]:
        name = made["metadata"]["name"]
        statuses = self.fate(name)
        if not made["spec"]["replicas"] or not statuses:
            return []
        age = self.ages.setdefault(name, 0)
        self.ages[name] += 1
        labels = made["spec"]["template"]["metadata"]["labels"]
        return [{"metadata": {"name": f"{name}-x", "labels": labels}, "status": statuses[min(age, len(statuses) - 1)]}]

    def apply(self, wanted: Any) -> None:
        for each in wanted:
            self.objects[each["kind"], each["metadata"]["name"]] = each

    def delete(self, kind: str, name: str, *, namespace: str | None = None) -> None:
        self.run("delete", f"{kind}/{name}")

    def replicas(self) -> dict[str, int]:
        return {name: each["spec"]["replicas"] for (kind, name), each in self.objects.items() if kind == "Deployment"}

    def routes(self) -> list[dict[str, Any]]:
        resources = self.table.get("resources") or [{"virtual_hosts": [{"routes": []}]}]
        return list(resources[0]["virtual_hosts"][0]["routes"])

    def shares(self) -> dict[str, int]:
        """Which release gets what, as the router's table says."""
        ways = [each["route"] for each in self.routes() if "weighted_clusters" in each.get("route", {})]
        return {each["name"]: each["weight"] for way in ways for each in way["weighted_clusters"]["clusters"]}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def address(cluster: Cluster) -> Iterator[str]:
    """A router that answers for itself, and with what its table says of the releases' health."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = {each["match"].get("path"): each for each in cluster.routes()}
            found = known.get(self.path, {})
            body = found.get("direct_response", {}).get("body", {}).get("inline_string", "")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "service.py").write_text("app = 1\n")
    return tmp_path


@pytest.fixture
def deployments(cluster: Cluster, home: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> KubernetesDeployments:
    monkeypatch.setattr(runners, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(runners, "NUDGE_EVERY", 0.05)
    return KubernetesDeployments(cluster, home, serving_url=address, image=IMAGE, mlflow_url="http://127.0.0.1:1")


@pytest.fixture
def deploy(deployments: KubernetesDeployments, home: Path) -> Callable[..., Any]:
    def deploy(weight: int = 100, shadow: bool = False) -> Any:
        return deployments.deploy(Order("fraud", "service:app", None, weight, shadow, home / "code"), Silent())

    return deploy


def test_a_release_gets_traffic_once_it_is_ready(
    deploy: Callable[..., Any], deployments: KubernetesDeployments, cluster: Cluster, home: Path
) -> None:
    cluster.fate = lambda name: [{}, FETCHING, READY]
    status = deploy()
    assert [(each.state, each.weight) for each in status.releases] == [("running", 100)]
    assert cluster.shares() == {"fraud-1": 100}
    deploy(weight=20)
    assert cluster.shares() == {"fraud-1": 80, "fraud-2": 20}
    deployments.route("fraud", Traffic({2: 100}), Silent())
    # Its code and its Service stay, for a rollback.
    assert cluster.replicas() == {"fraud-1": 0, "fraud-2": 1}
    assert ("ConfigMap", "fraud-1") in cluster.objects and ("Service", "fraud-1") in cluster.objects
    deployments.rollback("fraud", Silent())
    assert cluster.replicas() == {"fraud-1": 1, "fraud-2": 1}
    assert deployments.log_names() == ["fraud-1", "fraud-2"]
    deployments.undeploy("fraud", Silent())
    assert set(cluster.objects) == {("ConfigMap", "router")} and cluster.shares() == {}
    assert len((home / "serving" / "fraud" / "journal.jsonl").read_text().splitlines()) == 5


def test_a_release_that_ends_is_removed_and_its_last_lines_are_shown(
    deploy: Callable[..., Any], cluster: Cluster
) -> None:
    deploy()
    before = {key: value for key, value in cluster.objects.items() if key[1] != "router"}
    cluster.fate = lambda name: [{}, CRASHED] if name == "fraud-2" else [READY]
    with pytest.raises(Trouble) as refused:
        deploy()
    told = str(refused.value)
    assert "ImportError in fraud-2-x" in told and "ended with status 1" in told and "the traffic is as it was" in told
    assert {key: value for key, value in cluster.objects.items() if key[1] != "router"} == before
    assert cluster.shares() == {"fraud-1": 100}


def test_a_first_release_that_ends_leaves_nothing(deploy: Callable[..., Any], cluster: Cluster, home: Path) -> None:
    cluster.fate = lambda name: [CRASHED]
    with pytest.raises(Trouble):
        deploy()
    assert set(cluster.objects) == {("ConfigMap", "router")}
    assert Store(home / "serving").names() == []


def test_a_release_that_never_gets_healthy_is_given_up(
    deploy: Callable[..., Any], cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "PATIENCE", 0.2)
    cluster.fate, cluster.silent = lambda name: [{"phase": "Running"}], True
    with pytest.raises(Trouble, match="no healthy answer within") as refused:
        deploy()
    # The pod is gone by then, so what happened to it is told now.
    assert "FailedMount   involvedObject.name=fraud-1-x" in str(refused.value)
    assert cluster.replicas() == {}


def test_a_router_that_does_not_turn_leaves_all_as_it_was(
    deploy: Callable[..., Any], cluster: Cluster, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    deploy()
    monkeypatch.setattr(runners, "TURNING_PATIENCE", 0.2)
    monkeypatch.setattr(runners, "HURRIED", 0.1)
    start = runners.Pods.start

    def start_and_lose_the_router(*words: Any) -> None:
        start(*words)
        cluster.deaf = True

    monkeypatch.setattr(runners.Pods, "start", start_and_lose_the_router)
    with pytest.raises(Trouble, match="did not take over its new routes"):
        deploy()
    assert cluster.replicas() == {"fraud-1": 1}
    (left,) = Store(home / "serving").all()
    assert left.traffic == Traffic({1: 100}) and len(left.releases) == 1


def test_a_nudge_that_came_too_early_is_given_again(
    deploy: Callable[..., Any], cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    nudges = []
    run = cluster.run

    def slow(*words: str, **more: Any) -> str:
        if words[0] == "annotate":
            nudges.append(words)
            if len(nudges) % 4:
                return ""
        return run(*words, **more)

    monkeypatch.setitem(cluster.__dict__, "run", slow)
    deploy()
    assert cluster.shares() == {"fraud-1": 100} and len(nudges) > 4
    assert len({words[-1] for words in nudges}) == len(nudges)


def test_code_that_is_there_is_not_written_again(
    deploy: Callable[..., Any], deployments: KubernetesDeployments, cluster: Cluster
) -> None:
    deploy()
    cluster.objects["ConfigMap", "fraud-1"]["binaryData"] = {"code.tar.gz": "packed by another Python"}
    deployments.prepare()
    assert cluster.objects["ConfigMap", "fraud-1"]["binaryData"] == {"code.tar.gz": "packed by another Python"}
    cluster.objects["ConfigMap", "fraud-1"]["metadata"]["annotations"][objects.CODE_ANNOTATION] = "other code"
    deployments.prepare()
    assert cluster.objects["ConfigMap", "fraud-1"]["binaryData"] != {"code.tar.gz": "packed by another Python"}


def test_a_new_cluster_gets_what_had_traffic(
    deploy: Callable[..., Any], deployments: KubernetesDeployments, cluster: Cluster
) -> None:
    deploy()
    deploy()
    cluster.objects.clear()
    deployments.prepare()
    assert cluster.replicas() == {"fraud-2": 1} and cluster.shares() == {"fraud-2": 100}


def test_what_no_record_knows_is_swept_away(
    deploy: Callable[..., Any], deployments: KubernetesDeployments, cluster: Cluster, home: Path
) -> None:
    deploy()
    deploy()
    (known,) = Store(home / "serving").all()
    for name, release in (("ghost", known.releases[0]), ("hurt", known.releases[0]), ("fraud", known.releases[0])):
        cluster.apply(objects.release_objects(name, release, b"", IMAGE))
    (home / "serving" / "hurt").mkdir()
    (home / "serving" / "hurt" / "deployment.json").write_text("{")
    deployments.prepare()
    # Of a record that cannot be read nothing is known, so nothing of its is touched.
    assert cluster.replicas() == {"fraud-1": 0, "fraud-2": 1, "hurt-1": 1}


def test_a_release_without_a_pod_is_stopped(deploy: Callable[..., Any], deployments: Any, cluster: Cluster) -> None:
    deploy()
    cluster.fate = lambda name: []
    assert [each.state for each in deployments.all()[0].releases] == ["stopped"]
    cluster.fate = lambda name: [CRASHED]
    assert [each.state for each in deployments.all()[0].releases] == ["restarting"]
