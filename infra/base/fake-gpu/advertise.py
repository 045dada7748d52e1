"""Let each node say that it has GPUs: `nvidia.com/gpu` in its capacity, looked after again and again.

advertise.py            do it, until stopped
advertise.py --fresh    whether the last round is not long ago and went well
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

RESOURCE = "nvidia.com/gpu"
STEP = "/status/capacity/nvidia.com~1gpu"
PAUSE = 20.0
STALE = 3 * PAUSE
SECONDS = 15
IDENTITY = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MARK = Path("/tmp/advertised")  # noqa: S108


def ask(method: str, path: str, body: object = None) -> dict[str, Any]:
    """One request to the API server, by the service account of this pod."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    headers = {
        # Read each time: the kubelet renews it.
        "authorization": f"Bearer {(IDENTITY / 'token').read_text()}",
        "accept": "application/json",
        "content-type": "application/json-patch+json",
    }
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"https://{host}:{port}{path}", data, headers, method=method)
    trust = ssl.create_default_context(cafile=str(IDENTITY / "ca.crt"))
    with urllib.request.urlopen(request, timeout=SECONDS, context=trust) as answer:  # noqa: S310
        told: dict[str, Any] = json.load(answer)
        return told


def advertise(gpus: str) -> list[str]:
    """Write it into each node that says something else; their names. The kubelet leaves what it does not know."""
    changed = []
    for node in ask("GET", "/api/v1/nodes")["items"]:
        name = node["metadata"]["name"]
        if node["status"].get("capacity", {}).get(RESOURCE) != gpus:
            ask("PATCH", f"/api/v1/nodes/{name}/status", [{"op": "add", "path": STEP, "value": gpus}])
            changed.append(name)
    return changed


def main(words: list[str]) -> int:
    """Go on until stopped; the exit status."""
    if words == ["--fresh"]:
        return 0 if MARK.exists() and time.time() - MARK.stat().st_mtime < STALE else 1
    while True:
        try:
            for name in advertise(os.environ["GPUS"]):
                print(f"{name} has {os.environ['GPUS']} GPUs now, which are none", flush=True)
            MARK.touch()
        except (OSError, ValueError, urllib.error.URLError) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        time.sleep(PAUSE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
