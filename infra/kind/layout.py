"""Names and paths of the kind profile, and the versions on which it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infra.trouble import Trouble

CLUSTER = "mlops-labs"
CONTEXT = f"kind-{CLUSTER}"
NODE = f"{CLUSTER}-control-plane"
NAMESPACE = "mlops-labs"
SERVING_NAMESPACE = "mlops-labs-serving"
INFRA = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Page:
    """Something in the cluster that is reached from the host: its usual port there, its NodePort, and who answers."""

    title: str
    port: int
    node_port: int
    workload: str
    health: str
    overlays: tuple[str, ...] = ()

    def within(self, overlay: str) -> bool:
        """Whether this overlay has it."""
        return not self.overlays or overlay in self.overlays


PAGES = {
    "mlflow": Page("MLflow", 5000, 30500, "mlflow", "/health"),
    "serving": Page("Router", 8090, 30890, "router", "/-/version"),
    "prometheus": Page("Prometheus", 9090, 30909, "prometheus", "/-/ready"),
    "grafana": Page("Grafana", 3000, 30300, "grafana", "/api/health"),
    "kfp": Page("Pipelines", 8080, 30880, "ml-pipeline-ui", "/apis/v2beta1/healthz", overlays=("full",)),
}
# Learners type these two; the others may move to another port when theirs is taken.
FIXED = ("mlflow", "serving")
OVERLAYS = {"kind": ("serve", "full", "ci"), "kind-gpu": ("gpu",)}


@dataclass(frozen=True)
class KindLayout:
    """The paths of the kind profile below the platform's home."""

    home: Path

    @property
    def folder(self) -> Path:
        """All that belongs to the cluster on this side."""
        return self.home / "kind"

    @property
    def kubeconfig(self) -> Path:
        """How the cluster is reached; never the user's own ~/.kube/config."""
        return self.folder / "kubeconfig"

    @property
    def state_file(self) -> Path:
        """What the cluster was made from, and how far that went."""
        return self.folder / "state.json"

    @property
    def cluster_config(self) -> Path:
        """What kind was told, with the ports of this machine."""
        return self.folder / "cluster.yaml"

    @property
    def kustomization(self) -> Path:
        """The folder whose kustomization names the overlay and the tag of the course image."""
        return self.folder / "kustomize"

    @property
    def serving(self) -> Path:
        """The records of the deployments, the same as in the local profile."""
        return self.home / "serving"

    def create(self) -> None:
        """Make the folders; private, because the kubeconfig is a key."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self.kustomization.mkdir(exist_ok=True)
        except OSError as error:
            raise Trouble(
                found=f"{self.folder} cannot be used: {error.strerror or error}",
                expected="a folder of your own that can be written",
                next_step="export MLOPS_LABS_HOME=/a/folder/of/yours && infra up --profile kind",
            ) from error


def overlay_folder(name: str) -> Path:
    """The kustomize overlay of this name."""
    return INFRA / "overlays" / name


def versions(path: Path = INFRA / "versions.env") -> dict[str, str]:
    """Read the KEY=value lines of versions.env.

    Raises:
        Trouble: it is not there, or a line is neither empty, a comment nor KEY=value.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(
            found=f"{path} cannot be read: {error}",
            expected="the clone of the course, with its infra/ folder",
            next_step="git clone the course and run infra from its environment",
        ) from error
    found = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise Trouble(
                found=f"line {number} of {path}: {line!r}",
                expected="KEY=value",
                next_step=f"mend that line, or: git checkout {path.name}",
            )
        found[name.strip()] = value.strip()
    return found


def version(name: str) -> str:
    """One of the versions.

    Raises:
        Trouble: versions.env does not name it.
    """
    known = versions()
    if name not in known:
        raise Trouble(
            found=f"infra/versions.env without {name}",
            expected=f"a line {name}=...",
            next_step="git checkout infra/versions.env",
        )
    return known[name]
