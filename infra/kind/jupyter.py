"""JupyterLab beside the cluster: on the host, under the same supervisord as in the local profile."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from infra.local import ports
from infra.local.layout import Settings
from infra.local.platform import JUPYTER_PORT, Local, default_notebooks
from infra.profile import Progress, Wishes


class HostJupyter(Local):
    """The local platform with JupyterLab as its only service. The caller holds the lock of the home."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._rest = settings

    @property
    def runs(self) -> bool:
        """Whether it was started and not stopped."""
        return bool(self.environment())

    def _new_settings(self, wishes: Wishes) -> Settings:
        """The addresses of the cluster's services, and a port of its own."""
        port = wishes.jupyter_port or JUPYTER_PORT
        if why := ports.problem(port):
            raise ports.taken("jupyter", port, why, again=f"infra up --profile {self._rest.profile}")
        return Settings(
            mlflow_port=self._rest.mlflow_port,
            serving_port=self._rest.serving_port,
            profile=self._rest.profile,
            variables=self._rest.variables,
            jupyter_port=port,
            notebooks=str(wishes.notebooks or default_notebooks(Path.cwd())),
            token=secrets.token_hex(24),
            socket=str(self.layout.new_socket()),
        )

    @contextlib.contextmanager
    def _locked(self, progress: Progress) -> Iterator[None]:
        yield
