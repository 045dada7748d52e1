"""JupyterLab beside a cluster: on the host, told where the cluster's services are."""

import json
from pathlib import Path

import psutil
import pytest

from tests.unit.infra.kind.place import Place, free_port


@pytest.mark.slow
def test_jupyterlab_lives_and_ends_with_the_cluster(place: Place) -> None:
    port = free_port()
    words = ["up", "--profile", "kind", "--jupyter-port", str(port), "--notebooks", str(place.clone)]
    words += ["--mlflow-port", str(place.ports["mlflow"]), "--serving-port", str(place.ports["serving"])]
    try:
        done = place.run(*words)
        assert done.returncode == 0, done.stderr
        told = place.told()
        assert told["MLOPS_LABS_JUPYTER_URL"].startswith(f"http://127.0.0.1:{port}/lab?token=")
        assert told["MLOPS_LABS_PROFILE"] == "kind"
        status = json.loads(place.run("status", "--format", "json").stdout)
        rows = {row["name"]: row for row in status["services"]}
        assert rows["jupyter"]["state"] == "running" and rows["mlflow"]["pid"] is None
        jupyter = psutil.Process(rows["jupyter"]["pid"]).environ()
        assert jupyter["KUBECONFIG"] == str(place.home / "kind" / "kubeconfig")
        assert jupyter["MLFLOW_TRACKING_URI"] == f"http://127.0.0.1:{place.ports['mlflow']}"
        assert "nothing was changed" in place.run("up").stdout
        assert not (place.home / "mlflow" / "mlflow.db").exists()
        assert "jupyter" in place.run("logs", "jupyter").stdout.lower()
    finally:
        down = place.run("down", "--profile", "kind")
    assert down.returncode == 0 and "is stopped" in down.stdout
    assert not psutil.pid_exists(rows["jupyter"]["pid"])
    assert not Path(place.home / "local.json").exists()
