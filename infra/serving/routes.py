"""What goes where, as Envoy reads it: two files, the releases as its clusters, and one table of routes.

`/NAME/...` leads to the releases of a deployment. Below `/-/`, which no deployment can be called, the router says
which version of the table it follows, and whether it reaches a release, also one that gets no traffic yet.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from infra.deployments import Deployment

TYPES = "type.googleapis.com/envoy"
TABLE = "routes"
HEALTH = "/health"
VERSION = "/-/version"
# A release that does not answer within this many seconds is answered for with 504.
REQUEST_SECONDS = 60
HEALTH_SECONDS = 5
EMPTY = "empty"
LONGEST = 1 << 16

Resource = dict[str, Any]


@dataclass(frozen=True)
class Tables:
    """The two files, and the version by which the router will name what it follows."""

    version: str
    clusters: str
    routes: str


def called(name: str, number: int) -> str:
    """What a release is called wherever it runs, and by the router."""
    return f"{name}-{number}"


def health_path(name: str, number: int) -> str:
    """Where the router is asked whether it reaches a release."""
    return f"/-/{called(name, number)}{HEALTH}"


def tables(
    deployments: Iterable[Deployment],
    cluster: Callable[[str, int], Resource],
    also: Iterable[Resource] = (),
    version: str | None = None,
) -> Tables:
    """The files for these deployments; `cluster` says how a release is reached.

    A cluster that is there `also` gets what comes below its name, unless a deployment is called so.
    """
    deployments = list(deployments)
    version = version or str(time.time_ns())
    # Releases without traffic as well: requests under way when the routes change still go to the one they had.
    clusters = [cluster(each.name, release.number) for each in deployments for release in each.releases]
    answer = {"status": 200, "body": {"inline_string": version}}
    routes: list[Resource] = [{"match": {"path": VERSION}, "direct_response": answer}]
    routes += [health_route(each.name, release.number) for each in deployments for release in each.releases]
    routes += [route for each in deployments if each.traffic.weights for route in routes_of(each)]
    for each in also:
        clusters.append(each)
        routes.append({"match": {"prefix": f"/{each['name']}/"}, "route": _whole(cluster=each["name"])})
    hosts = [{"name": "all", "domains": ["*"], "routes": routes}]
    table = {"@type": f"{TYPES}.config.route.v3.RouteConfiguration", "name": TABLE, "virtual_hosts": hosts}
    return Tables(version, _response(version, clusters), _response(version, [table]))


def _response(version: str, resources: list[Resource]) -> str:
    return json.dumps({"version_info": version, "resources": resources}, indent=2) + "\n"


def cluster(name: str, address: Resource, **how: Any) -> Resource:
    """Something behind the router as Envoy's cluster."""
    return {
        "@type": f"{TYPES}.config.cluster.v3.Cluster",
        "name": name,
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        **how,
    }


def health_route(name: str, number: int) -> Resource:
    """The way to a release that asks for its health and nothing else."""
    action = {"cluster": called(name, number), "prefix_rewrite": HEALTH, "timeout": f"{HEALTH_SECONDS}s"}
    return {"match": {"path": health_path(name, number)}, "route": action}


def routes_of(deployment: Deployment) -> list[Resource]:
    """`/NAME/...` goes to the releases by weight, without its first part, and to the shadow as a copy."""
    name, traffic = deployment.name, deployment.traffic
    shares = [
        {
            "name": called(name, number),
            "weight": share,
            "response_headers_to_add": [
                {"header": {"key": "x-release", "value": str(number)}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            ],
        }
        for number, share in traffic.weights.items()
    ]
    action = _whole(weighted_clusters={"clusters": shares})
    if traffic.shadow is not None:
        action["request_mirror_policies"] = [{"cluster": called(name, traffic.shadow)}]
    return [{"match": {"prefix": f"/{name}/"}, "route": action}, {"match": {"path": f"/{name}"}, "route": action}]


def _whole(**to: Any) -> Resource:
    """What is done with a request: its path goes on without its first part."""
    return {**to, "prefix_rewrite": "/", "timeout": f"{REQUEST_SECONDS}s"}


def followed(router: str) -> str | None:
    """The version that the router at this address follows, as its own answer proves; None without an answer."""
    return _asked(router, VERSION)


def reaches(router: str, name: str, number: int) -> bool:
    """Whether the router gets a healthy answer from a release."""
    return _asked(router, health_path(name, number)) is not None


def _asked(router: str, path: str) -> str | None:
    """What the router answers, if it is well; asked often, so without a library that is slow to begin with."""
    connection = HTTPConnection(urlsplit(router).netloc, timeout=HEALTH_SECONDS + 1)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read(LONGEST).decode("utf-8", "replace")
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return text if answer.status == HTTPStatus.OK else None


def main() -> None:
    """Print the two files of a router behind which there is nothing yet, as a ConfigMap's data."""
    empty = tables([], lambda name, number: {}, version=EMPTY)
    print(json.dumps({"clusters.json": empty.clusters, "routes.json": empty.routes}, indent=2))


if __name__ == "__main__":
    main()
