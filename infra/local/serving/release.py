"""One release as a process: `python -m infra.local.serving.release HOME NAME NUMBER`.

It fetches the model, once, as the storage initializer of KServe does, and then serves the application with uvicorn on
the release's Unix socket. What it serves stands in the record of its deployment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from infra.local.layout import Layout, Settings
from infra.local.serving.router import socket
from infra.serving.release import fetch, serve, variables
from infra.serving.store import Store


def main(home: str, name: str, number: str) -> int:
    """Serve until stopped."""
    layout = Layout(Path(home))
    settings, store = Settings.load(layout), Store(layout.serving)
    deployment = store.read(name)
    if settings is None or deployment is None:
        print(f"the record of {name} is missing or damaged; `infra undeploy {name}`, then deploy it anew", flush=True)
        return 1
    release, folder = deployment.release(int(number)), store.folder(name, int(number))
    if release.model:
        fetch(release.model, folder)
    log = store.folder(name) / "predictions.jsonl"
    os.environ.update(variables(release.number, release.model, str(folder), str(log)))
    serve(release.app, folder / "code", uds=str(socket(settings, name, release.number)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
