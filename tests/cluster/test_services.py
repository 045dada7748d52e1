"""What runs in the cluster does what the course needs of it: tracked, deployed, measured, and shut off."""

from __future__ import annotations

import json
import subprocess
import time

import httpx
import pytest

from checker import grading, replay, workspace
from infra.kind.kubectl import Refused
from tests.cluster.support import INFRA_PROGRAM, address, cluster, until
from tests.support import COURSE, ROOT

APP = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/hello")
def hello():
    return {"hello": "cluster"}
"""
# Tries a connection from inside of a pod, and says whether it came about.
KNOCK = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=4)"
DAYS = ("8", "17")


def test_mlflow_keeps_runs_and_files():
    mlflow = address("MLFLOW_TRACKING_URI")
    name = f"cluster-{time.time_ns()}"
    api = mlflow + "/api/2.0/mlflow"
    experiment = httpx.post(f"{api}/experiments/create", json={"name": name}, timeout=60).json()["experiment_id"]
    run = httpx.post(f"{api}/runs/create", json={"experiment_id": experiment}, timeout=60).json()["run"]
    files = run["info"]["artifact_uri"].replace("mlflow-artifacts:/", f"{mlflow}/api/2.0/mlflow-artifacts/artifacts/")
    assert httpx.put(f"{files}/note.txt", content=b"kept" * 100_000, timeout=60).status_code == 200
    assert httpx.get(f"{files}/note.txt", timeout=60).content == b"kept" * 100_000
    refused = httpx.get(
        f"{api}/experiments/get?experiment_id={experiment}", headers={"Host": "evil.example"}, timeout=60
    )
    assert refused.status_code == 403


def test_prometheus_reads_every_target_and_knows_the_rules():
    prometheus = address("MLOPS_LABS_PROMETHEUS_URL")

    def all_up():
        targets = httpx.get(f"{prometheus}/api/v1/targets", timeout=10).json()["data"]["activeTargets"]
        jobs = {each["labels"]["job"] for each in targets if each["health"] == "up"}
        down = [f"{each['scrapeUrl']}: {each['lastError']}" for each in targets if each["health"] != "up"]
        return not down and jobs >= {"prometheus", "grafana", "store", "router", "containers"}

    until(all_up)
    groups = httpx.get(f"{prometheus}/api/v1/rules", timeout=10).json()["data"]["groups"]
    assert {each["name"] for each in groups} >= {"serving", "platform"}
    assert all(rule["health"] != "err" for each in groups for rule in each["rules"])


def test_grafana_shows_the_dashboards_to_everybody_and_lets_nobody_change_them():
    grafana = address("MLOPS_LABS_GRAFANA_URL")
    found = until(lambda: httpx.get(f"{grafana}/api/search?type=dash-db", timeout=20).json())
    assert {each["uid"] for each in found} == {"deployments", "platform"}
    query = {"refId": "A", "datasource": {"uid": "prometheus"}, "expr": "sum(up)", "instant": True}
    asked = {"from": "now-5m", "to": "now", "queries": [query]}
    answer = httpx.post(f"{grafana}/api/ds/query", json=asked, timeout=20).json()
    assert answer["results"]["A"]["frames"][0]["data"]["values"][-1][0] >= 1
    assert httpx.post(f"{grafana}/api/folders", json={"title": "x"}, timeout=20).status_code in {401, 403}


@pytest.fixture
def deployed(tmp_path):
    """The name of a deployment that answers."""
    address("MLOPS_LABS_SERVING_URL")
    (tmp_path / "service.py").write_text(APP)
    words = [INFRA_PROGRAM, "deploy", "cluster-test", "--app", "service:app"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    yield "cluster-test"
    subprocess.run([INFRA_PROGRAM, "undeploy", "cluster-test"], capture_output=True, timeout=120, check=False)


def test_a_deployment_answers_and_is_measured(deployed):
    serving, prometheus = address("MLOPS_LABS_SERVING_URL"), address("MLOPS_LABS_PROMETHEUS_URL")
    for _ in range(20):
        answer = httpx.get(f"{serving}/{deployed}/hello", timeout=20)
        assert (answer.status_code, answer.json()) == (200, {"hello": "cluster"})
        assert answer.headers["x-release"] == "1"
    query = {"query": f'envoy_cluster_upstream_rq_completed{{deployment="{deployed}",release="1"}}'}

    def counted():
        found = httpx.get(f"{prometheus}/api/v1/query", params=query, timeout=10).json()["data"]["result"]
        return found and float(found[0]["value"][1]) >= 20

    until(counted)


def reaches(namespace: str, pod: str, host: str, port: int) -> bool:
    """Whether a connection from inside of a pod comes about."""
    kubectl = cluster()
    words = ("exec", "--namespace", namespace, pod, "--", "python", "-c", KNOCK, host, str(port))
    try:
        kubectl.run(*words, seconds=60)
    except Refused as refused:
        if "Traceback" not in refused.said:
            pytest.skip(f"this cluster runs nothing inside of its pods: {refused.said[:100]}")
        return False
    return True


def test_the_platform_reaches_what_it_must_and_nothing_else():
    address("MLFLOW_TRACKING_URI")
    assert reaches("mlops-labs", "deployment/mlflow", "postgres", 5432)
    assert reaches("mlops-labs", "deployment/mlflow", "store", 8333)
    for host, port in (("prometheus", 9090), ("store", 9327), ("router.mlops-labs-serving", 8090), ("1.1.1.1", 443)):
        assert not reaches("mlops-labs", "deployment/mlflow", host, port), host


def test_a_release_reaches_mlflow_and_nothing_else(deployed):
    pod = f"deployment/{deployed}-1"
    assert reaches("mlops-labs-serving", pod, "mlflow.mlops-labs", 5000)
    elsewhere = [("postgres.mlops-labs", 5432), ("store.mlops-labs", 8333), ("prometheus.mlops-labs", 9090)]
    for host, port in [*elsewhere, ("router", 8090), ("1.1.1.1", 443), ("kubernetes.default", 443)]:
        assert not reaches("mlops-labs-serving", pod, host, port), host


@pytest.mark.parametrize("day", DAYS)
def test_a_lab_is_done_and_graded_on_the_cluster(day, tmp_path, monkeypatch):
    address("MLFLOW_TRACKING_URI")
    monkeypatch.setenv(workspace.WORK_VARIABLE, str(tmp_path))
    lab = COURSE.find(day)
    made, _ = workspace.start(lab, ROOT, learner="cluster", seed=2026)
    untouched = grading.grade(lab, made)
    assert untouched.earned == 0
    replay.solve(lab, ROOT, made.path)
    done = grading.grade(lab, made)
    messages = json.dumps([(each.name, each.outcome, list(map(str, each.messages))) for each in done.checks], indent=1)
    assert done.earned == done.possible, messages
    assert done.integrity == "ok"
