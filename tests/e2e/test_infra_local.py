"""Really starts the local platform, in a temporary home and on free ports."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.platforms import INFRA, PATIENCE, Platform, eventually, free_port, make

pytestmark = pytest.mark.slow


def ports_are_free(platform: Platform) -> bool:
    for port in (platform.mlflow_port, platform.jupyter_port):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


@pytest.fixture(scope="module")
def home() -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp(prefix="infra-"))
    made = make(folder)
    try:
        yield made
    finally:
        made.infra("down")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def running(home: Platform) -> Platform:
    """The shared platform; starting it again where a test before stopped it."""
    done = home.up()
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Platform]:
    """A home in which nothing was started yet."""
    made = make(tmp_path)
    yield made
    made.infra("down")


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=60) as made:
        yield made


def test_up_again_changes_nothing_and_says_so(running: Platform) -> None:
    before = {name: service["pid"] for name, service in running.services().items()}
    written = (running.home / "platform.json").stat().st_mtime_ns
    again = running.infra("up")
    assert again.returncode == 0, again.stderr
    assert "nothing was changed" in again.stdout
    assert f"http://127.0.0.1:{running.mlflow_port}" in again.stdout
    assert {name: service["pid"] for name, service in running.services().items()} == before
    assert (running.home / "platform.json").stat().st_mtime_ns == written


def test_two_at_once_start_one_platform(running: Platform) -> None:
    running.infra("down")
    both = [
        subprocess.Popen(
            [INFRA, *running.up_words],
            env=running.environment,
            cwd=running.notebooks,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    assert [each.wait(PATIENCE) for each in both] == [0, 0]
    lines = [" ".join(process.cmdline()) for process in running.processes()]
    assert sum("supervisor.supervisord" in line for line in lines) == 1
    assert sum("mlflow_server" in line for line in lines) == 1


def test_other_settings_are_refused_while_it_runs(running: Platform) -> None:
    refused = running.infra("up", "--mlflow-port", str(free_port()))
    assert refused.returncode == 3
    assert f"MLflow on port {running.mlflow_port}" in refused.stderr
    assert "infra down" in refused.stderr


def test_status_tells_of_each_service(running: Platform) -> None:
    done = running.infra("status")
    assert done.returncode == 0
    assert "MLflow" in done.stdout and "JupyterLab" in done.stdout
    for service in running.services().values():
        assert service["state"] == "running"
        assert psutil.Process(service["pid"]).is_running()
        assert service["memory_bytes"] > 10 * 2**20
        assert service["since"]


def test_the_environment_reaches_a_shell_and_the_checker(running: Platform) -> None:
    script = f'eval "$({INFRA} env)" && echo $MLFLOW_TRACKING_URI $MLOPS_LABS_PROFILE $MLFLOW_DISABLE_TELEMETRY'
    seen = subprocess.run(["sh", "-c", script], env=running.environment, capture_output=True, text=True, check=True)
    assert seen.stdout.split() == [f"http://127.0.0.1:{running.mlflow_port}", "local", "true"]
    assert running.variables() == json.loads(running.infra("env", "--format", "json").stdout)


def test_mlflow_takes_experiments_runs_and_artifacts(running: Platform, client: httpx.Client) -> None:
    server = running.variables()["MLFLOW_TRACKING_URI"]
    name = f"e2e-{time.time_ns()}"
    api = f"{server}/api/2.0/mlflow"
    created = client.post(f"{api}/experiments/create", json={"name": name})
    assert created.status_code == 200, created.text
    found = client.get(f"{api}/experiments/get-by-name", params={"experiment_name": name}).json()
    assert found["experiment"]["artifact_location"].startswith("mlflow-artifacts:/")
    file = f"{server}/api/2.0/mlflow-artifacts/artifacts/{name}/a.txt"
    assert client.put(file, content=b"kept").status_code == 200
    assert client.get(file).content == b"kept"
    assert (running.home / "mlflow" / "artifacts" / name / "a.txt").read_bytes() == b"kept"
    foreign = client.get(f"{server}/api/2.0/mlflow/experiments/search", headers={"Host": "evil.example"})
    assert foreign.status_code == 403


def test_jupyterlab_opens_with_the_token_only(running: Platform, client: httpx.Client) -> None:
    url = running.variables()["MLOPS_LABS_JUPYTER_URL"]
    page = client.get(url, follow_redirects=True)
    assert page.status_code == 200
    told = json.loads(page.text.split('id="jupyter-config-data" type="application/json">')[1].split("</script>")[0])
    assert told["news"] == {"disabled": True}
    assert told["terminalsAvailable"] is True
    with httpx.Client(trust_env=False, timeout=60) as stranger:
        base = f"http://127.0.0.1:{running.jupyter_port}"
        assert stranger.get(f"{base}/api/contents").status_code == 403
        assert "/login" in stranger.get(f"{base}/lab").headers["location"]
        assert stranger.get(f"{base}/api/contents?token=wrong").status_code == 403
    token = url.partition("token=")[2]
    listed = client.get(
        f"http://127.0.0.1:{running.jupyter_port}/api/contents", headers={"Authorization": f"token {token}"}
    ).json()
    assert "here.txt" in [entry["name"] for entry in listed["content"]]


def test_the_services_know_the_platform(running: Platform) -> None:
    jupyter = psutil.Process(running.pid("jupyter"))
    assert Path(jupyter.cwd()) == running.notebooks.resolve()
    found = jupyter.environ()
    assert found["MLFLOW_TRACKING_URI"] == f"http://127.0.0.1:{running.mlflow_port}"
    assert found["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert found["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert "PYTHONDONTWRITEBYTECODE" not in found


def test_everything_listens_on_loopback_only(running: Platform) -> None:
    listening = [
        connection.laddr
        for process in running.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {running.mlflow_port, running.jupyter_port} <= {address.port for address in listening}
    assert {address.ip for address in listening} <= {"127.0.0.1", "::1"}


def test_the_home_is_private(running: Platform) -> None:
    assert running.home.stat().st_mode & 0o777 == 0o700


def test_logs_are_there(running: Platform) -> None:
    assert "Uvicorn running on http://127.0.0.1:" in running.infra("logs", "mlflow", "--lines", "500").stdout
    together = running.infra("logs", "--lines", "3").stdout
    assert "jupyter     | " in together and "supervisord | " in together


def test_a_killed_mlflow_comes_back(running: Platform, client: httpx.Client) -> None:
    before = running.pid("mlflow")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: running.services()["mlflow"]["pid"] not in (None, before), "a new MLflow")
    eventually(lambda: running.infra("status").returncode == 0, "all running")
    assert client.get(f"http://127.0.0.1:{running.mlflow_port}/health").status_code == 200


def start_kernel(running: Platform, client: httpx.Client) -> psutil.Process:
    token = running.variables()["MLOPS_LABS_JUPYTER_URL"].partition("token=")[2]
    started = client.post(
        f"http://127.0.0.1:{running.jupyter_port}/api/kernels",
        headers={"Authorization": f"token {token}"},
        json={"name": "python3"},
    )
    assert started.status_code == 201, started.text
    kernels = psutil.Process(running.pid("jupyter")).children(recursive=True)
    assert kernels
    return kernels[0]


def test_up_heals_a_killed_supervisord_and_leaves_no_orphan(running: Platform, client: httpx.Client) -> None:
    kernel = start_kernel(running, client)
    orphans = [psutil.Process(running.pid(name)) for name in ("mlflow", "jupyter")]
    supervisord = next(p for p in running.processes() if "supervisor.supervisord" in p.cmdline())
    supervisord.kill()
    eventually(lambda: not supervisord.is_running() or supervisord.status() == psutil.STATUS_ZOMBIE, "its end")
    status = running.infra("status")
    assert status.returncode == 3
    assert "orphaned" in status.stdout
    healed = running.up()
    assert healed.returncode == 0, healed.stderr
    assert "left behind" in healed.stderr
    for orphan in [*orphans, kernel]:
        assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    # JupyterLab's own short-lived children may be about, such as its search for language servers.
    ours = [process for process in running.processes() if str(running.home) in " ".join(process.cmdline())]
    assert len(ours) == 3, ours
    assert running.infra("status").returncode == 0


def test_down_leaves_no_process_and_keeps_the_data(running: Platform, client: httpx.Client) -> None:
    server = running.variables()["MLFLOW_TRACKING_URI"]
    client.post(f"{server}/api/2.0/mlflow/experiments/create", json={"name": "kept"})
    start_kernel(running, client)
    done = running.infra("down")
    assert done.returncode == 0, done.stderr
    assert running.processes() == []
    assert ports_are_free(running)
    assert not (running.home / "platform.json").exists()
    assert running.infra("down").returncode == 0
    assert running.infra("status").returncode == 3
    assert running.infra("env").returncode == 3
    assert running.up().returncode == 0
    found = client.get(f"{server}/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": "kept"})
    assert found.status_code == 200


def test_a_taken_port_is_named_with_its_holder(running: Platform, fresh: Platform) -> None:
    fresh.mlflow_port = running.mlflow_port
    refused = fresh.up()
    assert refused.returncode == 3
    assert f"port {running.mlflow_port} is in use by process {running.pid('mlflow')}" in refused.stderr
    assert "infra up --mlflow-port" in refused.stderr
    assert fresh.processes() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_leaves_nothing(fresh: Platform, number: signal.Signals) -> None:
    starting = subprocess.Popen(
        [INFRA, *fresh.up_words],
        env=fresh.environment,
        cwd=fresh.notebooks,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: any("infra.local.mlflow_server" in p.cmdline() for p in fresh.processes()), "MLflow's process")
    starting.send_signal(number)
    message = starting.communicate(timeout=PATIENCE)[1]
    assert starting.returncode == 130
    assert "Interrupted" in message
    assert "Traceback" not in message
    assert fresh.processes() == []
    assert ports_are_free(fresh)
    assert not (fresh.home / "platform.json").exists()
    assert not (fresh.home / "local.json").exists()


def test_a_database_of_another_mlflow_is_explained(fresh: Platform) -> None:
    import sqlite3

    database = fresh.home / "mlflow" / "mlflow.db"
    database.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("create table alembic_version (version_num varchar(32))")
        connection.execute("insert into alembic_version values ('fromthefuture')")
    refused = fresh.infra("up", "--mlflow-port", str(fresh.mlflow_port), "--no-jupyter")
    assert refused.returncode == 3
    assert "is not a database that this MLflow can use" in refused.stderr
    assert "infra down --delete-data" in refused.stderr
    assert fresh.processes() == []


def test_a_home_with_odd_characters_and_without_jupyterlab(tmp_path: Path, client: httpx.Client) -> None:
    odd = make(tmp_path)
    odd.home = tmp_path / ("we ird %d #1 it's ü " * 5).strip()
    try:
        words = ["up", "--mlflow-port", str(odd.mlflow_port), "--no-jupyter"]
        done = odd.infra(*words)
        assert done.returncode == 0, done.stderr
        assert set(odd.services()) == {"mlflow"}
        assert "MLOPS_LABS_JUPYTER_URL" not in odd.variables()
        assert (odd.home / "mlflow" / "mlflow.db").exists()
        socket_path = Path(json.loads((odd.home / "local.json").read_text())["socket"])
        assert socket_path.exists() and odd.home not in socket_path.parents
    finally:
        assert odd.infra("down", "--delete-data", "--yes").returncode == 0
    assert not socket_path.parent.exists()
    assert not (odd.home / "mlflow").exists()
    assert odd.processes() == []
