"""kind's words: create, delete, load an image. One cluster, its own kubeconfig, the user's never touched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.files import write_private
from infra.kind.commands import Finished, follow, run
from infra.kind.engine import Engine, last_line
from infra.kind.layout import CLUSTER, PAGES, KindLayout
from infra.profile import Progress
from infra.trouble import Trouble

TEMPLATES = {"kind": "cpu.yaml", "kind-gpu": "gpu.yaml"}
# The node's image has about 1 GB, which a slow line brings in half an hour.
CREATE_SECONDS = 3600.0
LOAD_SECONDS = 1800.0
DELETE_SECONDS = 300.0
STEP = re.compile(r"^[•✓✗]\s*(?P<what>[^\U0001F000-\U0001FFFF\u2300-\u27BF\uFE0F]+)")


def render(profile: str, ports: Mapping[str, int]) -> str:
    """The text of the cluster's configuration with these ports of the host."""
    path = Path(__file__).with_name(TEMPLATES[profile])
    config: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    wanted = {page.node_port: ports[name] for name, page in PAGES.items()}
    for node in config["nodes"]:
        for mapping in node.get("extraPortMappings", ()):
            mapping["hostPort"] = wanted[mapping["containerPort"]]
    return yaml.safe_dump(config, sort_keys=False)


def create(engine: Engine, layout: KindLayout, config: str, image: str, progress: Progress) -> None:
    """Create the cluster; when that fails, kind has removed what it had made."""
    write_private(layout.cluster_config, config)
    layout.kubeconfig.unlink(missing_ok=True)
    words = ["kind", "create", "cluster", "--name", CLUSTER, "--config", str(layout.cluster_config)]
    words += ["--image", image, "--kubeconfig", str(layout.kubeconfig), "--wait", "180s"]
    progress.waiting("Creating the cluster: the image of its node is fetched once, about 1 GB")

    def said(line: str) -> None:
        if step := STEP.match(line):
            progress.waiting(f"Creating the cluster: {step['what'].rstrip(' .')}")

    done = follow(words, said, seconds=CREATE_SECONDS, environment=engine.environment())
    if not done.well:
        raise failure("kind create cluster", done, "mend what the last lines name, then: infra up --profile kind")
    layout.kubeconfig.chmod(0o600)


def export_kubeconfig(engine: Engine, layout: KindLayout) -> None:
    """Write the kubeconfig anew; after a restart of the node its port may be another one."""
    words = ["kind", "export", "kubeconfig", "--name", CLUSTER, "--kubeconfig", str(layout.kubeconfig)]
    done = run(words, environment=engine.environment())
    if not done.well:
        raise failure("kind export kubeconfig", done, "infra down, then: infra up")
    layout.kubeconfig.chmod(0o600)


def delete(engine: Engine, layout: KindLayout) -> None:
    """Delete the cluster and everything in it; fine where there is none."""
    words = ["kind", "delete", "cluster", "--name", CLUSTER, "--kubeconfig", str(layout.kubeconfig)]
    done = run(words, seconds=DELETE_SECONDS, environment=engine.environment())
    if not done.well:
        raise failure("kind delete cluster", done, f"kind delete cluster --name {CLUSTER}")
    layout.kubeconfig.unlink(missing_ok=True)


def load_archive(engine: Engine, archive: Path) -> None:
    """Hand an image, saved as a file, to the node. Unlike `load docker-image` this works with each engine."""
    words = ["kind", "load", "image-archive", str(archive), "--name", CLUSTER]
    done = run(words, seconds=LOAD_SECONDS, environment=engine.environment())
    if not done.well:
        raise failure("kind load image-archive", done, "make room on the disk, then: infra up")


def failure(what: str, done: Finished, next_step: str) -> Trouble:
    """The message for a command of kind that failed, with the end of what it said."""
    return Trouble(
        details=done.said,
        found=f"`{what}` failed: {last_line(done.said)}",
        expected="kind to do it",
        next_step=next_step,
    )
