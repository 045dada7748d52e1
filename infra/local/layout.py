"""Where the local platform keeps its files, and the settings with which it was last started."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from infra.files import write_private
from infra.trouble import Trouble

# The kernel allows 104 bytes (macOS) or 108 (Linux), and supervisord first binds a name with its pid added.
LONGEST_SOCKET_PATH = 90
TITLES = {"mlflow": "MLflow", "jupyter": "JupyterLab", "serving": "the router of the deployments"}


@dataclass(frozen=True)
class Layout:
    """The paths below the platform's home."""

    home: Path

    @property
    def supervisor_config(self) -> Path:
        """What supervisord reads; its path on the command line proves that a supervisord is ours."""
        return self.home / "supervisord.conf"

    @property
    def jupyter_config(self) -> Path:
        """What JupyterLab reads; holds the token, so it is private."""
        return self.home / "jupyter.json"

    @property
    def settings_file(self) -> Path:
        """The settings of the platform that runs, absent when none should run."""
        return self.home / "local.json"

    @property
    def lock_file(self) -> Path:
        """Held while the platform is being started or stopped."""
        return self.home / "infra.lock"

    @property
    def logs(self) -> Path:
        """One rotated log for each service, and supervisord's."""
        return self.home / "logs"

    @property
    def mlflow(self) -> Path:
        """MLflow's database and artifacts: the learner's data."""
        return self.home / "mlflow"

    @property
    def database(self) -> Path:
        """MLflow's SQLite database."""
        return self.mlflow / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        """The files that MLflow's server keeps for its clients."""
        return self.mlflow / "artifacts"

    @property
    def jupyter(self) -> Path:
        """JupyterLab's runtime files, workspaces and user settings."""
        return self.home / "jupyter"

    @property
    def run(self) -> Path:
        """Socket and pid file of supervisord."""
        return self.home / "run"

    @property
    def serving(self) -> Path:
        """The deployments: records, journals, code and models of their releases."""
        return self.home / "serving"

    @property
    def programs(self) -> Path:
        """What supervisord runs besides the services: one file for each release, and one for the router."""
        return self.home / "programs"

    @property
    def router_config(self) -> Path:
        """What Envoy is started with; its path on the command line proves that an Envoy is ours."""
        return self.home / "router.json"

    @property
    def router_clusters(self) -> Path:
        """Where the releases listen, as Envoy reads it."""
        return self.home / "router-clusters.json"

    @property
    def router_routes(self) -> Path:
        """Which release gets what, as Envoy reads it."""
        return self.home / "router-routes.json"

    @property
    def refusal(self) -> Path:
        """Why MLflow's server would not take the database, where that is so."""
        return self.run / "database-refused.txt"

    def program(self, name: str) -> Path:
        """The file that tells supervisord about one program."""
        return self.programs / f"{name}.conf"

    def log(self, service: str) -> Path:
        """The log of one service."""
        return self.logs / f"{service}.log"

    def create(self) -> None:
        """Make the folders; the home is private, because tokens and data lie in it."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.home.chmod(0o700)
            for folder in (self.logs, self.artifacts, self.jupyter, self.run):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Trouble(
                found=f"{self.home} cannot be used: {error.strerror or error}",
                expected="a folder of your own that can be written",
                next_step="export MLOPS_LABS_HOME=/a/folder/of/yours && infra up",
            ) from error

    def new_socket(self) -> Path:
        """A path for supervisord's socket, in a short private folder where the home's path is too long."""
        path = self.run / "supervisor.sock"
        if len(str(path).encode()) <= LONGEST_SOCKET_PATH:
            return path
        # The folder for temporary files may have a long path itself; /tmp is short and always there.
        return Path(tempfile.mkdtemp(prefix="mlops-labs-", dir="/tmp")) / "s"


@dataclass(frozen=True)
class Settings:
    """With what the platform was started."""

    mlflow_port: int
    jupyter_port: int | None
    serving_port: int
    notebooks: str
    token: str
    socket: str
    profile: str = "local"
    # What connects to services that run elsewhere, where this machine runs JupyterLab only.
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def local(self) -> bool:
        """Whether MLflow and the deployments are processes of this machine, too."""
        return self.profile == "local"

    @property
    def services(self) -> list[str]:
        """The names of the services that should run."""
        return [*(["mlflow"] if self.local else []), *([] if self.jupyter_port is None else ["jupyter"])]

    @property
    def mlflow_url(self) -> str:
        """The tracking URI."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def serving_url(self) -> str:
        """The router, below which each deployment has a path of its name."""
        return f"http://127.0.0.1:{self.serving_port}"

    @property
    def jupyter_url(self) -> str:
        """JupyterLab without the token."""
        return f"http://127.0.0.1:{self.jupyter_port}"

    def address(self, service: str) -> str:
        """What a person opens in the browser."""
        return self.mlflow_url if service == "mlflow" else f"{self.jupyter_url}/lab?token={self.token}"

    def save(self, layout: Layout) -> None:
        """Write the settings at once, readable by their owner only."""
        write_private(layout.settings_file, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, layout: Layout) -> Settings | None:
        """The stored settings; None if there are none or they cannot be read."""
        try:
            stored = json.loads(layout.settings_file.read_text(encoding="utf-8"))
            settings = cls(**stored)
        except (OSError, ValueError, TypeError):
            return None
        ports = [settings.mlflow_port, settings.jupyter_port or 0, settings.serving_port]
        if type(settings.variables) is not dict:
            return None
        texts = [settings.notebooks, settings.token, settings.socket, settings.profile, *settings.variables.values()]
        sound = all(type(port) is int for port in ports) and all(type(text) is str for text in texts)
        return settings if sound else None
