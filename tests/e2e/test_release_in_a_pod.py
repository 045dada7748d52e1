"""A registered model, served by a pod's own words and by the local profile: fetched over HTTP, the same answers."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from infra.deployments import Registered, Release
from infra.kind.serving import objects
from tests.e2e.platforms import Platform, make
from tests.unit.infra.manifests.rendering import quantity
from tests.unit.infra.serving.test_release import Pod

pytestmark = pytest.mark.slow

REGISTER = """
import sys

import mlflow
from sklearn.ensemble import RandomForestClassifier

mlflow.set_tracking_uri(sys.argv[1])
model = RandomForestClassifier(n_estimators=20, max_depth=8, random_state=1)
rows = [[amount, hour] for amount in range(40) for hour in range(24)]
model.fit(rows, [int(amount > 25 and hour < 6) for amount, hour in rows])
trusted = ["sklearn.tree._tree.Tree", "numpy.dtype"]
with mlflow.start_run():
    mlflow.sklearn.log_model(
        model, name="model", registered_model_name="card-fraud", skops_trusted_types=trusted,
        pip_requirements=["scikit-learn"],
    )
"""
ROWS = {"inputs": [[30.0, 2.0], [3.0, 12.0]]}


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp(prefix="pod-"))
    made = make(folder)
    try:
        up = made.infra("up", "--no-jupyter", *made.up_words[1:3], *made.up_words[5:7])
        assert up.returncode == 0, up.stderr
        yield made
    finally:
        made.infra("down")
        shutil.rmtree(folder, ignore_errors=True)


def answer(address: str) -> object:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            return httpx.post(f"{address}/invocations", json=ROWS, trust_env=False, timeout=30).json()
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"nothing answers at {address}")


def test_both_backends_serve_the_registered_model(platform: Platform, tmp_path: Path) -> None:
    mlflow = f"http://127.0.0.1:{platform.mlflow_port}"
    subprocess.run([sys.executable, "-c", REGISTER, mlflow], check=True, capture_output=True, timeout=300)
    deployed = platform.infra("deploy", "fraud", "--model", "models:/card-fraud/1")
    assert deployed.returncode == 0, deployed.stderr
    expected = answer(f"http://127.0.0.1:{platform.serving_port}/fraud")
    assert expected == {"predictions": [1, 0]}
    assert platform.infra("undeploy", "fraud").returncode == 0

    (tmp_path / "pod").mkdir()
    (tmp_path / "code").mkdir()
    pod = Pod(tmp_path / "pod", Release(1, None, Registered("card-fraud", "1"), "0" * 64, ""), tmp_path / "code")
    for container in pod.containers.values():
        for each in container["env"]:
            if each["name"] == "MLFLOW_TRACKING_URI":
                assert each["value"] == objects.MLFLOW_URL
                each["value"] = mlflow
    status, said = pod.run("fetch")
    assert status == 0, said
    assert (tmp_path / "pod" / "work" / "model" / "MLmodel").is_file()
    server = pod.start("serve")
    try:
        assert answer(f"http://127.0.0.1:{pod.port}") == expected
        assert psutil.Process(server.pid).memory_info().rss < quantity(objects.MEMORY) * 0.9
    finally:
        server.terminate()
        server.communicate(timeout=30)
